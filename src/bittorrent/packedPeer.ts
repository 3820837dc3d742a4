import { definePacker, type PackedField } from './packedLayout.ts'
import type { IpAddress, PeerId } from './types.ts'

/** What a packed peer says of a client. */
export interface PeerEndpoints {
  readonly peerId: PeerId
  readonly port: number
  readonly address: IpAddress
  /** Of the other family. */
  readonly otherAddress: IpAddress | undefined
}

/**
 * One peer as 44 bytes: the member of `swarm:<infohash>:seeders` and `:leechers`, and the unit of every peer list that
 * a script returns. An endpoint is the address and 2 bytes of port, as in compact lists (BEP 23, BEP 7); zeros where unknown.
 */
export const PACKED_PEER_FIELDS = [
  {
    name: 'peerId',
    format: 'c20',
    write: ({ peerId }, target, offset) => void target.write(peerId, offset, 'hex'),
  },
  {
    name: 'ipv4',
    format: 'c6',
    write: (peer, target, offset) => writeEndpoint(peer, 'IPv4', target, offset),
  },
  {
    name: 'ipv6',
    format: 'c18',
    write: (peer, target, offset) => writeEndpoint(peer, 'IPv6', target, offset),
  },
] as const satisfies readonly PackedField<PeerEndpoints>[]

export const PACKED_PEER = definePacker<PeerEndpoints>(PACKED_PEER_FIELDS)
const [, ipv4, ipv6] = PACKED_PEER.fields

export const PACKED_PEER_BYTES = PACKED_PEER.bytes
/** Bytes of one endpoint: address and port. */
export const ENDPOINT_BYTES = { IPv4: ipv4!.bytes, IPv6: ipv6!.bytes } as const
/** Where the endpoints are in a packed peer. */
export const ENDPOINT_OFFSETS = { IPv4: ipv4!.offset, IPv6: ipv6!.offset } as const

function writeEndpoint(
  { address, otherAddress, port }: PeerEndpoints,
  family: IpAddress['family'],
  target: Buffer,
  offset: number,
): void {
  const known = address.family === family ? address : otherAddress
  if (known?.family !== family) return
  target.set(known.bytes, offset)
  target.writeUInt16BE(port, offset + known.bytes.length)
}
