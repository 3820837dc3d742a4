import type { AnnounceEvent, IpAddress } from '../../bittorrent/types.ts'
import { IPV4_ENDPOINT_OFFSET, IPV6_ENDPOINT_OFFSET } from '../../contract/packedPeer.ts'
import { EXTRA_FIELDS, type ExtraField } from '../../contract/trafficEvent.ts'
import type { AnnouncePlan } from '../../tracker/plan.ts'
import type { AnnounceOutcome } from '../../tracker/ports.ts'
import { defineScript } from '../script.ts'

/**
 * One announce, whole: passkey check, swarm update, traffic delta and event, peer choice. All of it or nothing.
 * One round trip. Throws StoreUnavailable when Redis does not answer or could not write the event.
 */
export const announceScript = defineScript({
  file: 'announce.lua',
  keys: [
    'passkeys',
    'accepted',
    'rejected',
    'seeders',
    'leechers',
    'session',
    'snatches',
    'swarms',
    'stats',
    'traffic',
  ],
  args: ['nowSeconds', 'policy', 'request', 'infohash', 'passkey', 'ip', 'agent', 'peerId'],
  parse: parseOutcome,
})

const REFUSALS: Record<number, AnnounceOutcome> = {
  [-1]: { status: 'passkeyUnknown' },
  [-2]: { status: 'passkeyRejected' },
  [-3]: { status: 'whitelistMissing' },
}

function parseOutcome(reply: unknown): AnnounceOutcome {
  if (!Array.isArray(reply)) throw new TypeError('announce.lua: reply is not a list')
  const [status, seeders, leechers, snatches, peers] = reply
  if (status === 0) {
    if (!(peers instanceof Uint8Array)) throw new TypeError('announce.lua: peers are not bytes')
    return { status: 'served', seeders, leechers, snatches, peers }
  }
  const refusal = REFUSALS[status]
  if (!refusal) throw new TypeError(`announce.lua: unknown status ${status}`)
  return refusal
}

/** What stays the same for every announce of a configuration. */
export interface AnnounceScriptPolicy {
  readonly peerLifetimeSeconds: number
  readonly accountingTtlSeconds: number
  /** `zero`: a counter that went backwards voids both deltas; `per_counter`: only its own. */
  readonly counterReset: 'zero' | 'per_counter'
  /** No event for an announce that moved nothing and says nothing. */
  readonly skipsIdle: boolean
  readonly extraFields: readonly ExtraField[]
  /** Silent peers of each role that one announce removes on its way. */
  readonly expireLimit: number
  /** Cap of the stream's length; 0 means none. */
  readonly maxLen: number
}

/** The script's `policy`; its header has the layout. */
export function packPolicy(policy: AnnounceScriptPolicy): Buffer {
  const packed = Buffer.alloc(21)
  packed.writeUInt32BE(policy.peerLifetimeSeconds, 0)
  packed.writeUInt32BE(policy.accountingTtlSeconds, 4)
  packed.writeUInt8(policy.counterReset === 'per_counter' ? 1 : 0, 8)
  packed.writeUInt8(policy.skipsIdle ? 1 : 0, 9)
  packed.writeUInt8(
    EXTRA_FIELDS.reduce((bits, field, i) => (policy.extraFields.includes(field) ? bits | (1 << i) : bits), 0),
    10,
  )
  packed.writeUInt16BE(policy.expireLimit, 11)
  packed.writeBigUInt64BE(BigInt(policy.maxLen), 13)
  return packed
}

const EVENTS: Record<AnnounceEvent, number> = { none: 0, started: 1, completed: 2, stopped: 3 }
const APPROVALS: Record<AnnouncePlan['approval'], number> = { none: 0, whitelist: 1, verified: 2 }
const COUNTERS_OFFSET = 44
const REQUEST_BYTES = 86

/** The script's `request`; its header has the layout. */
export function packRequest(plan: AnnouncePlan): Buffer {
  const packed = Buffer.alloc(REQUEST_BYTES)
  packed.write(plan.peerId, 0, 20, 'hex')
  packEndpoint(packed, plan.address, plan.port)
  if (plan.otherAddress) packEndpoint(packed, plan.otherAddress, plan.port)
  writeUint64(packed, plan.uploadedBytes, COUNTERS_OFFSET)
  writeUint64(packed, plan.downloadedBytes, COUNTERS_OFFSET + 8)
  writeUint64(packed, plan.leftBytes, COUNTERS_OFFSET + 16)
  packed.writeUInt32BE(plan.numwant, COUNTERS_OFFSET + 24)
  packed.writeUInt16BE(plan.port, COUNTERS_OFFSET + 28)
  packed[COUNTERS_OFFSET + 30] = EVENTS[plan.event]
  packed[COUNTERS_OFFSET + 31] = APPROVALS[plan.approval]
  packed[COUNTERS_OFFSET + 32] = plan.traffic ? 1 : 0
  packed[COUNTERS_OFFSET + 33] = plan.address.family === 'IPv6' ? 1 : 0
  packed.writeUInt32BE(plan.intervalSeconds, COUNTERS_OFFSET + 34)
  packed.writeUInt32BE(plan.minIntervalSeconds, COUNTERS_OFFSET + 38)
  return packed
}

function packEndpoint(packed: Buffer, address: IpAddress, port: number): void {
  const offset = address.family === 'IPv4' ? IPV4_ENDPOINT_OFFSET : IPV6_ENDPOINT_OFFSET
  packed.set(address.bytes, offset)
  packed.writeUInt16BE(port, offset + address.bytes.length)
}

/** A whole number up to 2^53 - 1 as 8 bytes; much cheaper than a BigInt on the announce path. */
function writeUint64(packed: Buffer, value: number, offset: number): void {
  packed.writeUInt32BE(Math.floor(value / 2 ** 32), offset)
  packed.writeUInt32BE(value % 2 ** 32, offset + 4)
}
