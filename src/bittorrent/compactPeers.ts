import { ENDPOINT_BYTES, ENDPOINT_OFFSETS, PACKED_PEER_BYTES } from './packedPeer.ts'
import type { AddressFamily, Endpoint, Peer } from './types.ts'

/** How many of the packed peers are known by an address of this family. */
export function countEndpoints(packed: Uint8Array, family: AddressFamily): number {
  const portAt = ENDPOINT_OFFSETS[family] + ENDPOINT_BYTES[family] - 2
  let count = 0
  for (let at = portAt; at < packed.length; at += PACKED_PEER_BYTES) if (isKnown(packed, at)) count++
  return count
}

/**
 * Writes the endpoints of one family as a compact list: 6 bytes each for IPv4, 18 for IPv6, ports in network order.
 *
 * @param target has room for `countEndpoints` × `ENDPOINT_BYTES` from `at` on
 * @returns the offset after the last byte written
 */
export function writeEndpoints(
  packed: Uint8Array,
  family: AddressFamily,
  target: Uint8Array,
  at: number,
): number {
  const offset = ENDPOINT_OFFSETS[family]
  const size = ENDPOINT_BYTES[family]
  for (let start = offset; start < packed.length; start += PACKED_PEER_BYTES) {
    if (!isKnown(packed, start + size - 2)) continue
    for (let i = 0; i < size; i++) target[at++] = packed[start + i]!
  }
  return at
}

/**
 * The packed peers one by one; their bytes are views of `packed`.
 *
 * @throws RangeError when `packed` is no multiple of 44 bytes: that is our bug and no client's
 */
export function unpackPeers(packed: Uint8Array): Peer[] {
  if (packed.length % PACKED_PEER_BYTES !== 0)
    throw new RangeError(`${packed.length} bytes are no packed peers`)
  const peers: Peer[] = []
  for (let start = 0; start < packed.length; start += PACKED_PEER_BYTES) {
    peers.push({
      peerId: packed.subarray(start, start + ENDPOINT_OFFSETS.IPv4),
      ipv4: endpoint(packed, start + ENDPOINT_OFFSETS.IPv4, ENDPOINT_BYTES.IPv4),
      ipv6: endpoint(packed, start + ENDPOINT_OFFSETS.IPv6, ENDPOINT_BYTES.IPv6),
    })
  }
  return peers
}

function endpoint(packed: Uint8Array, start: number, size: number): Endpoint | undefined {
  const portAt = start + size - 2
  if (!isKnown(packed, portAt)) return undefined
  return { bytes: packed.subarray(start, portAt), port: (packed[portAt]! << 8) | packed[portAt + 1]! }
}

/** An unknown address is all zeros, and nobody listens on port 0. */
function isKnown(packed: Uint8Array, portAt: number): boolean {
  return packed[portAt] !== 0 || packed[portAt + 1] !== 0
}
