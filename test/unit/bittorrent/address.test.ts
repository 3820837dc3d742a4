import { BlockList, isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressOf,
  compileNetworks,
  formatAddress,
  isReachable,
  parseAddress,
  parseAddressMaybePort,
} from '../../../src/bittorrent/address.ts'

const ipv4Bytes = fc.uint8Array({ minLength: 4, maxLength: 4 })
/** Zero groups are frequent, as in real addresses. */
const ipv6Bytes = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255])))
  .filter((bytes) => addressOf(bytes).family === 'IPv6')

test('any address survives its text', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4Bytes, ipv6Bytes), (bytes) => {
      const parsed = parseAddress(formatAddress(bytes))!
      expect([...parsed.bytes]).toEqual([...bytes])
      expect(parsed.text).toBe(formatAddress(bytes))
      expect(parsed.family).toBe(bytes.length === 4 ? 'IPv4' : 'IPv6')
    }),
  )
})

test('IPv6 text is what the URL standard writes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), ipv6Bytes.map(formatAddress)), (text) => {
      const parsed = parseAddress(text)!
      if (parsed.family === 'IPv6') expect(`[${parsed.text}]`).toBe(new URL(`http://[${text}]/`).hostname)
    }),
  )
})

test('exactly what the system takes for an address is one', () => {
  const scraps = fc.string({ unit: fc.constantFrom(...'0123456789abF:.'), maxLength: 20 })
  const mutated = fc
    .tuple(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.nat(40),
      fc.constantFrom('', '0', ':', '.', 'g', '::', '1.2.3.4'),
    )
    .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at + 1))
  fc.assert(
    fc.property(fc.oneof(scraps, mutated, fc.string()), (text) => {
      fc.pre(!text.includes('%')) // zone ids, below
      expect(parseAddress(text) !== undefined, text).toBe(isIPv4(text) || isIPv6(text))
    }),
    { numRuns: 3_000 },
  )
})

test.each([
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
])('the IPv4-mapped %s is IPv4', (text, wanted) => {
  expect(parseAddress(text)).toMatchObject({ family: 'IPv4', text: wanted })
  expect([...parseAddress(text)!.bytes]).toEqual([192, 0, 2, 1])
})

test.each([
  'fe80::1%eth0',
  '192.0.2.01',
  '192.0.2.256',
  '192.0.2',
  ' 192.0.2.1',
  '192.0.2.1:80',
  '[::1]',
  '1.2.3.4.5',
  '::ffff:1.2.3.4.5',
  '',
])('"%s" is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('a port beside an address is ignored where one may stand', () => {
  expect(parseAddressMaybePort('192.0.2.1:80')?.text).toBe('192.0.2.1')
  expect(parseAddressMaybePort('192.0.2.1')?.text).toBe('192.0.2.1')
  expect(parseAddressMaybePort('[2001:db8::1]:6881')?.text).toBe('2001:db8::1')
  expect(parseAddressMaybePort('[2001:db8::1]')?.text).toBe('2001:db8::1')
  expect(parseAddressMaybePort('2001:db8::1')?.text).toBe('2001:db8::1')
  for (const text of [
    '[192.0.2.1]:80',
    '[2001:db8::1',
    '192.0.2.1:',
    '192.0.2.1:x',
    '[2001:db8::1]80',
    'host:80',
  ]) {
    expect(parseAddressMaybePort(text), text).toBeUndefined()
  }
})

test('nobody is at an unspecified, multicast or reserved address', () => {
  for (const text of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1']) {
    expect(isReachable(parseAddress(text)!), text).toBe(false)
  }
  for (const text of ['127.0.0.1', '10.0.0.1', '223.255.255.255', '::1', 'fe80::1', '2001:db8::1']) {
    expect(isReachable(parseAddress(text)!), text).toBe(true)
  }
})

test('a network holds what the system says it holds', () => {
  const ipv4Network = fc.tuple(ipv4Bytes, fc.integer({ min: 0, max: 32 }))
  const ipv6Network = fc.tuple(ipv6Bytes, fc.integer({ min: 0, max: 128 }))
  fc.assert(
    fc.property(
      fc.oneof(ipv4Network, ipv6Network),
      fc.nat(127),
      fc.boolean(),
      ([bytes, bits], flip, isNear) => {
        const network = addressOf(bytes)
        const near = Uint8Array.from(bytes)
        if (isNear) near[(flip >> 3) % near.length]! ^= 1 << (flip & 7)
        const address = addressOf(near)
        fc.pre(address.family === network.family)
        const list = new BlockList()
        list.addSubnet(network.text, bits, network.family === 'IPv4' ? 'ipv4' : 'ipv6')
        const expected = list.check(address.text, address.family === 'IPv4' ? 'ipv4' : 'ipv6')
        expect(compileNetworks([`${network.text}/${bits}`])(address)).toBe(expected)
      },
    ),
  )
})

test('networks of one family say nothing about the other, and mapped text means IPv4', () => {
  const isInside = compileNetworks(['::ffff:10.0.0.0/104', '2001:db8::5'])
  expect(isInside(parseAddress('10.1.2.3')!)).toBe(true)
  expect(isInside(parseAddress('11.1.2.3')!)).toBe(false)
  expect(isInside(parseAddress('2001:db8::5')!)).toBe(true)
  expect(isInside(parseAddress('2001:db8::6')!)).toBe(false)
  expect(compileNetworks(['::/0'])(parseAddress('10.1.2.3')!)).toBe(false)
  expect(compileNetworks([])(parseAddress('10.1.2.3')!)).toBe(false)
})

test.each([
  '10.0.0.0/33',
  '::1/129',
  '10.0.0.0/',
  '10.0.0.0/x',
  'localhost',
  '',
  '10.0.0.0/8/8',
  '::ffff:10.0.0.0/95',
])('"%s" is no network', (text) => {
  expect(() => compileNetworks(['10.0.0.0/8', text])).toThrow(RangeError)
  expect(() => compileNetworks([text])).toThrow(`"${text}"`)
})
