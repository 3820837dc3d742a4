import { describe, expect, test } from 'vitest'
import { LoadRefused } from '../../../src/load/plan.ts'
import { parseTarget, resolveTarget } from '../../../src/load/target.ts'

describe('a target URL', () => {
  test.each([
    ['http://127.0.0.1:6969/announce', '/announce/KEY'],
    ['http://127.0.0.1:6969', '/announce/KEY'],
    ['http://127.0.0.1:6969/', '/announce/KEY'],
    ['http://127.0.0.1:6969/announce/', '/announce/KEY'],
    ['http://127.0.0.1:6969/announce?a=b', '/announce/KEY?a=b'],
    ['http://127.0.0.1:6969/{passkey}/announce', '/KEY/announce'],
    ['http://127.0.0.1:6969/announce.php?passkey={passkey}&x=y', '/announce.php?passkey=KEY&x=y'],
    ['udp://127.0.0.1:6969', '/announce/KEY'],
    ['udp://127.0.0.1:6969/announce?passkey={passkey}', '/announce?passkey=KEY'],
  ])('%s with a passkey asks for %s', (url, path) => {
    expect(parseTarget(url, true).path('KEY')).toBe(path)
  })

  test.each([
    ['http://127.0.0.1:6969', '/announce'],
    ['http://127.0.0.1:6969/announce/KEY', '/announce/KEY'],
    ['http://127.0.0.1:6969/announce?x=1', '/announce?x=1'],
    ['udp://127.0.0.1:6969', ''],
    ['udp://127.0.0.1:6969/announce', '/announce'],
  ])('%s without one asks for "%s"', (url, path) => {
    expect(parseTarget(url, false).path(undefined)).toBe(path)
  })

  test('shows no more of itself than its origin', () => {
    expect(parseTarget('http://localhost/announce/KEY?passkey=KEY', false)).toMatchObject({
      origin: 'http://localhost:80',
      host: 'localhost',
      port: 80,
    })
    expect(parseTarget('https://[::1]/KEY/announce', false)).toMatchObject({
      origin: 'https://[::1]:443',
      host: '::1',
      port: 443,
    })
  })

  test.each([
    ['nonsense', /http:\/\//],
    ['ftp://127.0.0.1/announce', /http:\/\//],
    ['udp://127.0.0.1/announce', /port/],
    ['http://user:KEY@127.0.0.1/announce', /no user/],
    ['http://127.0.0.1/{passkey}/announce?passkey={passkey}', /twice/],
    ['http://{passkey}.example/announce', /path or the query/],
  ])('%s is refused without being repeated', (url, reason) => {
    expect(() => parseTarget(url, true)).toThrow(LoadRefused)
    expect(() => parseTarget(url, true)).toThrow(reason)
    expect(() => parseTarget(url, true)).not.toThrow(/KEY/)
  })

  test('that has a place for a passkey needs one', () => {
    expect(() => parseTarget('http://127.0.0.1/{passkey}/announce', false)).toThrow(/--passkey/)
  })
})

describe('only this machine', () => {
  const target = parseTarget('http://tracker.example/announce', false)
  const resolving =
    (...addresses: string[]) =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

  test.each([['127.0.0.1'], ['127.1.2.3'], ['::1'], ['::ffff:127.0.0.1']])(
    '%s may be aimed at',
    async (address) => {
      expect(await resolveTarget(target, false, resolving(address))).toEqual([address])
    },
  )

  test.each([
    ['192.0.2.1'],
    ['10.0.0.1'],
    ['0.0.0.0'],
    ['::'],
    ['2001:db8::1'],
    ['::ffff:192.0.2.1'],
    ['fe80::1%eth0'],
    ['128.0.0.1'],
  ])('%s may not', async (address) => {
    await expect(resolveTarget(target, false, resolving(address))).rejects.toThrow(/--i-own-this-target/)
  })

  test('one strange address of a name is one too many', async () => {
    const mixed = resolving('127.0.0.1', '192.0.2.1')
    await expect(resolveTarget(target, false, mixed)).rejects.toThrow(/192\.0\.2\.1/)
  })

  test('whoever owns the target may aim at it; its IPv4 addresses come first', async () => {
    const addresses = resolving('2001:db8::1', '192.0.2.1')
    expect(await resolveTarget(target, true, addresses)).toEqual(['192.0.2.1', '2001:db8::1'])
  })

  test('addresses themselves are told apart without asking anybody', async () => {
    const at = (host: string) => resolveTarget(parseTarget(`http://${host}/announce`, false), false)
    expect(await at('127.0.0.1')).toEqual(['127.0.0.1'])
    expect(await at('[::1]')).toEqual(['::1'])
    await expect(at('192.0.2.1')).rejects.toThrow(/is not this machine/)
    await expect(at('0x7f.1.1.1')).resolves.toEqual(['127.1.1.1']) // a URL knows other spellings of an address
    await expect(at('3221225985')).rejects.toThrow(LoadRefused)
  })

  test('a name that is none is refused in one line', async () => {
    const nowhere = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })
    }
    await expect(resolveTarget(target, true, nowhere)).rejects.toThrow(/cannot be resolved \(ENOTFOUND\)/)
  })
})
