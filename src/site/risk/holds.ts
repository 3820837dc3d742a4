import { randomBytes } from 'node:crypto'
import type { ParkedSums } from '../ledger/accounting/batchSums.ts'
import { park } from '../ledger/holds.ts'
import { contextOf } from '../ledger/ledgerContext.ts'
import { amount } from '../ledger/sql/cells.ts'
import type { SqlDialect } from '../ledger/sql/dialect.ts'
import { Statements } from '../ledger/sql/statements.ts'
import { asBigint } from '../ledger/sql/tables.ts'
import type { Tx } from '../ledger/sql/transaction.ts'
import type { Span } from './verdict.ts'

/**
 * Parked credit. Invariants:
 *  1. A byte that was credited is in the totals, in one active hold, or in one that was voided; it moves between them in
 *     one transaction. Sums stop at 2^63 - 1, a hold's like the totals'; so a release gives no more than the totals had.
 *  2. A line of the journal says where its bytes are: `hold` is empty while they are in the totals, else the hold that took
 *     them, also after the decision. So a line moves at most once, however often its window is flagged.
 *  3. A hold is decided once: who decides has its row locked and finds it active. The ledger locks the same row before it
 *     parks anything, so nothing arrives after the decision.
 *
 * Locks are taken in the ledger's order: holds, torrents, users.
 */
export interface HoldSubject {
  readonly passkey: string
  /** Empty: all torrents of the passkey. */
  readonly infohash: string
}

export interface Placement extends HoldSubject {
  /** Its name, if a new one is needed. */
  readonly hold: string
  readonly placedBy: string
  readonly reason: string
  readonly atSeconds: number
}

// What totals and holds have stopped at is less than what was added to them.
const MOVE = { uploaded: 'addOrTake', downloaded: 'addOrTake' } as const

export type HoldStatements = ReturnType<typeof holdStatementsOf>

export function holdStatementsOf(dialect: SqlDialect) {
  const statements = new Statements(dialect)
  return {
    context: contextOf(dialect),
    forUpdate: !dialect.hasOneWriter,
    addToTorrents: statements.upsert('user_torrents', MOVE),
    addToUsers: statements.upsert('users', MOVE),
  }
}

/** Takes the subject's credit from now on. @returns the hold's name: that of the active one if there is one */
export async function placeHold(
  tx: Tx,
  { forUpdate }: HoldStatements,
  placement: Placement,
): Promise<string> {
  const { hold, passkey, infohash, placedBy, reason, atSeconds } = placement
  let active = tx.db
    .selectFrom('pt_holds')
    .select('hold')
    .where('passkey', '=', passkey)
    .where('infohash', '=', infohash)
    .where('state', '=', 'active')
  if (forUpdate) active = active.forUpdate()
  const [known] = await active.execute()
  if (known) return known.hold
  await tx.db
    .insertInto('pt_holds')
    .values({ hold, passkey, infohash, state: 'active', placed_at: atSeconds, placed_by: placedBy, reason })
    .execute()
  return hold
}

/** Moves what a span credited to the subject from the totals into the hold, unless it was in a hold already. */
export async function moveIntoHold(
  tx: Tx,
  holdStatements: HoldStatements,
  hold: string,
  { passkey, infohash }: HoldSubject,
  { fromSeconds, untilSeconds }: Span,
): Promise<void> {
  // Marked first, then added up: lines that arrive meanwhile are in neither.
  const mark = `moving ${randomBytes(8).toString('hex')}`
  let marked = tx.db
    .updateTable('pt_entries')
    .set({ hold: mark })
    .where('passkey', '=', passkey)
    .where('hold', '=', '')
    .where('ts', '>=', fromSeconds)
    .where('ts', '<', untilSeconds)
    .where((line) => line.or([line('uploaded', '>', 0), line('downloaded', '>', 0)]))
  if (infohash !== '') marked = marked.where('infohash', '=', infohash)
  await marked.execute()
  const lines = await tx.db
    .selectFrom('pt_entries')
    .select(['infohash', 'uploaded', 'downloaded'])
    .where('passkey', '=', passkey)
    .where('hold', '=', mark)
    .execute()
  if (lines.length === 0) return
  await tx.db
    .updateTable('pt_entries')
    .set({ hold })
    .where('passkey', '=', passkey)
    .where('hold', '=', mark)
    .execute()

  const sums = new Map<string, ParkedSums>()
  for (const line of lines) {
    const sum = sums.get(line.infohash) ?? { hold, infohash: line.infohash, uploaded: 0n, downloaded: 0n }
    sum.uploaded += asBigint(line.uploaded)
    sum.downloaded += asBigint(line.downloaded)
    sums.set(line.infohash, sum)
  }
  const parked = [...sums.values()].sort((a, b) => (a.infohash < b.infohash ? -1 : 1))
  await park(tx, holdStatements.context, parked)
  const taken = parked.map((each) => ({ ...each, uploaded: -each.uploaded, downloaded: -each.downloaded }))
  await addToTotals(tx, holdStatements, passkey, taken)
}

export type Decision = 'released' | 'voided'

export interface Decided {
  readonly decision: Decision
  readonly by: string
  readonly note: string | undefined
  readonly atSeconds: number
}

/**
 * Ends a hold, whose row is locked. Released: all of it goes to the totals. Voided: what was uploaded is dropped, and what
 * was downloaded counts all the same, or a void would be a present.
 *
 * @returns false when it was decided before
 */
export async function decideHold(
  tx: Tx,
  holdStatements: HoldStatements,
  hold: string,
  { decision, by, note, atSeconds }: Decided,
): Promise<boolean> {
  let query = tx.db
    .selectFrom('pt_holds')
    .select('passkey')
    .where('hold', '=', hold)
    .where('state', '=', 'active')
  if (holdStatements.forUpdate) query = query.forUpdate()
  const [active] = await query.execute()
  if (!active) return false
  const rows = await tx.db
    .selectFrom('pt_parked')
    .select(['infohash', 'uploaded', 'downloaded'])
    .where('hold', '=', hold)
    .orderBy('infohash')
    .execute()
  const parked = rows.map((row) => ({
    infohash: row.infohash,
    uploaded: decision === 'released' ? asBigint(row.uploaded) : 0n,
    downloaded: asBigint(row.downloaded),
  }))
  await tx.db
    .updateTable('pt_holds')
    .set({ state: decision, decided_at: atSeconds, decided_by: by, note: note ?? null })
    .where('hold', '=', hold)
    .execute()
  await addToTotals(tx, holdStatements, active.passkey, parked)
  return true
}

type Amounts = Pick<ParkedSums, 'infohash' | 'uploaded' | 'downloaded'>

/** The rows are there: the ledger makes them when it settles, hold or not. */
async function addToTotals(
  tx: Tx,
  { addToTorrents, addToUsers }: HoldStatements,
  passkey: string,
  torrents: readonly Amounts[],
): Promise<void> {
  if (torrents.length === 0) return
  await tx.write(
    addToTorrents,
    torrents.map((each) => ({
      passkey,
      infohash: each.infohash,
      uploaded: amount(each.uploaded),
      downloaded: amount(each.downloaded),
      ...NEVER_SEEN,
      last_left: 0,
    })),
  )
  const uploaded = torrents.reduce((sum, each) => sum + each.uploaded, 0n)
  const downloaded = torrents.reduce((sum, each) => sum + each.downloaded, 0n)
  await tx.write(addToUsers, [
    { passkey, uploaded: amount(uploaded), downloaded: amount(downloaded), ...NEVER_SEEN },
  ])
}

const NEVER_SEEN = { first_seen: 0, last_seen: 0 } as const
