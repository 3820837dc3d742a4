import type { StreamId } from '../../contract/streamId.ts'
import type { SessionRow } from './accounting/batch.ts'
import { closeSession } from './accounting/closing.ts'
import { compareIds } from './accounting/entryIds.ts'
import { holdsOf } from './holds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { lossesFor, readLosses } from './losses.ts'
import { agesFromMs } from './prune.ts'
import { type Recovered, writeRecovered } from './recovered.ts'
import { addRedisEpoch, lowWatermarkIn, type RedisEpoch } from './redisEpochs.ts'
import { sessionRowOf } from './rows.ts'
import { sessionRow, text } from './sessionRows.ts'
import type { Tx } from './sql/transaction.ts'
import type { RecoverOutcome } from './types.ts'

export interface Closing {
  readonly redisEpoch: RedisEpoch
  readonly lowWatermark: StreamId
  /** Sessions at once. */
  readonly limit: number
  readonly nowSeconds: number
}

/**
 * Closes sessions up to a low watermark, inside a transaction: raises the low watermark of the Redis epoch, forgets the settled
 * IDs up to it that the coverage makes needless, and closes up to `limit` sessions that have nothing newer.
 */
export async function closeIn(
  tx: Tx,
  context: LedgerContext,
  { redisEpoch, lowWatermark, limit, nowSeconds }: Closing,
): Promise<RecoverOutcome> {
  const raised = await raiseLowWatermark(tx, context, { redisEpoch, lowWatermark, nowSeconds })
  const rows = await tx.rows(context.reads.openSessions, raised.ms, raised.ms, raised.seq, limit + 1)
  const isMoreLeft = rows.length > limit
  if (rows.length === 0) return { sessions: 0, uploadedBytes: 0n, downloadedBytes: 0n, isMoreLeft }

  const forgetBefore = Math.floor(agesFromMs(raised.ms, nowSeconds) / 1000) - context.accountingTtlSeconds
  const losses = await readLosses(tx, context)
  const recovered: Recovered[] = []
  const sessions = rows.slice(0, limit).map((row) => {
    const identity = { passkey: text(row.passkey), infohash: text(row.infohash), peerId: text(row.peer_id) }
    const before: SessionRow = sessionRow(row)
    const rules = { recover: context.recover, forgetBefore, expirySeconds: context.accountingTtlSeconds }
    const closed = closeSession(before.session, { ...rules, losses: lossesFor(before, losses) })
    for (const span of closed.recovered) recovered.push({ ...identity, ...span })
    return sessionRowOf(identity, { ...before, session: closed.session })
  })
  await tx.write(context.writes.sessions, sessions)
  const holdOf = await holdsOf(tx, context, recovered)
  await writeRecovered(tx, context, {
    redisEpoch: redisEpoch.number,
    lowWatermark: raised,
    recovered,
    holdOf,
  })
  const credited = context.recover ? recovered : []
  return {
    sessions: sessions.length,
    uploadedBytes: credited.reduce((sum, { up }) => sum + BigInt(up), 0n),
    downloadedBytes: credited.reduce((sum, { down }) => sum + BigInt(down), 0n),
    isMoreLeft,
  }
}

/** @returns the low watermark that counts: the higher one of the two */
async function raiseLowWatermark(
  tx: Tx,
  context: LedgerContext,
  { redisEpoch, lowWatermark, nowSeconds }: Omit<Closing, 'limit'>,
): Promise<StreamId> {
  const { reads } = context
  const { number } = redisEpoch
  const { ms, seq } = lowWatermark
  const [row] = await tx.rows(reads.redisEpochLocked, number)
  const before = lowWatermarkIn(row)
  if (before !== undefined && compareIds(lowWatermark, before) <= 0) return before
  if (row === undefined)
    await addRedisEpoch(tx, context, redisEpoch, {
      firstSeconds: Math.floor(ms / 1000),
      nowSeconds,
      lowWatermark,
    })
  else await tx.run(reads.raiseLowWatermark, ms, seq, number)
  await tx.run(reads.forgetSettled, number, before?.ms ?? 0, ms, ms, seq)
  return lowWatermark
}
