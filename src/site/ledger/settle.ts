import { parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { type NumberedEntry, type SessionGroup, settleBatch } from './accounting/batch.ts'
import { compareIds } from './accounting/entryIds.ts'
import { NEW_SESSION } from './accounting/settlement.ts'
import { type Forgotten, noteForgotten, readForgotten } from './forgotten.ts'
import { holdsOf } from './holds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { withoutSettled } from './newEntries.ts'
import { redisEpochOf } from './redisEpochs.ts'
import { settledRow } from './rows.ts'
import { loadSessions } from './sessionRows.ts'
import type { Tx } from './sql/transaction.ts'
import type { SettleOutcome } from './types.ts'
import { writeBatch } from './writeBatch.ts'

export type SettledBatch = Omit<SettleOutcome, 'retries'>

const NOTHING = {
  forgotten: 0,
  uploadedBytes: 0n,
  downloadedBytes: 0n,
  overlapUploadedBytes: 0n,
  overlapDownloadedBytes: 0n,
  gaps: 0,
}

/** How far Redis' clock may be ahead of ours before its times count as wrong. */
const CLOCK_SLACK_SECONDS = 60

/**
 * Settles entries inside a transaction. Everyone who writes locks in this order: sessions, holds, user_torrents, windows,
 * users; and inside a table in the order of its keys.
 */
export async function settleIn(
  tx: Tx,
  context: LedgerContext,
  redisEpochName: string,
  entries: readonly TrafficEntry[],
  nowSeconds: number,
): Promise<SettledBatch> {
  if (entries.length === 0) return { ...NOTHING, settled: 0, duplicates: 0 }
  const redisEpoch = redisEpochOf(redisEpochName)
  const given = inOrderOfIds(entries)
  let forgotten: Forgotten | undefined
  const loaded = await loadSessions(tx, context, given, async () => {
    forgotten = await readForgotten(tx, context) // after the sessions: whoever removed one has said so before
    return { ...NEW_SESSION, forgotten: forgotten.sessionsSeconds }
  })
  // After the sessions as well: who settles the same entries out of another life of Redis has them until he is done.
  const fresh = await withoutSettled(tx, context, redisEpoch, given, nowSeconds)
  const duplicates = entries.length - fresh.length
  if (fresh.length === 0) return { ...NOTHING, settled: 0, duplicates }

  const isFresh = new Set(fresh)
  const groups = fresh.length === given.length ? loaded : without(loaded, (entry) => !isFresh.has(entry))
  const isTooOld = ({ event, number: { ms } }: NumberedEntry) =>
    event.totals === undefined && ms < forgotten!.idsMs
  const tooOld = fresh.filter(isTooOld)
  const batch = settleBatch({
    groups: tooOld.length === 0 ? groups : without(groups, isTooOld),
    holdOf: await holdsOf(
      tx,
      context,
      groups.map(({ identity }) => identity),
    ),
    windowSeconds: context.windowSeconds,
    rules: { maxGapSeconds: context.maxGapSeconds, latestSeconds: nowSeconds + CLOCK_SLACK_SECONDS },
  })
  await tx.write(
    context.writes.settled,
    fresh.map((entry) => settledRow(redisEpoch.number, entry)),
  )
  await writeBatch(tx, context, redisEpoch.number, batch)
  const forgottenEntries = [...batch.forgotten, ...tooOld]
  await noteForgotten(tx, context, redisEpoch.number, forgottenEntries)
  const { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps } = batch
  const sums = { uploadedBytes, downloadedBytes, overlapUploadedBytes, overlapDownloadedBytes, gaps }
  return { settled: fresh.length, duplicates, forgotten: forgottenEntries.length, ...sums }
}

/** In the order of their IDs, no ID twice. */
function inOrderOfIds(entries: readonly TrafficEntry[]): NumberedEntry[] {
  return entries
    .map(({ id, event }) => ({ id, event, number: parseStreamId(id) }))
    .sort((a, b) => compareIds(a.number, b.number))
    .filter((entry, index, all) => index === 0 || compareIds(all[index - 1]!.number, entry.number) !== 0)
}

function without(
  groups: readonly SessionGroup[],
  isLeftOut: (entry: NumberedEntry) => boolean,
): SessionGroup[] {
  return groups
    .map((group) => ({ ...group, entries: group.entries.filter((entry) => !isLeftOut(entry)) }))
    .filter(({ entries }) => entries.length > 0)
}
