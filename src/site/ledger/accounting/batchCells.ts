import type { TrafficEvent } from '../../../contract/trafficEvent.ts'
import { amount, type Cell } from '../sql/rowsOf.ts'
import type { JournalEntry, NumberedEntry, SessionIdentity, SessionRow, SettledSession } from './batch.ts'
import type { TorrentSums } from './batchSums.ts'
import { isOpen } from './closing.ts'
import { fingerprint } from './entryIds.ts'
import { writeSession } from './sessionRecord.ts'

// Rows as cells, in the order that `writes.ts` gives the columns.

export function sightingCells(event: TrafficEvent, { ip4, ip6, port }: SessionRow): Cell[] {
  return [event.passkey, event.infohash, event.peerId, ip4, ip6, port, event.atSeconds]
}

const DAY_MS = 86_400_000

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

export function settledCells(history: number, entry: NumberedEntry): Cell[] {
  const { event, number } = entry
  return [number.ms, number.seq, history, fingerprint(entry), event.totals === undefined ? 0 : 1]
}

export function sessionCells(
  { passkey, infohash, peerId }: SessionIdentity,
  { session, newest, ip4, ip6, port, agent }: SessionRow,
): Cell[] {
  return [
    passkey,
    infohash,
    peerId,
    writeSession(session),
    isOpen(session) ? 1 : 0,
    session.last,
    newest.ms,
    newest.seq,
    dayOf(newest.ms),
    ip4,
    ip6,
    port,
    agent,
  ]
}

/** The same where the session only went on: what changes, and what finds it. */
export function inPlaceCells({ identity, row }: SettledSession): Cell[] {
  const { session, newest } = row
  const state = [writeSession(session), session.last, newest.ms, newest.seq]
  return row.place > 0
    ? [...state, row.place]
    : [...state, identity.passkey, identity.infohash, identity.peerId]
}

export function journalCells(history: number, { entry, credit, hold }: JournalEntry): Cell[] {
  const { event, number } = entry
  return [
    number.ms,
    number.seq,
    history,
    0,
    event.passkey,
    event.infohash,
    event.peerId,
    event.atSeconds,
    event.event,
    event.uploadedDeltaBytes,
    event.downloadedDeltaBytes,
    credit.up,
    credit.down,
    credit.reason,
    hold,
  ]
}

export function torrentCells(torrent: TorrentSums): Cell[] {
  return [
    torrent.passkey,
    torrent.infohash,
    amount(torrent.uploaded),
    amount(torrent.downloaded),
    torrent.seedSeconds,
    torrent.leechSeconds,
    torrent.announces,
    torrent.completedAt,
    torrent.firstSeen,
    torrent.lastLeft,
    torrent.lastSeen,
  ]
}

/**
 * A user's row is the sum of the torrents' rows.
 *
 * @param torrents in the order of their keys
 * @param completions torrents that a user finished for the first time, by passkey
 */
export function userCells(
  torrents: readonly TorrentSums[],
  completions: ReadonlyMap<string, number>,
): Cell[][] {
  const users: (Omit<TorrentSums, 'infohash' | 'completedAt' | 'lastLeft'> & { passkey: string })[] = []
  for (const torrent of torrents) {
    const user = users.at(-1)
    if (user?.passkey !== torrent.passkey) {
      users.push({ ...torrent })
      continue
    }
    user.uploaded += torrent.uploaded
    user.downloaded += torrent.downloaded
    user.seedSeconds += torrent.seedSeconds
    user.leechSeconds += torrent.leechSeconds
    user.announces += torrent.announces
    user.firstSeen = Math.min(user.firstSeen, torrent.firstSeen)
    user.lastSeen = Math.max(user.lastSeen, torrent.lastSeen)
  }
  return users.map((user) => [
    user.passkey,
    amount(user.uploaded),
    amount(user.downloaded),
    user.seedSeconds,
    user.leechSeconds,
    completions.get(user.passkey) ?? 0,
    user.announces,
    0,
    0,
    user.firstSeen,
    user.lastSeen,
  ])
}
