import type { JournalEntry, NumberedEntry, SessionIdentity, SessionRow } from './accounting/batch.ts'
import type { ParkedSums, TorrentSums, UserSums, WindowSums } from './accounting/batchSums.ts'
import { isOpen } from './accounting/closing.ts'
import { dayOf, fingerprint, streamIdText } from './accounting/entryIds.ts'
import { writeSession } from './accounting/sessionRecord.ts'
import { amount } from './sql/cells.ts'
import type { Cells } from './sql/statements.ts'
import { asNumber, type RowOf } from './sql/tables.ts'
import type { Row } from './sql/transaction.ts'

// What accounting works with, as rows of the tables. Columns that are left out get their defaults.

export function sessionKeyOf({ passkey, infohash, peerId }: SessionIdentity) {
  return { passkey, infohash, peer_id: peerId }
}

/** The stream ID of a row that has one. */
export function streamIdIn({ ms, seq }: Row): string {
  return streamIdText({ ms: asNumber(ms), seq: asNumber(seq) })
}

export function settledRow(redisEpoch: number, entry: NumberedEntry): RowOf<'settled'> {
  const has_totals = entry.event.totals === undefined ? 0 : 1
  return { ...entry.number, history: redisEpoch, fingerprint: fingerprint(entry), has_totals }
}

export function sessionRowOf(identity: SessionIdentity, row: SessionRow): RowOf<'sessions'> {
  const { session, newest, ip4, ip6, port, agent } = row
  return {
    ...sessionKeyOf(identity),
    ...advanceOf(row),
    is_open: isOpen(session) ? 1 : 0,
    seen_day: dayOf(newest.ms),
    ip4,
    ip6,
    port,
    agent,
  }
}

/** The same where the session only went on: what changes, and what finds it. */
export function sessionInPlace(
  identity: SessionIdentity,
  row: SessionRow,
  rowNumber: string | undefined,
): Cells {
  const key = rowNumber === undefined ? sessionKeyOf(identity) : { [rowNumber]: row.place }
  return { ...advanceOf(row), ...key }
}

function advanceOf({ session, newest }: SessionRow) {
  return {
    covered: writeSession(session),
    last_ts: session.last,
    last_ms: newest.ms,
    last_seq: newest.seq,
  }
}

export function journalRow(redisEpoch: number, { entry, credit, hold }: JournalEntry): RowOf<'entries'> {
  const { event, number } = entry
  return {
    ...number,
    history: redisEpoch,
    part: 0,
    ...sessionKeyOf(event),
    ts: event.atSeconds,
    event: event.event,
    claimed_uploaded: event.uploadedDeltaBytes,
    claimed_downloaded: event.downloadedDeltaBytes,
    uploaded: credit.up,
    downloaded: credit.down,
    reason: credit.reason,
    hold,
  }
}

export function torrentRow(torrent: TorrentSums): RowOf<'user_torrents'> {
  return {
    ...sumsOf(torrent),
    infohash: torrent.infohash,
    completed_at: torrent.completedAt,
    last_left: torrent.lastLeft,
  }
}

/** @param completed torrents that the user finished for the first time */
export function userRow(user: UserSums, completed: number): RowOf<'users'> {
  return { ...sumsOf(user), completed }
}

function sumsOf(sums: UserSums) {
  return {
    passkey: sums.passkey,
    uploaded: amount(sums.uploaded),
    downloaded: amount(sums.downloaded),
    seed_seconds: sums.seedSeconds,
    leech_seconds: sums.leechSeconds,
    announces: sums.announces,
    first_seen: sums.firstSeen,
    last_seen: sums.lastSeen,
  }
}

export function windowRow(window: WindowSums): RowOf<'windows'> {
  return {
    window_start: window.start,
    passkey: window.passkey,
    infohash: window.infohash,
    uploaded: amount(window.uploaded),
    downloaded: amount(window.downloaded),
    seconds: window.seconds,
    announces: window.announces,
    uploaded_no_leechers: amount(window.uploadedNoLeechers),
    max_leechers: window.maxLeechers,
    max_seeders: window.maxSeeders,
    resets: window.resets,
    completed_no_data: window.completedNoData,
    recovered_uploaded: amount(window.recoveredUploaded),
    recovered_downloaded: amount(window.recoveredDownloaded),
  }
}

export function parkedRow({ hold, infohash, uploaded, downloaded }: ParkedSums): RowOf<'parked'> {
  return { hold, infohash, uploaded: amount(uploaded), downloaded: amount(downloaded) }
}
