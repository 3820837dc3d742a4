import type { Kysely } from 'kysely'
import type { Infohash, Passkey } from '../../bittorrent/types.ts'
import { asBigint, asNumber, type LedgerTables } from '../ledger/sql/tables.ts'
import type { Span } from './verdict.ts'

/** One row of `pt_windows`: what one passkey moved on one torrent, as far as its announces fell into this window. */
export interface WindowFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  readonly uploaded: bigint
  readonly downloaded: bigint
  /** Sum of the times since the announces before: what the bytes took, which may be longer than the window. */
  readonly seconds: number
  /** Part of `uploaded`: announced while the swarm had no other leecher. */
  readonly uploadedNoLeechers: bigint
}

/** Windows that begin in the span. */
export function windowsIn(db: Kysely<LedgerTables>, { fromSeconds, untilSeconds }: Span) {
  return db
    .selectFrom('pt_windows')
    .where('window_start', '>=', fromSeconds)
    .where('window_start', '<', untilSeconds)
}

export function windowRows(db: Kysely<LedgerTables>, windowStart: number) {
  return db
    .selectFrom('pt_windows')
    .select(['passkey', 'infohash', 'uploaded', 'downloaded', 'seconds', 'uploaded_no_leechers'])
    .where('window_start', '=', windowStart)
}

type WindowRow = Awaited<ReturnType<ReturnType<typeof windowRows>['executeTakeFirstOrThrow']>>

export function windowFeatures(row: WindowRow): WindowFeatures {
  return {
    passkey: row.passkey as Passkey,
    infohash: row.infohash as Infohash,
    uploaded: asBigint(row.uploaded),
    downloaded: asBigint(row.downloaded),
    seconds: asNumber(row.seconds),
    uploadedNoLeechers: asBigint(row.uploaded_no_leechers),
  }
}
