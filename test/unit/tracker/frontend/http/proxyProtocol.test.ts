import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatAddress } from '../../../../../src/bittorrent/address.ts'
import { parseProxyHeader } from '../../../../../src/tracker/frontend/http/proxyProtocol.ts'
import {
  proxyV1,
  proxyV2,
  proxyV2Raw,
  textOf,
  V4_CLIENT,
  V4_PROXY,
  V6_CLIENT,
} from '../../../../support/builders/proxyHeaders.ts'

const LONGEST_BYTES = 4096
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const ends = fc.oneof(fc.tuple(bytesOf(4), bytesOf(4)), fc.tuple(bytesOf(16), bytesOf(16)))
const port = fc.integer({ min: 0, max: 65_535 })
const rest = fc.uint8Array({ maxLength: 40 })
const text = (line: string) => parseProxyHeader(Buffer.from(line, 'latin1'))

/** Every header, with whatever comes behind it, and the client that it names. */
const headers = fc.oneof(
  fc.tuple(ends, port, port).map(([[client, proxy], ...ports]) => ({
    header: proxyV1(formatAddress(client), formatAddress(proxy), ...ports),
    client: textOf(client),
  })),
  fc.tuple(ends, fc.uint8Array({ maxLength: 200 })).map(([[client, proxy], extensions]) => ({
    header: proxyV2(client, proxy, extensions),
    client: textOf(client),
  })),
)

describe('both versions', () => {
  test('give the client they name, and leave what comes behind them', () => {
    fc.assert(
      fc.property(headers, rest, ({ header, client }, behind) => {
        expect(parseProxyHeader(Buffer.concat([header, behind]))).toEqual({
          status: 'complete',
          bytes: header.length,
          client,
        })
      }),
    )
  })

  test('are waited for as long as a part is missing', () => {
    fc.assert(
      fc.property(headers, fc.nat(), ({ header }, cut) => {
        expect(parseProxyHeader(header.subarray(0, cut % header.length)).status).toBe('incomplete')
      }),
    )
  })
})

test('any bytes get a verdict, and more than a header can have are never waited for', () => {
  const begun = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from('PROXY '),
    proxyV2Raw(0x21, 0x11, new Uint8Array()),
  )
  fc.assert(
    fc.property(begun, fc.uint8Array({ maxLength: 6000 }), (beginning, noise) => {
      const bytes = Buffer.concat([beginning, noise])
      const header = parseProxyHeader(bytes)
      if (bytes.length >= LONGEST_BYTES) expect(header.status).not.toBe('incomplete')
      if (header.status === 'complete') expect(header.bytes).toBeLessThanOrEqual(bytes.length)
    }),
  )
})

test.each(['GET / HTTP/1.1\r\n', 'PUT', 'PROXZ TCP4', '\r\n\r\n\0\r\nQUIX', '\x16\x03\x01'])(
  'what begins as %j is no header',
  (line) => {
    expect(text(line)).toEqual({ status: 'missing' })
  },
)

describe('version 1', () => {
  test.each(['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n', 'PROXY UNKNOWN rubbish\r\n'])(
    '%j names nobody',
    (line) => {
      expect(text(line)).toEqual({ status: 'complete', bytes: line.length, client: undefined })
    },
  )

  test.each([
    'PROXY TCP4 198.51.100.7 10.0.0.1 40000\r\n',
    'PROXY TCP4 198.51.100.7 10.0.0.1 40000 65536\r\n',
    'PROXY TCP4 198.51.100.7 10.0.0.1 -1 80\r\n',
    'PROXY TCP4 198.51.100.256 10.0.0.1 40000 80\r\n',
    'PROXY TCP4 198.51.100.7 rubbish 40000 80\r\n',
    'PROXY TCP4 2001:db8::7 2001:db8::1 40000 80\r\n',
    'PROXY TCP4 ::ffff:198.51.100.7 10.0.0.1 40000 80\r\n',
    'PROXY TCP6 198.51.100.7 10.0.0.1 40000 80\r\n',
    'PROXY TCP6 fe80::1%eth0 fe80::2 40000 80\r\n',
    'PROXY  TCP4 198.51.100.7 10.0.0.1 40000 80\r\n',
    'PROXY UDP4 198.51.100.7 10.0.0.1 40000 80\r\n',
    'PROXY tcp4 198.51.100.7 10.0.0.1 40000 80\r\n',
    'PROXY TCP4 198.51.100.7 10.0.0.1 40000 80 \r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    `PROXY ${'x'.repeat(101)}`,
  ])('%j is malformed', (line) => {
    expect(text(line)).toEqual({ status: 'malformed' })
  })

  test('the longest line there can be is read', () => {
    const longest = `PROXY UNKNOWN ${'f'.repeat(91)}\r\n`
    expect(longest).toHaveLength(107)
    expect(text(longest)).toMatchObject({ status: 'complete', bytes: 107 })
  })
})

describe('version 2', () => {
  const parse = (command: number, family: number, following: Uint8Array = new Uint8Array()) =>
    parseProxyHeader(proxyV2Raw(command, family, following))

  test.each([
    ['the proxy itself, as in a health check', 0x20, 0x00, 0],
    ['the proxy itself, whatever else it says', 0x20, 0x11, 12],
    ['the proxy itself, in a form we do not know', 0x20, 0xff, 3],
    ['a connection it does not describe', 0x21, 0x00, 0],
    ['a unix socket', 0x21, 0x31, 216],
  ])('%s names nobody', (_, command, family, following) => {
    expect(parse(command, family, new Uint8Array(following))).toEqual({
      status: 'complete',
      bytes: 16 + following,
      client: undefined,
    })
  })

  test.each([
    ['another version', 0x11, 0x11, 12],
    ['another command', 0x22, 0x11, 12],
    ['datagrams', 0x21, 0x12, 12],
    ['an unknown family', 0x21, 0x41, 12],
    ['too little for IPv4', 0x21, 0x11, 11],
    ['too little for IPv6', 0x21, 0x21, 35],
    ['too little for a unix socket', 0x21, 0x31, 215],
    ['more than is waited for', 0x21, 0x11, 4081],
  ])('%s is malformed', (_, command, family, following) => {
    expect(parse(command, family, new Uint8Array(following))).toEqual({ status: 'malformed' })
  })

  test('a length beyond the bound is refused before what it announces has arrived', () => {
    const header = proxyV2(V4_CLIENT, V4_PROXY, new Uint8Array(5000))
    expect(parseProxyHeader(header.subarray(0, 16))).toEqual({ status: 'malformed' })
  })

  test('an IPv4-mapped address is the IPv4 address it is', () => {
    const mapped = Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), V4_CLIENT])
    expect(parseProxyHeader(proxyV2(mapped, V6_CLIENT))).toMatchObject({ client: '198.51.100.7' })
  })
})
