import {
  IPV4_ENDPOINT_BYTES,
  IPV4_ENDPOINT_OFFSET,
  IPV6_ENDPOINT_BYTES,
  IPV6_ENDPOINT_OFFSET,
  PACKED_PEER_BYTES,
} from '../../../bittorrent/packedPeer.ts'
import type { IpAddress } from '../../../bittorrent/types.ts'
import { MOST_BYTES_PER_SECOND, MOST_DELTA_BYTES, SPARE_SECONDS } from '../../../contract/possibleDelta.ts'
import { EXTRA_FIELDS, type ExtraField } from '../../../contract/trafficEvent.ts'
import { defineScript } from '../../../redis/script.ts'
import type { AnnouncePlan } from '../../core/plan.ts'
import type { AnnounceOutcome } from '../../core/ports.ts'

/**
 * One announce, whole: passkey check, swarm update, traffic delta and event, peer choice. All of it or nothing.
 * One round trip. Throws StoreUnavailable when Redis does not answer or could not write the event.
 */
export const announceScript = defineScript({
  file: 'tracker/announce.lua',
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
    'torrents',
  ],
  args: [
    'nowSeconds',
    'policy',
    'request',
    'infohash',
    'passkey',
    'peerId',
    'ip',
    'af',
    'port',
    'event',
    'uploaded',
    'downloaded',
    'left',
    'interval',
    'minInterval',
    'agent',
    'deadlineMs',
    '...siteFields',
  ],
  parse: parseReply,
})

const SERVED = 0
const SERVED_EARLY = 1
const TOO_LATE = -7
const REFUSALS: Record<number, AnnounceOutcome> = {
  [-1]: { status: 'passkeyUnknown' },
  [-2]: { status: 'passkeyRejected' },
  [-3]: { status: 'whitelistMissing' },
  [-4]: { status: 'torrentUnapproved' },
  [-5]: { status: 'torrentListMissing' },
  [-6]: { status: 'peerLimitReached' },
}

/** What the script did, and Redis' clock; `tooLate`: nothing, since the deadline had passed. */
export interface AnnounceReply {
  readonly outcome: AnnounceOutcome | 'tooLate'
  /** Unix ms; undefined when the announce was refused. */
  readonly nowMs: number | undefined
}

function parseReply(reply: unknown): AnnounceReply {
  if (!Array.isArray(reply)) throw new TypeError('announce.lua: reply is not a list')
  if (reply[0] === TOO_LATE) return { outcome: 'tooLate', nowMs: reply[1] }
  return { outcome: outcomeOf(reply), nowMs: reply[6] }
}

function outcomeOf(reply: unknown[]): AnnounceOutcome {
  const [status, seeders, leechers, snatches] = reply as [number, number, number, number]
  const [peers, others] = [reply[4], reply[5]]
  if (status === SERVED || status === SERVED_EARLY) {
    if (!Buffer.isBuffer(peers) || !Buffer.isBuffer(others))
      throw new TypeError('announce.lua: peers are not bytes')
    const isEarly = status === SERVED_EARLY
    return { status: 'served', seeders, leechers, snatches, peers: joined(peers, others), isEarly }
  }
  const refusal = REFUSALS[status]
  if (!refusal) throw new TypeError(`announce.lua: unknown status ${status}`)
  return refusal
}

/** Joining is left to us: it is cheaper here than in the one Redis. */
function joined(peers: Buffer, others: Buffer): Buffer {
  if (others.length === 0) return peers
  return peers.length === 0 ? others : Buffer.concat([peers, others])
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
  const packed = Buffer.alloc(39)
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
  packed.writeBigUInt64BE(BigInt(MOST_DELTA_BYTES), 21)
  packed.writeBigUInt64BE(BigInt(MOST_BYTES_PER_SECOND), 29)
  packed.writeUInt16BE(SPARE_SECONDS, 37)
  return packed
}

const APPROVALS: Record<AnnouncePlan['approval'], number> = {
  none: 0,
  whitelist: 1,
  verified: 2,
  endpoint: 3,
}
const REQUEST_BYTES = PACKED_PEER_BYTES + 16
/** Where the port of a family is in a packed peer, counted from 1 as Lua does. */
const PORT_AT = {
  IPv4: IPV4_ENDPOINT_OFFSET + IPV4_ENDPOINT_BYTES - 1,
  IPv6: IPV6_ENDPOINT_OFFSET + IPV6_ENDPOINT_BYTES - 1,
} as const

/** The script's `request`; its header has the layout. */
export function packRequest(plan: AnnouncePlan): Buffer {
  const packed = Buffer.alloc(REQUEST_BYTES)
  packed.write(plan.peerId, 0, 20, 'hex')
  packEndpoint(packed, plan.address, plan.port)
  if (plan.otherAddress) packEndpoint(packed, plan.otherAddress, plan.port)
  packed.writeUInt32BE(plan.numwant, PACKED_PEER_BYTES)
  packed[PACKED_PEER_BYTES + 4] = APPROVALS[plan.approval]
  packed[PACKED_PEER_BYTES + 5] = plan.traffic ? 1 : 0
  packed[PACKED_PEER_BYTES + 6] = plan.wantedFamily ? PORT_AT[plan.wantedFamily] : 0
  packed[PACKED_PEER_BYTES + 7] = plan.checksTorrent ? 1 : 0
  if (plan.peerLimit) {
    packed.writeUInt16BE(plan.peerLimit.leeching, PACKED_PEER_BYTES + 8)
    packed.writeUInt16BE(plan.peerLimit.seeding, PACKED_PEER_BYTES + 10)
  }
  if (plan.earlySeconds > 0) packed.writeUInt32BE(plan.earlySeconds, PACKED_PEER_BYTES + 12)
  return packed
}

function packEndpoint(packed: Buffer, address: IpAddress, port: number): void {
  const offset = address.family === 'IPv4' ? IPV4_ENDPOINT_OFFSET : IPV6_ENDPOINT_OFFSET
  packed.set(address.bytes, offset)
  packed.writeUInt16BE(port, offset + address.bytes.length)
}
