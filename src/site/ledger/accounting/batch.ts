import type { StreamId } from '../../../contract/streamId.ts'
import type { TrafficEntry, TrafficEvent } from '../../../contract/trafficEvent.ts'
import { plainText } from '../../../runtime/plainText.ts'
import { BatchSums, inOrder } from './batchSums.ts'
import { isOpen } from './closing.ts'
import { compareIds, dayOf } from './entryIds.ts'
import { OPENING_REASONS } from './reasons.ts'
import { type Credit, type Session, type SettlementRules, settleEvent } from './settlement.ts'

/** An entry with its ID as numbers. */
export interface NumberedEntry extends TrafficEntry {
  readonly number: StreamId
}

/** A row of the sessions table, as far as settlement needs it. */
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
  /** In the order of their keys: so are the torrents and users that they add up to. */
  readonly groups: readonly SessionGroup[]
  /** The hold that takes the bytes in the user's place; empty for none. */
  readonly holdOf: (passkey: string, infohash: string) => string
  readonly windowSeconds: number
  readonly rules: SettlementRules
}

/** A session that a batch went through. */
export interface SettledSession {
  readonly identity: SessionIdentity
  readonly row: SessionRow
}

/** What a batch writes, in the order of the rows' keys. */
export interface Batch {
  /** Those that are new, or changed besides. */
  readonly sessions: readonly SettledSession[]
  /** The many that only went on: where the client is has not changed, nor their place in any index. */
  readonly sessionsInPlace: readonly SettledSession[]
  readonly journal: readonly JournalEntry[]
  /** Sessions at an address that they were not at before. */
  readonly sightings: readonly Sighting[]
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

/** A session at an address that it was not at before. */
export interface Sighting extends SessionIdentity {
  readonly ip4: string
  readonly ip6: string
  readonly port: number
  readonly atSeconds: number
}

/** Settles each entry against its session, and adds up. Pure. */
export function settleBatch(input: BatchInput): Batch {
  const settling = new BatchSettlement(input)
  for (const group of input.groups) settling.settle(group)
  return settling.batch()
}

class BatchSettlement {
  readonly #input: BatchInput
  readonly #sums: BatchSums
  readonly #sessions: SettledSession[] = []
  readonly #sessionsInPlace: SettledSession[] = []
  readonly #journal: JournalEntry[] = []
  readonly #sightings = new Map<string, Sighting>()
  readonly #forgotten: NumberedEntry[] = []
  readonly #totals = {
    uploadedBytes: 0n,
    downloadedBytes: 0n,
    overlapUploadedBytes: 0n,
    overlapDownloadedBytes: 0n,
    gaps: 0,
  }

  constructor(input: BatchInput) {
    this.#input = input
    this.#sums = new BatchSums(input.windowSeconds)
  }

  settle({ identity, entries, row: before }: SessionGroup): void {
    let row = before
    for (const entry of entries) {
      const { session, credit } = settleEvent(row.session, entry.event, this.#input.rules)
      if (credit.reason === 'forgotten') {
        this.#forgotten.push(entry)
        continue
      }
      const after = advance(row, session, entry)
      if (isElsewhere(row, after)) this.#see(entry.event, after)
      row = after
      this.#credit(entry, credit)
    }
    if (row === before) return
    const changed = isInPlace(before, row) ? this.#sessionsInPlace : this.#sessions
    changed.push({ identity, row })
  }

  batch(): Batch {
    return {
      sessions: this.#sessions,
      sessionsInPlace: this.#sessionsInPlace,
      journal: this.#journal.sort((a, b) => compareIds(a.entry.number, b.entry.number)),
      sightings: inOrder(this.#sightings),
      sums: this.#sums,
      forgotten: this.#forgotten,
      ...this.#totals,
    }
  }

  /** Once, however often the client goes there and back. */
  #see({ passkey, infohash, peerId, atSeconds }: TrafficEvent, { ip4, ip6, port }: SessionRow): void {
    const key = `${sessionKey(passkey, infohash, peerId)} ${ip4} ${ip6} ${port}`
    this.#sightings.set(key, { passkey, infohash, peerId, ip4, ip6, port, atSeconds })
  }

  #credit(entry: NumberedEntry, credit: Credit): void {
    const { event } = entry
    const hold = this.#input.holdOf(event.passkey, event.infohash)
    this.#sums.add(event, credit, hold)
    if (isWorthJournal(event, credit)) this.#journal.push({ entry, credit, hold })
    const totals = this.#totals
    if (credit.isGap) totals.gaps++
    if (credit.up > 0) totals.uploadedBytes += BigInt(credit.up)
    if (credit.down > 0) totals.downloadedBytes += BigInt(credit.down)
    if (credit.overlapUp > 0) totals.overlapUploadedBytes += BigInt(credit.overlapUp)
    if (credit.overlapDown > 0) totals.overlapDownloadedBytes += BigInt(credit.overlapDown)
  }
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
  return isClaim || OPENING_REASONS.has(reason) || event.event === 'completed'
}
