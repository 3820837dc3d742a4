import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '../../../../../src/bittorrent/address.ts'
import { type BencodeValue, bdecode } from '../../../../../src/bittorrent/bencode.ts'
import { FAILURE_REASONS, type FailureCode } from '../../../../../src/bittorrent/failure.ts'
import type { AnnounceResponse, Infohash } from '../../../../../src/bittorrent/types.ts'
import {
  encodeAnnounce,
  encodeFailures,
  encodeScrape,
} from '../../../../../src/tracker/frontend/http/encode.ts'

const COMPACT = { isCompact: true, omitsPeerIds: false }
const DICTIONARIES = { isCompact: false, omitsPeerIds: false }

/** Peer 1 has both families, peer 2 IPv4 only, peer 3 IPv6 only. */
const PEERS = Buffer.concat([
  Buffer.alloc(20, 'a'),
  Buffer.from('c0000201 1ae1 20010db8000000000000000000000001 1ae2'.replaceAll(' ', ''), 'hex'),
  Buffer.alloc(20, 'b'),
  Buffer.from('c0000202 1ae3 00000000000000000000000000000000 0000'.replaceAll(' ', ''), 'hex'),
  Buffer.alloc(20, 'c'),
  Buffer.from('00000000 0000 20010db8000000000000000000000003 1ae4'.replaceAll(' ', ''), 'hex'),
])

function response(changes: Partial<AnnounceResponse> = {}): AnnounceResponse {
  return {
    seeders: 4,
    leechers: 5,
    snatches: 6,
    intervalSeconds: 1800,
    minIntervalSeconds: 900,
    peers: new Uint8Array(),
    externalIp: parseAddress('192.0.2.7')!,
    warning: undefined,
    ...changes,
  }
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
const dictionary = (bytes: Uint8Array) => bdecode(bytes) as Map<string, BencodeValue>
const COUNTS_AND_IP =
  'd8:completei4e10:downloadedi6e11:external ip4:\xc0\x00\x02\x0710:incompletei5e8:intervali1800e12:min intervali900e'

test('an answer without peers still has the key', () => {
  expect(latin1(encodeAnnounce(response(), COMPACT))).toBe(`${COUNTS_AND_IP}5:peers0:e`)
  expect(latin1(encodeAnnounce(response(), DICTIONARIES))).toBe(`${COUNTS_AND_IP}5:peerslee`)
})

test('compact peers are split by family and a dual-stack peer is in both lists', () => {
  expect(latin1(encodeAnnounce(response({ peers: PEERS }), COMPACT))).toBe(
    `${COUNTS_AND_IP}5:peers12:\xc0\x00\x02\x01\x1a\xe1\xc0\x00\x02\x02\x1a\xe3` +
      `6:peers636: \x01\r\xb8${'\0'.repeat(11)}\x01\x1a\xe2 \x01\r\xb8${'\0'.repeat(11)}\x03\x1a\xe4e`,
  )
})

test('dictionaries list every endpoint of every peer', () => {
  const peers = dictionary(encodeAnnounce(response({ peers: PEERS }), DICTIONARIES)).get('peers')
  const entry = (ip: string, id: string, port: number) =>
    new Map<string, unknown>([
      ['ip', Buffer.from(ip)],
      ['peer id', Buffer.alloc(20, id)],
      ['port', port],
    ])
  expect(peers).toEqual([
    entry('192.0.2.1', 'a', 6881),
    entry('2001:db8::1', 'a', 6882),
    entry('192.0.2.2', 'b', 6883),
    entry('2001:db8::3', 'c', 6884),
  ])
})

test('no_peer_id leaves the ids out', () => {
  const answer = encodeAnnounce(response({ peers: PEERS }), { isCompact: false, omitsPeerIds: true })
  expect(latin1(answer)).not.toContain('peer id')
  expect(dictionary(answer).get('peers')).toHaveLength(4)
})

test('an IPv6 client reads its 16 bytes', () => {
  const externalIp = parseAddress('2001:db8::9')!
  for (const style of [COMPACT, DICTIONARIES]) {
    expect(dictionary(encodeAnnounce(response({ externalIp }), style)).get('external ip')).toEqual(
      Buffer.from(externalIp.bytes),
    )
  }
})

test('whatever is answered is canonical bencoding', () => {
  const count = fc.maxSafeInteger().map(Math.abs)
  const anyResponse = fc.record({
    seeders: count,
    leechers: count,
    snatches: count,
    intervalSeconds: count,
    minIntervalSeconds: count,
    peers: fc.constantFrom(new Uint8Array(), PEERS, PEERS.subarray(44, 88), PEERS.subarray(88)),
    externalIp: fc.oneof(fc.ipV4(), fc.ipV6()).map((text) => parseAddress(text)!),
    warning: fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
  })
  fc.assert(
    fc.property(anyResponse, fc.boolean(), (answer, isCompact) => {
      const read = dictionary(encodeAnnounce(answer, { isCompact, omitsPeerIds: false }))
      expect(read.get('complete')).toBe(answer.seeders)
      expect(read.get('incomplete')).toBe(answer.leechers)
      expect(read.get('downloaded')).toBe(answer.snatches)
      expect(read.get('warning message')?.toString()).toBe(answer.warning)
      expect(read.has('peers')).toBe(true)
    }),
  )
})

test('a scrape is sorted by raw infohash and answers a repeated one once', () => {
  const file = (byte: number) => ({
    infohash: Buffer.alloc(20, byte).toString('hex') as Infohash,
    seeders: byte,
    leechers: 2,
    snatches: 3,
  })
  const answer = encodeScrape({ files: [file(0xff), file(0x30), file(0x80), file(0xff)] })
  const entry = (byte: number) =>
    `20:${String.fromCharCode(byte).repeat(20)}d8:completei${byte}e10:downloadedi3e10:incompletei2ee`
  expect(latin1(answer)).toBe(`d5:filesd${[0x30, 0x80, 0xff].map(entry).join('')}ee`)
})

test('a temporary failure says when to come back, a lasting one only why', () => {
  const failures = encodeFailures({ retryInMinutes: 5, retryIntervalSeconds: 300 })
  for (const [code, reason] of Object.entries(FAILURE_REASONS)) {
    const retry = code === 'temporarilyUnavailable' ? '8:intervali300e8:retry ini5e' : ''
    expect(latin1(failures[code as FailureCode])).toBe(
      `d14:failure reason${reason.length}:${reason}${retry}e`,
    )
  }
})
