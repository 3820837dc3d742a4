/**
 * One peer as 44 bytes: the member of `swarm:<infohash>:seeders` and `:leechers`, and the unit of every peer list that
 * a script returns. `lua/tracker/announce.lua` writes the same layout.
 *
 *   0  peer_id   20 bytes
 *  20  IPv4       4 bytes, network order; zeros where unknown
 *  24  port       2 bytes, big endian
 *  26  IPv6      16 bytes
 *  42  port       2 bytes
 */
export const PACKED_PEER_BYTES = 44
export const IPV4_ENDPOINT_OFFSET = 20
export const IPV4_ENDPOINT_BYTES = 6
export const IPV6_ENDPOINT_OFFSET = 26
export const IPV6_ENDPOINT_BYTES = 18
