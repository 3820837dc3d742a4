import fc from 'fast-check'
import { expect, test } from 'vitest'
import { countEndpoints, unpackPeers, writeEndpoints } from '../../../src/bittorrent/compactPeers.ts'
import { ENDPOINT_BYTES, ENDPOINT_OFFSETS, PACKED_PEER_BYTES } from '../../../src/bittorrent/packedPeer.ts'
import type { AddressFamily, Endpoint } from '../../../src/bittorrent/types.ts'

const endpoint = (bytes: number): fc.Arbitrary<Endpoint | undefined> =>
  fc.option(
    fc.record({
      bytes: fc.uint8Array({ minLength: bytes, maxLength: bytes }),
      port: fc.integer({ min: 1, max: 65_535 }),
    }),
    { nil: undefined },
  )
const peers = fc.array(
  fc.record({
    peerId: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    ipv4: endpoint(4),
    ipv6: endpoint(16),
  }),
)

function bytesOfEndpoint(endpoint: Endpoint | undefined, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  if (!endpoint) return bytes
  bytes.set(endpoint.bytes)
  bytes.writeUInt16BE(endpoint.port, size - 2)
  return bytes
}

function pack(list: ReturnType<typeof unpackPeers>): Buffer {
  const packed = Buffer.alloc(list.length * PACKED_PEER_BYTES)
  for (const [i, { peerId, ipv4, ipv6 }] of list.entries()) {
    const start = i * PACKED_PEER_BYTES
    packed.set(peerId, start)
    packed.set(bytesOfEndpoint(ipv4, ENDPOINT_BYTES.IPv4), start + ENDPOINT_OFFSETS.IPv4)
    packed.set(bytesOfEndpoint(ipv6, ENDPOINT_BYTES.IPv6), start + ENDPOINT_OFFSETS.IPv6)
  }
  return packed
}

function compact(packed: Uint8Array, family: AddressFamily): Buffer {
  const target = Buffer.alloc(countEndpoints(packed, family) * ENDPOINT_BYTES[family])
  expect(writeEndpoints(packed, family, target, 0)).toBe(target.length)
  return target
}

test('packed peers are unpacked to what they were', () => {
  fc.assert(
    fc.property(peers, (list) => {
      expect(unpackPeers(pack(list)).map(plain)).toEqual(list.map(plain))
    }),
  )
})

test('a compact list holds every known endpoint of its family, in order, and nothing else', () => {
  fc.assert(
    fc.property(peers, (list) => {
      const ipv4 = list.flatMap((peer) => (peer.ipv4 ? [bytesOfEndpoint(peer.ipv4, 6)] : []))
      const ipv6 = list.flatMap((peer) => (peer.ipv6 ? [bytesOfEndpoint(peer.ipv6, 18)] : []))
      expect(compact(pack(list), 'IPv4').equals(Buffer.concat(ipv4))).toBe(true)
      expect(compact(pack(list), 'IPv6').equals(Buffer.concat(ipv6))).toBe(true)
    }),
  )
})

test('writing begins where it is told to', () => {
  const peer = {
    peerId: new Uint8Array(20),
    ipv4: { bytes: new Uint8Array([1, 2, 3, 4]), port: 258 },
    ipv6: undefined,
  }
  const target = Buffer.alloc(8, 9)
  expect(writeEndpoints(pack([peer]), 'IPv4', target, 1)).toBe(7)
  expect([...target]).toEqual([9, 1, 2, 3, 4, 1, 2, 9])
})

test('bytes that are no whole peers are our own fault', () => {
  expect(() => unpackPeers(new Uint8Array(43))).toThrow(RangeError)
})

/** Buffers and views as plain arrays, so that only the bytes are compared. */
function plain({ peerId, ipv4, ipv6 }: ReturnType<typeof unpackPeers>[number]) {
  const numbers = (e: Endpoint | undefined) => e && { bytes: [...e.bytes], port: e.port }
  return { peerId: [...peerId], ipv4: numbers(ipv4), ipv6: numbers(ipv6) }
}
