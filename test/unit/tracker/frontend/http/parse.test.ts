import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { percentEncode } from '../../../../../src/bittorrent/bytes20.ts'
import { FAILURE_REASONS, type FailureCode, Refusal } from '../../../../../src/bittorrent/failure.ts'
import { clientIpFinder } from '../../../../../src/tracker/frontend/http/clientIp.ts'
import {
  type HttpRequest,
  type ParseOptions,
  parseAnnounce,
  parseScrape,
} from '../../../../../src/tracker/frontend/http/parse.ts'

const OPTIONS: ParseOptions = {
  passkeyParams: ['passkey', 'uk'],
  defaultNumwant: 50,
  maxNumwant: 100,
  maxScrapeInfohashes: 3,
  allowIpSpoofing: false,
  findClientIp: clientIpFinder(['127.0.0.0/8']),
}
const INFOHASH = '%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9a'
const INFOHASH_HEX = '123456789abcdef123456789abcdef123456789a'
const GOOD = {
  info_hash: INFOHASH,
  peer_id: '-TR3000-abcdefghijkl',
  port: '6881',
  uploaded: '1',
  downloaded: '2',
  left: '3',
}

/** A good query with some parameters replaced or, by undefined, left out. */
function query(changes: Record<string, string | undefined> = {}): string {
  return Object.entries({ ...GOOD, ...changes })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join('&')
}

function request(rawQuery: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    rawQuery,
    routePasskey: undefined,
    userAgent: '',
    socket: '192.0.2.7',
    forwarded: undefined,
    ...changes,
  }
}

const announce = (
  rawQuery: string,
  options: Partial<ParseOptions> = {},
  changes: Partial<HttpRequest> = {},
) => parseAnnounce(request(rawQuery, changes), { ...OPTIONS, ...options })

function refusal(run: () => unknown): FailureCode | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return undefined
}

test('a plain announce is understood', () => {
  const parsed = announce(
    query({ event: 'started', numwant: '30', compact: '1' }),
    {},
    { userAgent: 'Transmission/4' },
  )
  expect(parsed).toMatchObject({
    infohash: INFOHASH_HEX,
    peerId: Buffer.from(GOOD.peer_id).toString('hex'),
    event: 'started',
    port: 6881,
    uploadedBytes: 1,
    downloadedBytes: 2,
    leftBytes: 3,
    numwant: 30,
    passkey: undefined,
    userAgent: 'Transmission/4',
    isCompact: true,
    omitsPeerIds: false,
  })
  expect(parsed.address.text).toBe('192.0.2.7')
  expect(parsed.otherAddress).toBeUndefined()
})

test('any infohash and peer id survive', () => {
  const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 })
  fc.assert(
    fc.property(bytes20, bytes20, (infohash, peerId) => {
      const parsed = announce(query({ info_hash: percentEncode(infohash), peer_id: percentEncode(peerId) }))
      expect(parsed.infohash).toBe(Buffer.from(infohash).toString('hex'))
      expect(parsed.peerId).toBe(Buffer.from(peerId).toString('hex'))
    }),
  )
})

/** One mistake each, in the order of the checks: whoever makes two reads the first. */
const MISTAKES: [FailureCode, Record<string, string | undefined>][] = [
  ['invalidQueryEscape', { key: '%zz' }],
  ['invalidInfohash', { info_hash: 'short' }],
  ['noInfohash', { info_hash: undefined }],
  ['unparsablePeerId', { peer_id: undefined }],
  ['invalidPeerId', { peer_id: 'short' }],
  ['unparsableLeft', { left: undefined }],
  ['unparsableDownloaded', { downloaded: '-1' }],
  ['unparsableUploaded', { uploaded: 'x' }],
  ['unparsableNumwant', { numwant: 'many' }],
  ['unparsablePort', { port: '65536' }],
  ['invalidPort', { port: '0' }],
]
const SPOOFING = { allowIpSpoofing: true }

describe('the first failing check is the one a client reads', () => {
  test.each(MISTAKES)('%s', (code, change) => {
    expect(refusal(() => announce(query(change), SPOOFING))).toBe(code)
  })

  test('whichever two come together', () => {
    for (const [i, [code, change]] of MISTAKES.entries()) {
      for (const [, later] of MISTAKES.slice(i + 1)) {
        const sharesName = Object.keys(later).some((name) => name in change)
        if (!sharesName) expect(refusal(() => announce(query({ ...later, ...change }), SPOOFING))).toBe(code)
      }
    }
  })

  test('a broken escape comes before a bad infohash even when it stands behind it', () => {
    expect(refusal(() => announce('info_hash=x&key=%'))).toBe('invalidQueryEscape')
  })

  test('one good infohash does not excuse a bad one, and two good ones are one too many', () => {
    expect(refusal(() => announce(`${query()}&info_hash=x`))).toBe('invalidInfohash')
    expect(refusal(() => announce(`${query()}&info_hash=${INFOHASH}`))).toBe('multipleInfohashes')
  })
})

test.each([
  ['0', 0],
  ['007', 7],
  ['%31%32', 12],
  ['999999999999999', 999_999_999_999_999],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['00000000000000000000000000000001', 1],
])('the total %s is %d', (text, wanted) => {
  const parsed = announce(query({ uploaded: text, downloaded: text, left: text }))
  expect([parsed.uploadedBytes, parsed.downloadedBytes, parsed.leftBytes]).toEqual([wanted, wanted, wanted])
})

test.each([
  '',
  '-1',
  '+1',
  '1.0',
  '1e3',
  '0x10',
  '9007199254740992',
  '18446744073709551615',
  '18446744073709551616',
  ' 1',
])('the total "%s" is refused', (text) => {
  expect(refusal(() => announce(query({ uploaded: text })))).toBe('unparsableUploaded')
  expect(refusal(() => announce(query({ downloaded: text })))).toBe('unparsableDownloaded')
})

test('what is left may be unknown, but not below -1 or beyond 64 bits', () => {
  for (const text of ['9007199254740992', '9223372036854775807', '18446744073709551615', '-1', '']) {
    expect(announce(query({ left: text })).leftBytes).toBe(Number.MAX_SAFE_INTEGER)
  }
  for (const text of ['-2', '18446744073709551616', undefined]) {
    expect(refusal(() => announce(query({ left: text })))).toBe('unparsableLeft')
  }
})

test.each([
  [undefined, 50],
  ['0', 0],
  ['100', 100],
  ['101', 100],
  ['99999999999999999999999', 100],
  ['', 50],
  ['-1', 50],
  ['%2D1', 50],
  ['-99999999999999999999999', 50],
])('numwant %s gives %d', (numwant, wanted) => {
  expect(announce(query({ numwant })).numwant).toBe(wanted)
})

test.each(['-', 'x', '5x', '1.5', '--1'])('numwant "%s" is refused', (numwant) => {
  expect(refusal(() => announce(query({ numwant })))).toBe('unparsableNumwant')
})

test('a default above the maximum is the maximum', () => {
  expect(announce(query(), { maxNumwant: 20 }).numwant).toBe(20)
  expect(announce(query({ numwant: '-1' }), { maxNumwant: 20 }).numwant).toBe(20)
})

test.each([
  [undefined, 'none'],
  ['', 'none'],
  ['none', 'none'],
  ['paused', 'none'],
  ['empty', 'none'],
  ['update', 'none'],
  ['resumed', 'none'],
  ['%ff', 'none'],
  ['started', 'started'],
  ['STOPPED', 'stopped'],
  ['c%6Fmpleted', 'completed'],
])('event %s is %s', (event, wanted) => {
  expect(announce(query({ event })).event).toBe(wanted)
})

test('a paused client says so', () => {
  expect([announce(query({ event: 'PAUSED' })).isPaused, announce(query()).isPaused]).toEqual([true, false])
})

test('a second ? before a known name separates, any other belongs to the value', () => {
  const parsed = announce(`passkey=abc?${query({ key: 'a?b=c' })}`)
  expect([parsed.passkey, parsed.infohash]).toEqual(['abc', INFOHASH_HEX])
  expect([parsed.params.get('passkey'), parsed.params.get('key')]).toEqual(['abc', 'a?b=c'])
})

test('port 0 is fine for who leaves', () => {
  expect(announce(query({ port: '0', event: 'stopped' })).port).toBe(0)
  expect(announce(query({ port: '65535' })).port).toBe(65_535)
  for (const port of [undefined, '', '-1', '65536', 'x']) {
    expect(refusal(() => announce(query({ port })))).toBe('unparsablePort')
  }
})

test('semicolons separate, empty pairs do not matter, the last of equal names wins', () => {
  expect(announce(`;&${query().replaceAll('&', ';')};;left=8&left=9&`).leftBytes).toBe(9)
})

test('names are read in any case and coding, but info_hash only as it is written', () => {
  expect(announce(query({ left: undefined, LeFt: '7' })).leftBytes).toBe(7)
  expect(announce(query({ left: undefined, '%6ceft': '7' })).leftBytes).toBe(7)
  expect(announce(query({ info_hash: undefined, '%69nfo_hash': INFOHASH })).infohash).toBe(INFOHASH_HEX)
  expect(refusal(() => announce(query({ info_hash: undefined, INFO_HASH: INFOHASH })))).toBe('noInfohash')
  expect(refusal(() => announce(query({ INFO_HASH: INFOHASH })))).toBeUndefined()
})

test('a name without = is present and empty', () => {
  expect(announce(`${query({ left: undefined })}&left`).leftBytes).toBe(Number.MAX_SAFE_INTEGER)
  expect(refusal(() => announce(`${query({ peer_id: undefined })}&peer_id`))).toBe('invalidPeerId')
  expect(refusal(() => announce(`${query({ info_hash: undefined })}&info_hash`))).toBe('invalidInfohash')
})

test('compact is off when absent or 0', () => {
  const isCompact = (compact: string | undefined) => announce(query({ compact })).isCompact
  expect([undefined, '', '0', '1', '2'].map(isCompact)).toEqual([false, false, false, true, true])
  expect(announce(query({ no_peer_id: '1' })).omitsPeerIds).toBe(true)
})

test('the passkey of the route comes first, then the query in the order of the names', () => {
  const both = query({ uk: 'second', passkey: 'first' })
  expect(announce(both, {}, { routePasskey: 'route' }).passkey).toBe('route')
  expect(announce(both).passkey).toBe('first')
  expect(announce(query({ passkey: 'first', uk: 'second' })).passkey).toBe('first')
  expect(announce(query({ passkey: '', uk: 'second' })).passkey).toBe('second')
  expect(announce(query({ PASSKEY: 'AbZ' })).passkey).toBe('AbZ')
  expect(announce(query({ passkey: 'a%2Fb' })).passkey).toBe('a/b')
  expect(announce(query({ passkey: '' })).passkey).toBeUndefined()
})

test('every other parameter can be read by its lowercase name', () => {
  const { params } = announce(query({ Key: 'a+b%FF', key2: undefined }))
  expect(params.get('key')).toBe('a b\xff')
  expect(params.get('left')).toBe('3')
  expect(params.has('key2')).toBe(false)
})

describe('addresses', () => {
  const addresses = (change: Record<string, string | undefined>, socket = '192.0.2.7') => {
    const { address, otherAddress } = announce(query(change), SPOOFING, { socket })
    return [address.text, otherAddress?.text]
  }

  test('a client is not believed unless the operator says so', () => {
    const parsed = announce(query({ ip: '198.51.100.1', ipv6: '2001:db8::1' }))
    expect([parsed.address.text, parsed.otherAddress]).toEqual(['192.0.2.7', undefined])
  })

  test('an IPv4-mapped socket is an IPv4 client', () => {
    expect(announce(query(), {}, { socket: '::ffff:192.0.2.7' }).address).toMatchObject({
      family: 'IPv4',
      text: '192.0.2.7',
    })
  })

  test('a believed client may name both its addresses', () => {
    expect(addresses({ ip: '198.51.100.1' })).toEqual(['198.51.100.1', undefined])
    expect(addresses({ ipv4: '198.51.100.1:6881' })).toEqual(['198.51.100.1', undefined])
    expect(addresses({ ipv6: '2001%3Adb8%3A%3A1' })).toEqual(['192.0.2.7', '2001:db8::1'])
    expect(addresses({ ipv6: '[2001:DB8::1]:6881' })).toEqual(['192.0.2.7', '2001:db8::1'])
    expect(addresses({ ipv4: '198.51.100.1' }, '2001:db8::7')).toEqual(['2001:db8::7', '198.51.100.1'])
    expect(addresses({ ip: '2001:db8::1', ipv4: '198.51.100.1' })).toEqual(['2001:db8::1', '198.51.100.1'])
    expect(addresses({ ip: '', ipv4: '', ipv6: '' })).toEqual(['192.0.2.7', undefined])
  })

  test.each([
    { ip: 'localhost' },
    { ip: 'host.example' },
    { ip: '0.0.0.0' },
    { ip: '198.51.100.1:80' },
    { ipv4: '2001:db8::1' },
    { ipv6: '198.51.100.1' },
    { ipv6: 'fe80::1%25eth0' },
    { ipv6: '::' },
    { ipv6: 'a,b' },
    { ipv6: '::ffff:1.2.3.4' },
  ])('%o cannot be used and is dropped', (change) => {
    expect(addresses(change)).toEqual(['192.0.2.7', undefined])
  })

  test('where no peer can be, the connection itself is refused', () => {
    expect(refusal(() => announce(query(), {}, { socket: '0.0.0.0' }))).toBe('invalidIp')
  })
})

test('a scrape keeps order and duplicates and is cut at the maximum', () => {
  const hash = (n: number) => Buffer.alloc(20, n)
  const raw = [3, 1, 3, 2].map((n) => `info_hash=${percentEncode(hash(n))}`).join('&')
  const parsed = parseScrape(request(`${raw}&passkey=abc`), OPTIONS)
  expect(parsed.infohashes).toEqual([3, 1, 3].map((n) => hash(n).toString('hex')))
  expect(parsed.passkey).toBe('abc')
  expect(parsed.address.text).toBe('192.0.2.7')
})

test('a scrape is refused in the same words', () => {
  const scrape = (raw: string) => refusal(() => parseScrape(request(raw), OPTIONS))
  expect(scrape('')).toBe('noInfohash')
  expect(scrape('info_hash=x')).toBe('invalidInfohash')
  expect(scrape('info_hash=x&%')).toBe('invalidQueryEscape')
})

test('any bytes at all in the query give a request or a refusal', () => {
  const bytes = fc.uint8Array({ maxLength: 80 }).map((raw) => Buffer.from(raw).toString('latin1'))
  const value = fc.oneof(
    bytes,
    fc.constantFrom('', '-1', '%', '%4', '1'.repeat(25), INFOHASH, '::1', '1.2.3.4', '[::1]:1'),
  )
  const name = fc.oneof(
    fc.constantFrom(
      ...Object.keys(GOOD),
      'event',
      'numwant',
      'compact',
      'ip',
      'ipv4',
      'ipv6',
      'passkey',
      'uk',
    ),
    bytes,
  )
  const pairs = fc.array(fc.tuple(name, fc.constantFrom('=', '', '=='), value, fc.constantFrom('&', ';', '')))
  const raw = fc.oneof(
    bytes,
    pairs.map((list) => list.map((parts) => parts.join('')).join('')),
    pairs.map((list) => query(Object.fromEntries(list.map(([key, , text]) => [key, text])))),
  )
  let served = 0
  fc.assert(
    fc.property(raw, fc.boolean(), (rawQuery, allowIpSpoofing) => {
      const code = refusal(() => announce(rawQuery, { allowIpSpoofing }).params)
      if (code === undefined) served++
      else expect(FAILURE_REASONS).toHaveProperty(code)
      refusal(() => parseScrape(request(rawQuery), OPTIONS))
    }),
    { numRuns: 10_000 },
  )
  expect(served).toBeGreaterThan(100) // else the property would only have seen refusals
})
