import type { AddressFamily, AnnounceEvent, Infohash, Passkey, PeerId } from '../bittorrent/types.ts'

/**
 * One entry of the stream `tracker:traffic`: what one announce moved. Written by `lua/tracker/announce.lua` in this order,
 * read by the site. The fourteen published fields are always there; the extras follow as `extra_fields` says.
 */
export const PUBLISHED_FIELDS = [
  'passkey',
  'infohash',
  'peer_id',
  'port',
  'ip',
  'af',
  'du',
  'dd',
  'left',
  'event',
  'ts',
  'dt',
  'interval',
  'min_interval',
] as const

/** The order is the order of bits in the script's `extras`. */
export const EXTRA_FIELDS = ['up', 'down', 'since', 'seeders', 'leechers', 'agent'] as const

/** `1` in the event of a client that says `paused`, a partial seed (BEP 21); absent in all others. */
export const PAUSED_FIELD = 'paused'

/** One of the fields that `extra_fields` of `traffic push` chooses. */
export type ExtraField = (typeof EXTRA_FIELDS)[number] | typeof PAUSED_FIELD

/** What the site put into an encrypted credential, as the event's last fields when they are there. */
export const SITE_FIELDS = ['fd', 'pd'] as const
/** Longest value of one of them, in bytes. */
export const SITE_FIELD_BYTES = 256

/** Longest `agent`, in bytes. */
export const AGENT_BYTES = 64

/** What an entry says, for those who settle it: the stream's fields under the names used in code. */
export interface TrafficEvent {
  readonly passkey: Passkey
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly port: number
  readonly ip: string
  readonly addressFamily: AddressFamily
  /** Bytes since the session's announce before; never negative, at most 2^53 - 1, as all counters here. */
  readonly uploadedDeltaBytes: number
  readonly downloadedDeltaBytes: number
  readonly leftBytes: number
  readonly event: AnnounceEvent
  /** Redis' clock at the announce, Unix seconds. */
  readonly atSeconds: number
  /** Since the session's announce before; 0 at the first. */
  readonly elapsedSeconds: number
  readonly intervalSeconds: number
  readonly minIntervalSeconds: number
  /** The client's totals and when this session's baseline was set; all three or none (another producer). */
  readonly totals: TrafficTotals | undefined
  /** In the swarm after the announce. */
  readonly seeders: number | undefined
  readonly leechers: number | undefined
  readonly agent: string | undefined
  readonly fd: string | undefined
  readonly pd: string | undefined
}

/** A client's own counters, which only grow from the same baseline on. */
export interface TrafficTotals {
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  /** Unix seconds. */
  readonly sinceSeconds: number
}

/** An entry of the stream as Redis holds it: `id` is `<ms>-<seq>`. */
export interface TrafficEntry {
  readonly id: string
  readonly event: TrafficEvent
}
