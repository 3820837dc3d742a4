import type { StreamId } from '../../contract/streamId.ts'
import type { TrafficEntry, TrafficEvent } from '../../contract/trafficEvent.ts'
import { dayOf, journalCells, sessionCells, sightingCells } from './batchCells.ts'
import { BatchSums, inOrder } from './batchSums.ts'
import { isOpen } from './closing.ts'
import { compareIds, fingerprint } from './entryIds.ts'
import { type Cell, plainText } from './rowsOf.ts'
import { type Credit, type Session, settleEvent } from './settlement.ts'

/** An entry with its ID as numbers. */
export interface NumberedEntry extends TrafficEntry {
  readonly number: StreamId
  /** Names its session, see sessionKey. */
  readonly key: string
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
/** A session that a batch went through. */
export interface SettledSession {
  readonly event: TrafficEvent
  readonly before: SessionRow
  readonly row: SessionRow
}

export interface Batch {
  readonly settled: Cell[][]
  readonly sessions: Cell[][]
  /** The many that stay where they are in every index. */
  readonly sessionsInPlace: readonly SettledSession[]
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
  const sessions = new Map<string, SettledSession>()
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
    const { event, number, key } = entry
    settled.push([
      number.ms,
      number.seq,
      input.history,
      fingerprint(entry),
      event.totals === undefined ? 0 : 1,
    ])
    const known = sessions.get(key)
    const row = known?.row ?? input.sessionOf(key)
    const { session, credit } = settleEvent(row.session, event, input.maxGapSeconds)
    if (credit.reason === 'forgotten') {
      forgotten.push(entry)
      continue
    }
    const advanced = advance(row, session, entry)
    sessions.set(key, { event, before: known?.before ?? row, row: advanced })
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

  const changed = inOrder(sessions)
  const elsewhere = changed.filter((each) => !isInPlace(each))
  const totals = { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps }
  return {
    settled,
    sessions: elsewhere.map(({ event, row }) => sessionCells(event, row)),
    sessionsInPlace: elsewhere.length === 0 ? changed : changed.filter(isInPlace),
    journal,
    sightings: inOrder(sightings),
    sums,
    forgotten,
    ...totals,
  }
}

function isInPlace({ before, row: after }: SettledSession): boolean {
  const isSameDay = dayOf(before.newest.ms) === dayOf(after.newest.ms)
  return before.session.last > 0 && isSameDay && isOpen(before.session) === isOpen(after.session)
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
