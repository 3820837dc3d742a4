import type { AnnounceEvent, Infohash, Passkey, PeerId } from '../../../src/bittorrent/types.ts'
import type { TrafficEntry, TrafficTotals } from '../../../src/contract/trafficEvent.ts'
import type { DeadLetter } from '../../../src/site/ledger/types.ts'
import { anInfohash, aPasskey, aPeerId } from './builders.ts'

export interface EntryOptions {
  /** Milliseconds part of the ID; the announce's second unless told. */
  readonly ms?: number
  readonly seq?: number
  readonly passkey?: Passkey
  readonly infohash?: Infohash
  readonly peerId?: PeerId
  readonly at?: number
  readonly du?: number
  readonly dd?: number
  readonly dt?: number
  readonly left?: number
  readonly event?: AnnounceEvent
  /** Totals and since when they count; undefined as another producer writes it. */
  readonly up?: number
  readonly down?: number
  readonly since?: number
  readonly hasTotals?: boolean
  readonly leechers?: number
  readonly ip?: string
  readonly agent?: string
}

/** A window's start and a full hour. */
export const T0 = 1_800_000_000

/** A seeder's regular announce that moved nothing, unless told otherwise. */
export function anEntry(options: EntryOptions = {}): TrafficEntry {
  const { at = T0, du = 0, dd = 0, dt = 0, up = du, down = dd, since = T0, hasTotals = true } = options
  const { ms = at * 1000, seq = 0, ip = '198.51.100.1', agent = '-TR3000-', leechers = 2 } = options
  const totals: TrafficTotals = { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since }
  return {
    id: `${ms}-${seq}`,
    event: {
      passkey: options.passkey ?? aPasskey(),
      infohash: options.infohash ?? anInfohash(),
      peerId: options.peerId ?? aPeerId(),
      port: 6881,
      ip,
      addressFamily: ip.includes(':') ? 'IPv6' : 'IPv4',
      uploadedDeltaBytes: du,
      downloadedDeltaBytes: dd,
      leftBytes: options.left ?? 0,
      event: options.event ?? 'none',
      atSeconds: at,
      elapsedSeconds: dt,
      intervalSeconds: 1800,
      minIntervalSeconds: 900,
      totals: hasTotals ? totals : undefined,
      seeders: 3,
      leechers,
      agent,
      fd: undefined,
      pd: undefined,
    },
  }
}

/** What the consumer notes of an entry that was gone before it was read. */
export function lossOf({ id }: TrafficEntry): DeadLetter {
  return { id, reason: 'trimmed', attempts: 0, fields: undefined, entries: 1 }
}
