import { definePacker } from '../../../bittorrent/packedLayout.ts'
import { ENDPOINT_BYTES, ENDPOINT_OFFSETS, PACKED_PEER_FIELDS } from '../../../bittorrent/packedPeer.ts'
import { MOST_BYTES_PER_SECOND, MOST_DELTA_BYTES, SPARE_SECONDS } from '../../../contract/possibleDelta.ts'
import { EXTRA_FIELDS, type ExtraField } from '../../../contract/trafficEvent.ts'
import type { AnnouncePlan } from '../../core/plan.ts'

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

/** The `policy` of announce.lua. */
export const ANNOUNCE_POLICY = definePacker<AnnounceScriptPolicy>([
  { name: 'peerLifetimeSeconds', format: 'I4', value: (policy) => policy.peerLifetimeSeconds },
  { name: 'accountingTtlSeconds', format: 'I4', value: (policy) => policy.accountingTtlSeconds },
  { name: 'isPerCounter', format: 'B', value: (policy) => Number(policy.counterReset === 'per_counter') },
  { name: 'skipsIdle', format: 'B', value: (policy) => Number(policy.skipsIdle) },
  { name: 'extras', format: 'B', value: (policy) => extraBits(policy.extraFields) },
  { name: 'expireLimit', format: 'I2', value: (policy) => policy.expireLimit },
  { name: 'maxLen', format: 'I8', value: (policy) => policy.maxLen },
  { name: 'mostDeltaBytes', format: 'I8', value: () => MOST_DELTA_BYTES },
  { name: 'mostBytesPerSecond', format: 'I8', value: () => MOST_BYTES_PER_SECOND },
  { name: 'spareSeconds', format: 'I2', value: () => SPARE_SECONDS },
])

const APPROVALS: Record<AnnouncePlan['approval'], number> = {
  none: 0,
  whitelist: 1,
  verified: 2,
  endpoint: 3,
}
/** Where the port of a family is in a packed peer, counted from 1 as Lua does. */
const PORT_AT = {
  IPv4: ENDPOINT_OFFSETS.IPv4 + ENDPOINT_BYTES.IPv4 - 1,
  IPv6: ENDPOINT_OFFSETS.IPv6 + ENDPOINT_BYTES.IPv6 - 1,
} as const

/** The `request` of announce.lua. */
export const ANNOUNCE_REQUEST = definePacker<AnnouncePlan>([
  ...PACKED_PEER_FIELDS,
  { name: 'numwant', format: 'I4', value: (plan) => plan.numwant },
  { name: 'approval', format: 'B', value: (plan) => APPROVALS[plan.approval] },
  { name: 'isTraffic', format: 'B', value: (plan) => (plan.traffic ? 1 : 0) },
  { name: 'portAt', format: 'B', value: (plan) => (plan.wantedFamily ? PORT_AT[plan.wantedFamily] : 0) },
  { name: 'checksTorrent', format: 'B', value: (plan) => Number(plan.checksTorrent) },
  { name: 'maxLeeching', format: 'I2', value: (plan) => plan.peerLimit?.leeching ?? 0 },
  { name: 'maxSeeding', format: 'I2', value: (plan) => plan.peerLimit?.seeding ?? 0 },
  { name: 'earlySeconds', format: 'I4', value: (plan) => Math.max(0, plan.earlySeconds) },
])

/** One bit for each field, in the order of EXTRA_FIELDS. */
function extraBits(fields: readonly ExtraField[]): number {
  return EXTRA_FIELDS.reduce((bits, field, i) => (fields.includes(field) ? bits | (1 << i) : bits), 0)
}
