/**
 * The packets of BEP 15. Every request begins with connection ID (8 bytes), action (4) and transaction ID (4), every
 * answer with action and transaction ID. Numbers are unsigned and big endian unless said otherwise.
 */
export const ACTIONS = {
  connect: 0,
  announce: 1,
  scrape: 2,
  error: 3,
  /** opentracker's announce of before BEP 15 knew IPv6: its IP address field has 16 bytes. */
  announceIpv6: 4,
} as const

export const REQUEST_HEADER_BYTES = 16
export const ACTION_OFFSET = 8
export const TRANSACTION_ID_OFFSET = 12

/** What stands in place of a connection ID in a connect request: 0x41727101980. */
export const CONNECT_MAGIC = { high: 0x417, low: 0x27101980 } as const

export const INFOHASH_BYTES = 20

/** What one datagram carries through nearly every path: Ethernet less the tunnels in use, and IPv6's minimum MTU. */
export const MAX_ANSWER_BYTES = { IPv4: 1452, IPv6: 1232 } as const

const UINT32_RANGE = 2 ** 32

/** Beyond 2^53 - 1 the result is only good for being compared with it. */
export function readUint64(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) * UINT32_RANGE + buffer.readUInt32BE(at + 4)
}

/** @param value at most 2^53 - 1 */
export function writeUint64(buffer: Buffer, value: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(value / UINT32_RANGE), at)
  buffer.writeUInt32BE(value % UINT32_RANGE, at + 4)
}
