import { parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { type NumberedEntry, type SessionRow, sessionKey, settleBatch } from './batch.ts'
import type { Books } from './books.ts'
import { compareIds, historyNumber } from './entryIds.ts'
import { noteForgotten, readForgotten } from './forgotten.ts'
import { holdsOf } from './holds.ts'
import { withoutSettled } from './newEntries.ts'
import { loadSessions, NEW_ROW } from './sessionRows.ts'
import { NEW_SESSION } from './settlement.ts'
import type { Tx } from './transaction.ts'
import { writeBatch } from './writeBatch.ts'

export interface SettledBatch {
  readonly settled: number
  readonly duplicates: number
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  readonly overlapUploadedBytes: bigint
  readonly overlapDownloadedBytes: bigint
  readonly gaps: number
}

const NOTHING = {
  uploadedBytes: 0n,
  downloadedBytes: 0n,
  overlapUploadedBytes: 0n,
  overlapDownloadedBytes: 0n,
  gaps: 0,
}

/**
 * Settles entries inside a transaction. Everyone who writes locks in this order: sessions, holds, user_torrents, windows,
 * users; and inside a table in the order of its keys.
 */
export async function settleIn(
  tx: Tx,
  books: Books,
  history: string,
  entries: readonly TrafficEntry[],
): Promise<SettledBatch> {
  const number = historyNumber(history)
  const fresh = await withoutSettled(tx, books, { number, name: history }, inOrderOfIds(entries))
  const duplicates = entries.length - fresh.length
  if (fresh.length === 0) return { ...NOTHING, settled: 0, duplicates }

  const sessions = await loadSessions(tx, books, fresh)
  const forgotten = await readForgotten(tx, books) // after the sessions: whoever removed one has said so before
  const holds = await holdsOf(
    tx,
    books,
    fresh.map(({ event }) => event),
  )
  const newRow = { ...NEW_ROW, session: { ...NEW_SESSION, forgotten: forgotten.sessionsSeconds } }
  const isTooOld = ({ event, number: { ms } }: NumberedEntry) =>
    event.totals === undefined && ms < forgotten.idsMs
  const batch = settleBatch({
    history: number,
    entries: fresh.filter((entry) => !isTooOld(entry)),
    sessionOf: (key) => orNew(sessions.get(key), newRow),
    holdOf: holds,
    windowSeconds: books.windowSeconds,
    maxGapSeconds: books.maxGapSeconds,
  })
  await writeBatch(tx, books, batch)
  await noteForgotten(tx, books, number, [...batch.forgotten, ...fresh.filter(isTooOld)])
  const { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps } = batch
  const sums = { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps }
  return { settled: fresh.length, duplicates, ...sums }
}

/** In the order of their IDs, no ID twice. */
function inOrderOfIds(entries: readonly TrafficEntry[]): NumberedEntry[] {
  return entries
    .map(numbered)
    .sort((a, b) => compareIds(a.number, b.number))
    .filter((entry, index, all) => index === 0 || compareIds(all[index - 1]!.number, entry.number) !== 0)
}

function numbered({ id, event }: TrafficEntry): NumberedEntry {
  const key = sessionKey(event.passkey, event.infohash, event.peerId)
  return { id, event, number: parseStreamId(id), key }
}

/** A row that was only just made, to be locked, says nothing yet. */
function orNew(row: SessionRow | undefined, newRow: SessionRow): SessionRow {
  return row === undefined || row.session.last === 0 ? newRow : row
}
