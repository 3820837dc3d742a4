import type { Kysely, Selectable } from 'kysely'
import { asBigint, asNumber, type LedgerTables } from './sql/tables.ts'

/** What a user moved, all torrents together, or one. */
export interface Totals {
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  readonly seedSeconds: bigint
  readonly leechSeconds: bigint
  readonly announces: bigint
  /** Unix seconds. */
  readonly firstSeen: number
  readonly lastSeen: number
}

/** What a user moved, all torrents together. */
export interface UserTotals extends Totals {
  readonly passkey: string
  /** Torrents that were finished, each once. */
  readonly completed: number
  /** In the totals: moved by the clients although Redis had lost it. */
  readonly recoveredUploadedBytes: bigint
  readonly recoveredDownloadedBytes: bigint
  /** Not in the totals: kept by holds that staff have not decided yet. */
  readonly heldUploadedBytes: bigint
  readonly heldDownloadedBytes: bigint
}

/** What a user moved for one torrent. */
export interface UserTorrent extends Totals {
  readonly infohash: string
  /** Unix seconds; undefined while it is not finished. */
  readonly completedAt: number | undefined
  /** As the newest announce says. */
  readonly leftBytes: bigint
}

/** What a user moved for a torrent between `startSeconds` and a window's length later. */
export interface WindowTotals {
  readonly startSeconds: number
  readonly infohash: string
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  /** Time that the announces in it spoke for. */
  readonly seconds: bigint
  /** Bytes a second over that time; undefined where it is none. */
  readonly uploadRate: number | undefined
  readonly downloadRate: number | undefined
  readonly announces: bigint
}

/** Which windows. */
export interface WindowQuery {
  readonly infohash?: string | undefined
  /** Unix seconds; windows that begin in [from, until). */
  readonly fromSeconds?: number | undefined
  readonly untilSeconds?: number | undefined
  /** How many at most, the newest first. Default: 1,000. */
  readonly limit?: number | undefined
}

/** Which torrents: those after an infohash, in order. */
export interface TorrentPage {
  readonly after?: string | undefined
  readonly limit?: number | undefined
}

type Db = Kysely<LedgerTables>

/** @returns undefined for a user of whom no announce was settled */
export async function readUser(db: Db, passkey: string): Promise<UserTotals | undefined> {
  const row = await db.selectFrom('pt_users').selectAll().where('passkey', '=', passkey).executeTakeFirst()
  if (row === undefined) return undefined
  const held = await db
    .selectFrom('pt_holds')
    .select(['uploaded', 'downloaded'])
    .where('passkey', '=', passkey)
    .where('state', '=', 'active')
    .execute()
  return {
    passkey: row.passkey,
    ...totalsOf(row),
    completed: asNumber(row.completed),
    recoveredUploadedBytes: asBigint(row.recovered_uploaded),
    recoveredDownloadedBytes: asBigint(row.recovered_downloaded),
    heldUploadedBytes: held.reduce((sum, { uploaded }) => sum + asBigint(uploaded), 0n),
    heldDownloadedBytes: held.reduce((sum, { downloaded }) => sum + asBigint(downloaded), 0n),
  }
}

/** Up to `limit` torrents of a user in the order of their infohashes, those after `after`. */
export async function readUserTorrents(
  db: Db,
  passkey: string,
  { after = '', limit = 1_000 }: TorrentPage = {},
): Promise<UserTorrent[]> {
  const rows = await db
    .selectFrom('pt_user_torrents')
    .selectAll()
    .where('passkey', '=', passkey)
    .where('infohash', '>', after)
    .orderBy('infohash')
    .limit(limit)
    .execute()
  return rows.map(torrentOf)
}

/** @returns undefined when no announce of it was settled */
export async function readUserTorrent(
  db: Db,
  passkey: string,
  infohash: string,
): Promise<UserTorrent | undefined> {
  const row = await db
    .selectFrom('pt_user_torrents')
    .selectAll()
    .where('passkey', '=', passkey)
    .where('infohash', '=', infohash)
    .executeTakeFirst()
  return row && torrentOf(row)
}

function torrentOf(row: Selectable<LedgerTables['pt_user_torrents']>): UserTorrent {
  return {
    infohash: row.infohash,
    ...totalsOf(row),
    completedAt: row.completed_at === null ? undefined : asNumber(row.completed_at),
    leftBytes: asBigint(row.last_left),
  }
}

/** A user's windows, the newest first. Windows in which nothing was moved do not exist. */
export async function readWindows(db: Db, passkey: string, query: WindowQuery = {}): Promise<WindowTotals[]> {
  const { infohash, fromSeconds, untilSeconds, limit = 1_000 } = query
  let windows = db.selectFrom('pt_windows').selectAll().where('passkey', '=', passkey)
  if (infohash !== undefined) windows = windows.where('infohash', '=', infohash)
  if (fromSeconds !== undefined) windows = windows.where('window_start', '>=', fromSeconds)
  if (untilSeconds !== undefined) windows = windows.where('window_start', '<', untilSeconds)
  const rows = await windows.orderBy('window_start', 'desc').orderBy('infohash').limit(limit).execute()
  return rows.map((row) => {
    const [uploadedBytes, downloadedBytes, seconds] = [row.uploaded, row.downloaded, row.seconds].map(
      asBigint,
    )
    return {
      startSeconds: asNumber(row.window_start),
      infohash: row.infohash,
      uploadedBytes: uploadedBytes!,
      downloadedBytes: downloadedBytes!,
      seconds: seconds!,
      uploadRate: rate(uploadedBytes!, seconds!),
      downloadRate: rate(downloadedBytes!, seconds!),
      announces: asBigint(row.announces),
    }
  })
}

function rate(bytes: bigint, seconds: bigint): number | undefined {
  return seconds === 0n ? undefined : Number(bytes) / Number(seconds)
}

type Whole = bigint | string | number

interface TotalsRow {
  readonly uploaded: Whole
  readonly downloaded: Whole
  readonly seed_seconds: Whole
  readonly leech_seconds: Whole
  readonly announces: Whole
  readonly first_seen: Whole
  readonly last_seen: Whole
}

function totalsOf(row: TotalsRow): Totals {
  return {
    uploadedBytes: asBigint(row.uploaded),
    downloadedBytes: asBigint(row.downloaded),
    seedSeconds: asBigint(row.seed_seconds),
    leechSeconds: asBigint(row.leech_seconds),
    announces: asBigint(row.announces),
    firstSeen: asNumber(row.first_seen),
    lastSeen: asNumber(row.last_seen),
  }
}
