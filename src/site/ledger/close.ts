import type { StreamId } from '../../contract/streamId.ts'
import type { SessionRow } from './accounting/batch.ts'
import { sessionCells } from './accounting/batchCells.ts'
import { closeSession } from './accounting/closing.ts'
import { compareIds } from './accounting/entryIds.ts'
import type { Books } from './books.ts'
import { holdsOf } from './holds.ts'
import type { History } from './newEntries.ts'
import { agesFromMs } from './prune.ts'
import { type Recovered, writeRecovered } from './recovered.ts'
import { sessionRow, text } from './sessionRows.ts'
import { asNumber } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'
import type { RecoverOutcome } from './types.ts'

export interface Closing {
  readonly history: History
  readonly floor: StreamId
  /** Sessions at once. */
  readonly limit: number
  readonly nowSeconds: number
}

/**
 * Closes the books up to a floor, inside a transaction: raises the history's floor, forgets the settled IDs behind it that
 * the coverage makes needless, and closes up to `limit` sessions that have nothing newer.
 */
export async function closeIn(
  tx: Tx,
  books: Books,
  { history, floor, limit, nowSeconds }: Closing,
): Promise<RecoverOutcome> {
  const raised = await raiseFloor(tx, books, history, floor)
  const rows = await tx.rows(books.reads.openSessions, raised.ms, raised.ms, raised.seq, limit + 1)
  const isMoreLeft = rows.length > limit
  if (rows.length === 0) return { sessions: 0, uploadedBytes: 0n, downloadedBytes: 0n, isMoreLeft }

  const forgetBefore = Math.floor(agesFromMs(raised.ms, nowSeconds) / 1000) - books.accountingTtlSeconds
  const recovered: Recovered[] = []
  const sessions = rows.slice(0, limit).map((row) => {
    const identity = { passkey: text(row.passkey), infohash: text(row.infohash), peerId: text(row.peer_id) }
    const before: SessionRow = sessionRow(row)
    const { session, up, down } = closeSession(before.session, { recover: books.recover, forgetBefore })
    if (up > 0 || down > 0) recovered.push({ ...identity, atSeconds: session.last, up, down })
    return sessionCells(identity, { ...before, session })
  })
  await tx.write(books.writes.sessions, sessions)
  const holdOf = await holdsOf(tx, books, recovered)
  await writeRecovered(tx, books, { history: history.number, floor: raised, recovered, holdOf })
  const credited = books.recover ? recovered : []
  return {
    sessions: sessions.length,
    uploadedBytes: credited.reduce((sum, { up }) => sum + BigInt(up), 0n),
    downloadedBytes: credited.reduce((sum, { down }) => sum + BigInt(down), 0n),
    isMoreLeft,
  }
}

/** @returns the floor that counts: the higher one of the two */
async function raiseFloor(
  tx: Tx,
  { reads, writes }: Books,
  { number, name }: History,
  floor: StreamId,
): Promise<StreamId> {
  const [row] = await tx.rows(reads.historyLocked, number)
  if (row === undefined) {
    await tx.write(writes.histories, [[number, name, floor.ms, floor.seq, Math.floor(floor.ms / 1000)]])
    await tx.run(reads.forgetSettled, number, 0, floor.ms, floor.ms, floor.seq)
    return floor
  }
  const before =
    row.floor_ms === null ? undefined : { ms: asNumber(row.floor_ms), seq: asNumber(row.floor_seq) }
  if (before !== undefined && compareIds(floor, before) <= 0) return before
  await tx.run(reads.raiseFloor, floor.ms, floor.seq, number)
  await tx.run(reads.forgetSettled, number, before?.ms ?? 0, floor.ms, floor.ms, floor.seq)
  return floor
}
