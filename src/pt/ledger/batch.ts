import type { TrafficEntry, TrafficEvent } from '../../contract/trafficEvent.ts'
import { BatchSums, byKey, type TorrentSums } from './batchSums.ts'
import { compareIds, type EntryId, fingerprint } from './entryIds.ts'
import { amount, type Cell, plainText } from './rowsOf.ts'
import { writeSession } from './sessionRecord.ts'
import { type Credit, isOpen, type Session, settleEvent } from './settlement.ts'

/** An entry with its ID as numbers. */
export interface NumberedEntry extends TrafficEntry {
  readonly number: EntryId
}

/** A row of the sessions table, as far as the books need it. */
export interface SessionRow {
  readonly session: Session
  readonly newest: EntryId
  readonly ip4: string
  readonly ip6: string
  readonly port: number
  readonly agent: string
}

export interface BatchInput {
  readonly history: number
  /** None settled before, no ID twice. */
  readonly entries: readonly NumberedEntry[]
  /** What the ledger holds of a session. */
  readonly sessionOf: (key: string) => SessionRow
  /** The hold that takes the bytes in the user's place; empty for none. */
  readonly holdOf: (passkey: string, infohash: string) => string
  readonly windowSeconds: number
  /** Longest time between two announces that counts as seeding or leeching. */
  readonly maxGapSeconds: number
}

/** What a batch writes: cells in the order of `writes.ts`, rows in the order of their keys. */
export interface Batch {
  readonly settled: Cell[][]
  readonly sessions: Cell[][]
  readonly journal: Cell[][]
  /** Sessions at an address that they were not at before. */
  readonly sightings: Cell[][]
  readonly sums: BatchSums
  /** Entries that nothing is credited for: the ledger has forgotten their time. */
  readonly forgotten: readonly NumberedEntry[]
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  readonly overlapUploadedBytes: bigint
  readonly overlapDownloadedBytes: bigint
  readonly gaps: number
}

/** Names a session inside a batch. */
export function sessionKey(passkey: string, infohash: string, peerId: string): string {
  return `${passkey} ${infohash} ${peerId}`
}

/** Settles each entry against its session, and adds up. Pure. */
export function settleBatch(input: BatchInput): Batch {
  const sessions = new Map<string, { event: TrafficEvent; row: SessionRow }>()
  const sums = new BatchSums(input.windowSeconds)
  const settled: Cell[][] = []
  const journal: Cell[][] = []
  const sightings = new Map<string, Cell[]>()
  const forgotten: NumberedEntry[] = []
  let uploadedBytes = 0n
  let downloadedBytes = 0n
  let overlapUploadedBytes = 0n
  let overlapDownloadedBytes = 0n
  let gaps = 0

  for (const entry of input.entries) {
    const { event, number } = entry
    settled.push([
      number.ms,
      number.seq,
      input.history,
      fingerprint(entry),
      event.totals === undefined ? 0 : 1,
    ])
    const key = sessionKey(event.passkey, event.infohash, event.peerId)
    const row = sessions.get(key)?.row ?? input.sessionOf(key)
    const { session, credit } = settleEvent(row.session, event, input.maxGapSeconds)
    if (credit.reason === 'forgotten') {
      forgotten.push(entry)
      continue
    }
    const advanced = advance(row, session, entry)
    sessions.set(key, { event, row: advanced })
    if (isElsewhere(row, advanced)) {
      const { ip4, ip6, port } = advanced
      const at = `${key} ${ip4} ${ip6} ${port}`
      if (!sightings.has(at)) sightings.set(at, sightingCells(event, advanced))
    }
    const hold = input.holdOf(event.passkey, event.infohash)
    sums.add(event, credit, hold)
    if (isWorthJournal(event, credit)) journal.push(journalCells(input.history, entry, credit, hold))
    uploadedBytes += BigInt(credit.up)
    downloadedBytes += BigInt(credit.down)
    overlapUploadedBytes += BigInt(credit.overlapUp)
    overlapDownloadedBytes += BigInt(credit.overlapDown)
    if (credit.isGap) gaps++
  }

  const sessionRows = [...sessions].sort(byKey).map(([, { event, row }]) => sessionCells(event, row))
  const totals = { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps }
  return {
    settled,
    sessions: sessionRows,
    journal,
    sightings: [...sightings].sort(byKey).map(([, cells]) => cells),
    sums,
    forgotten,
    ...totals,
  }
}

/** The newest entry says where the client is; the address of the other family stays what it was. */
function advance(row: SessionRow, session: Session, { event, number }: NumberedEntry): SessionRow {
  if (compareIds(number, row.newest) < 0) return { ...row, session }
  const isIpv4 = event.addressFamily === 'IPv4'
  return {
    session,
    newest: number,
    ip4: isIpv4 ? event.ip : row.ip4,
    ip6: isIpv4 ? row.ip6 : event.ip,
    port: event.port,
    agent: event.agent === undefined ? row.agent : plainText(event.agent),
  }
}

/** A client that stops may name no port; that is no place to be. */
function isElsewhere(before: SessionRow, after: SessionRow): boolean {
  if (after.port === 0) return false
  return before.ip4 !== after.ip4 || before.ip6 !== after.ip6 || before.port !== after.port
}

function sightingCells(event: TrafficEvent, { ip4, ip6, port }: SessionRow): Cell[] {
  return [event.passkey, event.infohash, event.peerId, ip4, ip6, port, event.atSeconds]
}

const DAY_MS = 86_400_000

export function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS)
}

/** What names a session, checked or as a table holds it. */
export interface SessionIdentity {
  readonly passkey: string
  readonly infohash: string
  readonly peerId: string
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

/** What staff may ask about: claims, what opened a generation, finished downloads. Not the many announces that moved nothing. */
function isWorthJournal(event: TrafficEvent, { reason }: Credit): boolean {
  const isClaim = event.uploadedDeltaBytes > 0 || event.downloadedDeltaBytes > 0
  return isClaim || OPENINGS.has(reason) || event.event === 'completed'
}

const OPENINGS: ReadonlySet<string> = new Set(['first', 'reset', 'baseline', 'restart'])

function journalCells(
  history: number,
  { event, number }: NumberedEntry,
  credit: Credit,
  hold: string,
): Cell[] {
  return [
    number.ms,
    number.seq,
    history,
    'entry',
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
