import type { Kysely, Selectable } from 'kysely'
import type { Infohash, Passkey, PeerId } from '../../bittorrent/types.ts'
import { asNumber, type LedgerTables } from '../ledger/sql/tables.ts'

/** A session at an address: one client on one torrent, and when it was there. */
export interface SightingFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly ip4: string | undefined
  readonly ip6: string | undefined
  readonly port: number
  readonly firstSeconds: number
  readonly lastSeconds: number
}

/** Sightings read for one question; more of one passkey or identity say nothing new. */
const SIGHTINGS = 5_000

/** Sightings with the times of their sessions. */
export function sightingsWithSessions(db: Kysely<LedgerTables>) {
  return db
    .selectFrom('pt_sightings as s')
    .innerJoin('pt_sessions as t', (join) =>
      join
        .onRef('t.passkey', '=', 's.passkey')
        .onRef('t.infohash', '=', 's.infohash')
        .onRef('t.peer_id', '=', 's.peer_id'),
    )
}

/** The latest ones that a query of `sightingsWithSessions` finds, newest first. */
export async function latestSightings(
  query: ReturnType<typeof sightingsWithSessions>,
): Promise<SightingFeatures[]> {
  const rows = await query
    .select(['s.passkey', 's.infohash', 's.peer_id', 's.ip4', 's.ip6', 's.port', 's.seen_ts', 't.last_ts'])
    .orderBy('s.seen_ts', 'desc')
    .limit(SIGHTINGS)
    .execute()
  return rows.map(sighting)
}

type SightingRow = Selectable<LedgerTables['pt_sightings']> &
  Pick<Selectable<LedgerTables['pt_sessions']>, 'last_ts'>

function sighting(row: SightingRow): SightingFeatures {
  return {
    passkey: row.passkey as Passkey,
    infohash: row.infohash as Infohash,
    peerId: row.peer_id as PeerId,
    ip4: row.ip4 || undefined,
    ip6: row.ip6 || undefined,
    port: asNumber(row.port),
    firstSeconds: asNumber(row.seen_ts),
    lastSeconds: asNumber(row.last_ts),
  }
}
