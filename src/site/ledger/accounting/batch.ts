import type { StreamId } from '../../../contract/streamId.ts'
import type { TrafficEntry, TrafficEvent } from '../../../contract/trafficEvent.ts'
import { type Cell, plainText } from '../sql/rowsOf.ts'
import { dayOf, sightingCells } from './batchCells.ts'
import { BatchSums, inOrder } from './batchSums.ts'
import { isOpen } from './closing.ts'
import { compareIds } from './entryIds.ts'
import { type Credit, type Session, settleEvent } from './settlement.ts'

/** An entry with its ID as numbers. */
export interface NumberedEntry extends TrafficEntry {
  readonly number: StreamId
}

/** A row of the sessions table, as far as the books need it. */
export interface SessionRow {
  /** SQLite's own number of the row; 0 elsewhere. */
  readonly place: number
  readonly session: Session
  readonly newest: StreamId
  readonly ip4: string
  readonly ip6: string
  readonly port: number
  readonly agent: string
}

/** A session and what a batch brings of it. */
export interface SessionGroup {
  readonly identity: SessionIdentity
  /** In the order of their IDs; none settled before. */
  readonly entries: readonly NumberedEntry[]
  /** What the ledger holds of it. */
  readonly row: SessionRow
}

export interface BatchInput {
  readonly history: number
  /** In the order of their keys: so are the torrents and users that they add up to. */
  readonly groups: readonly SessionGroup[]
  /** The hold that takes the bytes in the user's place; empty for none. */
  readonly holdOf: (passkey: string, infohash: string) => string
  readonly windowSeconds: number
  /** Longest time between two announces that counts as seeding or leeching. */
  readonly maxGapSeconds: number
}

/** A session that a batch went through. */
export interface SettledSession {
  readonly identity: SessionIdentity
  readonly row: SessionRow
}

/** What a batch writes: cells in the order of `writes.ts`, rows in the order of their keys. */
export interface Batch {
  /** Those that are new, or changed besides. */
  readonly sessions: readonly SettledSession[]
  /** The many that only went on: where the client is has not changed, nor their place in any index. */
  readonly sessionsInPlace: readonly SettledSession[]
  readonly journal: readonly JournalEntry[]
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

/** A line of the journal to be. */
export interface JournalEntry {
  readonly entry: NumberedEntry
  readonly credit: Credit
  readonly hold: string
}

/** What names a session, checked or as a table holds it. */
export interface SessionIdentity {
  readonly passkey: string
  readonly infohash: string
  readonly peerId: string
}

/** Names a session inside a batch. */
export function sessionKey(passkey: string, infohash: string, peerId: string): string {
  return `${passkey} ${infohash} ${peerId}`
}

/** Settles each entry against its session, and adds up. Pure. */
export function settleBatch(input: BatchInput): Batch {
  const sums = new BatchSums(input.windowSeconds)
  const sessions: SettledSession[] = []
  const sessionsInPlace: SettledSession[] = []
  const journal: JournalEntry[] = []
  const sightings = new Map<string, Cell[]>()
  const forgotten: NumberedEntry[] = []
  let uploadedBytes = 0n
  let downloadedBytes = 0n
  let overlapUploadedBytes = 0n
  let overlapDownloadedBytes = 0n
  let gaps = 0

  for (const { identity, entries, row: before } of input.groups) {
    let row = before
    for (const entry of entries) {
      const { event } = entry
      const { session, credit } = settleEvent(row.session, event, input.maxGapSeconds)
      if (credit.reason === 'forgotten') {
        forgotten.push(entry)
        continue
      }
      const after = advance(row, session, entry)
      if (isElsewhere(row, after)) {
        const cells = sightingCells(event, after)
        sightings.set(cells.slice(0, -1).join(' '), cells) // once, however often it goes there and back
      }
      row = after
      const hold = input.holdOf(event.passkey, event.infohash)
      sums.add(event, credit, hold)
      if (isWorthJournal(event, credit)) journal.push({ entry, credit, hold })
      if (credit.isGap) gaps++
      if (credit.up > 0) uploadedBytes += BigInt(credit.up)
      if (credit.down > 0) downloadedBytes += BigInt(credit.down)
      if (credit.overlapUp > 0) overlapUploadedBytes += BigInt(credit.overlapUp)
      if (credit.overlapDown > 0) overlapDownloadedBytes += BigInt(credit.overlapDown)
    }
    if (row !== before) (isInPlace(before, row) ? sessionsInPlace : sessions).push({ identity, row })
  }

  journal.sort((a, b) => compareIds(a.entry.number, b.entry.number))
  const totals = { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps }
  return { sessions, sessionsInPlace, journal, sightings: inOrder(sightings), sums, forgotten, ...totals }
}

function isInPlace(before: SessionRow, after: SessionRow): boolean {
  const isSameDay = dayOf(before.newest.ms) === dayOf(after.newest.ms)
  const isSameClient =
    before.ip4 === after.ip4 &&
    before.ip6 === after.ip6 &&
    before.port === after.port &&
    before.agent === after.agent
  return (
    before.session.last > 0 && isSameDay && isSameClient && isOpen(before.session) === isOpen(after.session)
  )
}

/** The newest entry says where the client is; the address of the other family stays what it was. */
function advance(row: SessionRow, session: Session, { event, number }: NumberedEntry): SessionRow {
  if (compareIds(number, row.newest) < 0) return { ...row, session }
  const isIpv4 = event.addressFamily === 'IPv4'
  return {
    place: row.place,
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

/** What staff may ask about: claims, what opened a generation, finished downloads. Not the many announces that moved nothing. */
function isWorthJournal(event: TrafficEvent, { reason }: Credit): boolean {
  const isClaim = event.uploadedDeltaBytes > 0 || event.downloadedDeltaBytes > 0
  return isClaim || OPENINGS.has(reason) || event.event === 'completed'
}

const OPENINGS: ReadonlySet<string> = new Set(['first', 'reset', 'baseline', 'restart'])
