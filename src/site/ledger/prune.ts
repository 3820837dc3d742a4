import { DAY_MS, dayOf } from './accounting/entryIds.ts'
import { IDS_BEFORE, SESSIONS_BEFORE } from './forgotten.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { text } from './sessionRows.ts'
import { asNumber } from './sql/tables.ts'
import type { Committed, Tx } from './sql/transaction.ts'

export type Transact = <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Committed<Result>>

const ROWS = 5_000

/**
 * What ages are reckoned from: the low watermark, so that a consumer that is behind forgets nothing early, and never the future. The
 * ID of an entry may be any, and with it the time it stands for: one from a clock that had jumped would make the whole
 * ledger look old.
 */
export function agesFromMs(lowWatermarkMs: number, nowSeconds: number): number {
  return Math.min(lowWatermarkMs, nowSeconds * 1000)
}

/**
 * Removes what has outlived its use, a few thousand rows in a transaction, so that nobody waits long for a lock.
 *
 * @param fromMs what ages are reckoned from: `agesFromMs`
 */
export async function pruneIn(transact: Transact, context: LedgerContext, fromMs: number): Promise<void> {
  const remembered = fromMs - context.accountingTtlSeconds * 1000
  await untilNothing(transact, (tx) => pruneSessions(tx, context, remembered))
  await untilNothing(transact, (tx) => pruneSettled(tx, context, remembered))
  await untilNothing(transact, (tx) =>
    pruneBelow(tx, context.reads.pruneEntries, fromMs - context.journalDays * DAY_MS),
  )
  const windowsBefore = Math.floor((fromMs - context.windowDays * DAY_MS) / 1000)
  await untilNothing(transact, (tx) => pruneWindow(tx, context, windowsBefore))
}

async function untilNothing(transact: Transact, prune: (tx: Tx) => Promise<boolean>): Promise<void> {
  while ((await transact(prune)).result) {}
}

/**
 * Removes sessions that ended before the day of `beforeMs`, and says in the same transaction how far back the ledger goes from
 * now on. One whose producer dated it ahead waits for that date: the mark is everybody's.
 */
async function pruneSessions(tx: Tx, { reads, writes }: LedgerContext, beforeMs: number): Promise<boolean> {
  const rows = await tx.rows(reads.oldSessions, dayOf(beforeMs), Math.floor(beforeMs / 1000), ROWS)
  if (rows.length === 0) return false
  const newest = rows.reduce((max, row) => Math.max(max, asNumber(row.last_ts)), 0)
  await tx.write(writes.marks, [{ name: SESSIONS_BEFORE, value: String(newest + 1) }])
  const keys = rows.map((row) => ({
    passkey: text(row.passkey),
    infohash: text(row.infohash),
    peer_id: text(row.peer_id),
  }))
  await tx.write(reads.dropSessions, keys)
  await tx.write(reads.dropSightings, keys)
  return rows.length === ROWS
}

async function pruneSettled(tx: Tx, { reads, writes }: LedgerContext, beforeMs: number): Promise<boolean> {
  const end = await endOfPart(tx, reads.pruneSettled.end, beforeMs)
  if (end === undefined) return false
  await tx.write(writes.marks, [{ name: IDS_BEFORE, value: String(end) }])
  await tx.run(reads.pruneSettled.drop, end)
  return end < beforeMs
}

async function pruneBelow(tx: Tx, texts: { end: string; drop: string }, beforeMs: number): Promise<boolean> {
  const end = await endOfPart(tx, texts.end, beforeMs)
  if (end === undefined) return false
  await tx.run(texts.drop, end)
  return end < beforeMs
}

/** Where a part of some thousand rows ends that are older; undefined when nothing is. */
async function endOfPart(tx: Tx, text: string, beforeMs: number): Promise<number | undefined> {
  const [part] = await tx.rows(text, beforeMs, ROWS)
  const count = asNumber(part?.count)
  if (count === 0) return undefined
  return count < ROWS ? beforeMs : Math.min(beforeMs, asNumber(part?.last) + 1)
}

async function pruneWindow(tx: Tx, { reads }: LedgerContext, beforeSeconds: number): Promise<boolean> {
  const [row] = await tx.rows(reads.oldestWindow)
  if (row?.start == null || asNumber(row.start) >= beforeSeconds) return false
  await tx.run(reads.dropWindow, asNumber(row.start))
  return true
}
