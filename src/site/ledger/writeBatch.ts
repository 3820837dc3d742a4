import type { Batch } from './accounting/batch.ts'
import { inPlaceCells, journalCells, sessionCells, torrentCells, userCells } from './accounting/batchCells.ts'
import type { TorrentSums } from './accounting/batchSums.ts'
import type { Books } from './books.ts'
import { park } from './holds.ts'
import { asNumber } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'

/** Writes what a batch came to. */
export async function writeBatch(tx: Tx, books: Books, history: number, batch: Batch): Promise<void> {
  const { writes } = books
  await tx.write(
    writes.sessions,
    batch.sessions.map(({ identity, row }) => sessionCells(identity, row)),
  )
  await tx.write(writes.sessionsInPlace, batch.sessionsInPlace.map(inPlaceCells))
  await park(tx, books, batch.sums.parked())
  const torrents = batch.sums.torrents()
  const completions = await newCompletions(tx, books, torrents)
  await tx.write(writes.userTorrents, torrents.map(torrentCells))
  await tx.write(writes.windows, batch.sums.windowCells())
  await tx.write(writes.sightings, batch.sightings)
  if (books.journalDays > 0) {
    await tx.write(
      writes.entries,
      batch.journal.map((line) => journalCells(history, line)),
    )
  }
  await tx.write(writes.users, userCells(torrents, completions))
}

/** How many torrents each user finished for the first time. Clients say `completed` again and again. */
async function newCompletions(
  tx: Tx,
  { writes, dialect }: Books,
  torrents: readonly TorrentSums[],
): Promise<ReadonlyMap<string, number>> {
  const finished = torrents.filter(({ completedAt }) => completedAt !== null)
  if (finished.length === 0) return new Map()
  if (dialect !== 'sqlite') {
    const rows = finished.map(({ passkey, infohash, firstSeen, lastSeen, lastLeft }) => [
      passkey,
      infohash,
      0,
      0,
      0,
      0,
      0,
      firstSeen,
      lastLeft,
      lastSeen,
    ])
    await tx.write(writes.addUserTorrents, rows)
  }
  const keys = finished.map(({ passkey, infohash }, n) => [n, passkey, infohash])
  const known = new Set<TorrentSums>()
  for (const row of await tx.find(writes.lockUserTorrents, keys)) {
    if (row.completed_at !== null) known.add(finished[asNumber(row.n)]!)
  }
  const completions = new Map<string, number>()
  for (const torrent of finished) {
    const { passkey } = torrent
    if (!known.has(torrent)) completions.set(passkey, (completions.get(passkey) ?? 0) + 1)
  }
  return completions
}
