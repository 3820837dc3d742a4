import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FAILURE_REASONS, Refusal } from '../../../../../src/bittorrent/failure.ts'
import { PACKED_PEER_BYTES } from '../../../../../src/bittorrent/packedPeer.ts'
import type { Infohash, PeerId } from '../../../../../src/bittorrent/types.ts'
import { MAX_ANSWER_BYTES } from '../../../../../src/tracker/frontend/udp/packets.ts'
import {
  encodeAnnouncePacket,
  encodeConnectRequest,
  encodeScrapePacket,
  isConnectRequest,
  parseAnnouncePacket,
  parseScrapePacket,
} from '../../../../../src/tracker/frontend/udp/requests.ts'
import {
  encodeAnnounceResponse,
  encodeConnectResponse,
  encodeErrorResponse,
  encodeScrapeResponse,
  errorBytes,
  maxScrapeEntries,
  parseResponse,
} from '../../../../../src/tracker/frontend/udp/responses.ts'
import { anAnnouncePacket } from '../../../../support/clients/udpClient.ts'

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const counter = fc.maxSafeNat()
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex20 = bytes(20).map((each) => Buffer.from(each).toString('hex'))
const family = fc.constantFrom('IPv4', 'IPv6')

const announces = fc.record({
  connectionId: bytes(8),
  transactionId: uint32,
  infohash: hex20 as fc.Arbitrary<Infohash>,
  peerId: hex20 as fc.Arbitrary<PeerId>,
  downloadedBytes: counter,
  leftBytes: counter,
  uploadedBytes: counter,
  eventId: fc.integer({ min: 0, max: 255 }),
  ip: fc.oneof(bytes(4), bytes(16)),
  key: uint32,
  numwant: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  port: fc.integer({ min: 0, max: 65_535 }),
  options: fc.uint8Array({ maxLength: 600 }),
})

/** Views of another buffer compare as plain bytes. */
const plain = <T extends object>(packet: T) =>
  Object.fromEntries(
    Object.entries(packet).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
  )

describe('what is written is what is read', () => {
  test('announce requests', () => {
    fc.assert(
      fc.property(announces, (announce) => {
        expect(plain(parseAnnouncePacket(encodeAnnouncePacket(announce)))).toEqual(plain(announce))
      }),
    )
  })

  test('scrape requests', () => {
    const scrapes = fc.record({
      connectionId: bytes(8),
      transactionId: uint32,
      infohashes: fc.array(hex20 as fc.Arbitrary<Infohash>, { minLength: 1, maxLength: 80 }),
    })
    fc.assert(
      fc.property(scrapes, (scrape) => {
        expect(plain(parseScrapePacket(encodeScrapePacket(scrape)))).toEqual(plain(scrape))
      }),
    )
  })

  test('connect requests', () => {
    fc.assert(
      fc.property(uint32, (transactionId) => {
        const packet = encodeConnectRequest(transactionId)
        expect(isConnectRequest(packet)).toBe(true)
        expect(packet.readUInt32BE(12)).toBe(transactionId)
      }),
    )
  })

  test('connect responses', () => {
    fc.assert(
      fc.property(uint32, bytes(8), family, (transactionId, connectionId, socket) => {
        const read = parseResponse(encodeConnectResponse(transactionId, connectionId), socket)
        expect(plain(read!)).toEqual({ kind: 'connect', transactionId, connectionId: [...connectionId] })
      }),
    )
  })

  test('announce responses, of which the peers of the own family arrive', () => {
    const peer = fc.record({ ipv4: bytes(6), ipv6: bytes(18) })
    fc.assert(
      fc.property(
        fc.record({ intervalSeconds: uint32, leechers: uint32, seeders: uint32 }),
        fc.array(peer, { maxLength: 40 }),
        fc.record({ transactionId: uint32, isOldIpv6: fc.boolean(), wantedFamily: family }),
        (counts, peers, style) => {
          const packed = Buffer.concat(
            peers.flatMap(({ ipv4, ipv6 }) => [Buffer.alloc(20), Buffer.from(ipv4), Buffer.from(ipv6)]),
          )
          const known = peers
            .map((each) => Buffer.from(style.wantedFamily === 'IPv4' ? each.ipv4 : each.ipv6))
            .map((each) => ({ bytes: [...each.subarray(0, -2)], port: each.readUInt16BE(each.length - 2) }))
            .filter(({ port }) => port !== 0)
          const read = parseResponse(
            encodeAnnounceResponse({ ...counts, peers: packed }, style),
            style.wantedFamily,
          )
          if (read?.kind !== 'announce') throw new Error('no announce')
          const { peers: readPeers, ...rest } = read
          expect(readPeers.map((each) => ({ ...each, bytes: [...each.bytes] }))).toEqual(known)
          expect(rest).toEqual({
            kind: 'announce',
            transactionId: style.transactionId,
            isOldIpv6: style.isOldIpv6,
            ...counts,
          })
        },
      ),
    )
  })

  test('scrape responses', () => {
    const swarms = fc.array(fc.record({ seeders: uint32, snatches: uint32, leechers: uint32 }), {
      minLength: 1,
      maxLength: 100,
    })
    fc.assert(
      fc.property(uint32, swarms, family, (transactionId, entries, socket) => {
        const read = parseResponse(encodeScrapeResponse(transactionId, entries), socket)
        expect(read).toEqual({ kind: 'scrape', transactionId, swarms: entries })
      }),
    )
  })

  test('error responses', () => {
    fc.assert(
      fc.property(uint32, fc.constantFrom(...Object.values(FAILURE_REASONS)), (transactionId, text) => {
        const packet = encodeErrorResponse(transactionId, text)
        expect(packet.length).toBe(errorBytes(text))
        expect(parseResponse(packet, 'IPv4')).toEqual({ kind: 'error', transactionId, text })
      }),
    )
  })
})

describe('layouts', () => {
  test('a connect request is the 16 bytes of BEP 15', () => {
    expect(encodeConnectRequest(0x01020304).toString('hex')).toBe('00000417271019800000000001020304')
  })

  test('an announce has its fields where BEP 15 has them', () => {
    const packet = encodeAnnouncePacket(
      anAnnouncePacket({
        downloadedBytes: 2 ** 40 + 1,
        leftBytes: 2,
        uploadedBytes: 3,
        eventId: 2,
        ip: Uint8Array.of(1, 2, 3, 4),
        key: 5,
        numwant: -1,
        port: 6,
      }),
    )
    expect(packet.length).toBe(98)
    expect(packet.readUInt32BE(8)).toBe(1)
    expect(packet.readBigUInt64BE(56)).toBe(2n ** 40n + 1n)
    expect(packet.readBigUInt64BE(64)).toBe(2n)
    expect(packet.readBigUInt64BE(72)).toBe(3n)
    expect(packet.subarray(80).toString('hex')).toBe(
      '00000002' + '01020304' + '00000005' + 'ffffffff' + '0006',
    )
  })

  test('an address of 16 bytes makes an announce of 110 bytes with action 4', () => {
    const packet = encodeAnnouncePacket(anAnnouncePacket({ ip: new Uint8Array(16) }))
    expect([packet.length, packet.readUInt32BE(8)]).toEqual([110, 4])
  })

  test('of the four bytes of the event the last one counts', () => {
    const packet = encodeAnnouncePacket(anAnnouncePacket({ eventId: 3 }))
    packet.writeUInt32BE(0xffffff03, 80)
    expect(parseAnnouncePacket(packet).eventId).toBe(3)
  })

  test('scrape counts are seeders, snatches, leechers', () => {
    const packet = encodeScrapeResponse(9, [{ seeders: 1, snatches: 2, leechers: 3 }])
    expect(packet.toString('hex')).toBe('00000002' + '00000009' + '00000001' + '00000002' + '00000003')
  })

  test('an announce answer is interval, leechers, seeders, peers', () => {
    const answer = { intervalSeconds: 1800, leechers: 1, seeders: 2, peers: new Uint8Array() }
    const style = { transactionId: 9, isOldIpv6: false, wantedFamily: 'IPv4' } as const
    expect(encodeAnnounceResponse(answer, style).toString('hex')).toBe(
      '00000001' + '00000009' + '00000708' + '00000001' + '00000002',
    )
  })

  test('an error ends in a NUL', () => {
    expect(encodeErrorResponse(9, 'no').toString('hex')).toBe('00000003' + '00000009' + '6e6f00')
  })
})

describe('sizes', () => {
  const crowd = Buffer.alloc(PACKED_PEER_BYTES * 2000, 1) // dual-stack, all of them
  const counts = { intervalSeconds: 1800, leechers: 2000, seeders: 0 }

  test.each([
    ['IPv4', 238],
    ['IPv6', 67],
  ] as const)('over %s an answer holds %i peers and no more', (socket, most) => {
    const style = { transactionId: 1, isOldIpv6: false, wantedFamily: socket }
    const packet = encodeAnnounceResponse({ ...counts, peers: crowd }, style)
    expect(packet.length).toBeLessThanOrEqual(MAX_ANSWER_BYTES[socket])
    const read = parseResponse(packet, socket)
    expect(read?.kind === 'announce' && read.peers.length).toBe(most)
    const swarms = new Array(maxScrapeEntries(socket)).fill({ seeders: 1, snatches: 1, leechers: 1 })
    expect(encodeScrapeResponse(1, swarms).length).toBeLessThanOrEqual(MAX_ANSWER_BYTES[socket])
    expect(swarms.length).toBeGreaterThanOrEqual(74)
  })

  test.each([98, 110])('a packet shorter than %i bytes is no announce of its action', (length) => {
    const whole = encodeAnnouncePacket(anAnnouncePacket({ ip: new Uint8Array(length === 98 ? 4 : 16) }))
    expect(parseAnnouncePacket(whole).port).toBe(6881)
    for (let short = 16; short < length; short++)
      expect(() => parseAnnouncePacket(whole.subarray(0, short))).toThrow(new Refusal('malformedPacket'))
  })

  test('a scrape is a header and at least one whole infohash, bytes behind the last are ignored', () => {
    for (let length = 16; length < 120; length++) {
      const parse = () => parseScrapePacket(Buffer.alloc(length)).infohashes.length
      if (length >= 36) expect(parse()).toBe(Math.floor((length - 16) / 20))
      else expect(parse).toThrow(new Refusal('malformedPacket'))
    }
  })

  test('any bytes are a response or none', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 0, max: 5 }),
        family,
        (any, action, of) => {
          const datagram = Buffer.from(any)
          if (datagram.length >= 4) datagram.writeUInt32BE(action, 0)
          const read = parseResponse(datagram, of)
          expect(read === undefined || read.transactionId === datagram.readUInt32BE(4)).toBe(true)
        },
      ),
    )
  })
})
