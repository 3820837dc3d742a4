import type { Batch } from './accounting/batch.ts'
import { type TorrentSums, usersOf } from './accounting/batchSums.ts'
import { park } from './holds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import {
  journalRow,
  sessionInPlace,
  sessionKeyOf,
  sessionRowOf,
  torrentRow,
  userRow,
  windowRow,
} from './rows.ts'
import { asNumber } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'

/** Writes the result of a batch. */
export async function writeBatch(
  tx: Tx,
  context: LedgerContext,
  redisEpoch: number,
  batch: Batch,
): Promise<void> {
  const { writes, dialect } = context
  await tx.write(
    writes.sessions,
    batch.sessions.map(({ identity, row }) => sessionRowOf(identity, row)),
  )
  await tx.write(
    writes.sessionsInPlace,
    batch.sessionsInPlace.map(({ identity, row }) => sessionInPlace(identity, row, dialect.rowNumber)),
  )
  await park(tx, context, batch.sums.parked())
  const torrents = batch.sums.torrents()
  const completions = await newCompletions(tx, context, torrents)
  await tx.write(writes.userTorrents, torrents.map(torrentRow))
  await tx.write(writes.windows, batch.sums.windows().map(windowRow))
  await tx.write(
    writes.sightings,
    batch.sightings.map(({ ip4, ip6, port, atSeconds, ...identity }) => ({
      ...sessionKeyOf(identity),
      ip4,
      ip6,
      port,
      seen_ts: atSeconds,
    })),
  )
  if (context.journalDays > 0) {
    await tx.write(
      writes.entries,
      batch.journal.map((line) => journalRow(redisEpoch, line)),
    )
  }
  await tx.write(
    writes.users,
    usersOf(torrents).map((user) => userRow(user, completions.get(user.passkey) ?? 0)),
  )
}

/** How many torrents each user finished for the first time. Clients say `completed` again and again. */
async function newCompletions(
  tx: Tx,
  { writes, dialect }: LedgerContext,
  torrents: readonly TorrentSums[],
): Promise<ReadonlyMap<string, number>> {
  const finished = torrents.filter(({ completedAt }) => completedAt !== null)
  if (finished.length === 0) return new Map()
  if (!dialect.hasOneWriter) {
    const rows = finished.map(({ passkey, infohash, firstSeen, lastSeen, lastLeft }) => ({
      passkey,
      infohash,
      first_seen: firstSeen,
      last_seen: lastSeen,
      last_left: lastLeft,
    }))
    await tx.write(writes.addUserTorrents, rows)
  }
  const keys = finished.map(({ passkey, infohash }, n) => ({ n, passkey, infohash }))
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
