import type { StreamId } from '../../contract/streamId.ts'
import type { NumberedEntry } from './accounting/batch.ts'
import { compareIds, fingerprint, streamIdText } from './accounting/entryIds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { addRedisEpoch, lowWatermarkIn, type RedisEpoch } from './redisEpochs.ts'
import { streamIdIn } from './rows.ts'
import { asNumber } from './sql/tables.ts'
import type { Row, Tx } from './sql/transaction.ts'

/**
 * The entries that were not settled before. An entry was settled when this Redis epoch has its ID, when its ID is at or below
 * the epoch's low watermark, or when another epoch has the same ID with the same content. An entry that is a dead letter was
 * not settled, even below the low watermark; its dead letter is removed.
 *
 * @param entries at least one; in the order of their IDs
 */
export async function withoutSettled(
  tx: Tx,
  context: LedgerContext,
  redisEpoch: RedisEpoch,
  entries: readonly NumberedEntry[],
  nowSeconds: number,
): Promise<NumberedEntry[]> {
  const known = await settledOf(tx, context, entries)
  // Read after the IDs: a consumer raises the low watermark before it removes IDs.
  const lowWatermark = await lowWatermarkOf(tx, context, redisEpoch, entries, nowSeconds)
  const dead = await deadOf(tx, context, redisEpoch, entries)
  const fresh = entries.filter((entry) => {
    if (!dead.has(entry.id) && lowWatermark !== undefined && compareIds(entry.number, lowWatermark) <= 0)
      return false
    return !known.get(streamIdText(entry.number))?.some((row) => isSame(row, redisEpoch, entry))
  })
  for (const { id, number } of fresh) {
    if (dead.has(id)) await tx.run(context.reads.forgetDead, redisEpoch.number, number.ms, number.seq)
  }
  return fresh
}

function isSame(row: Row, redisEpoch: RedisEpoch, entry: NumberedEntry): boolean {
  return asNumber(row.history) === redisEpoch.number || asNumber(row.fingerprint) === fingerprint(entry)
}

async function settledOf(
  tx: Tx,
  { reads }: LedgerContext,
  entries: readonly NumberedEntry[],
): Promise<Map<string, Row[]>> {
  const known = new Map<string, Row[]>()
  const [first, last] = [entries[0]!.number, entries.at(-1)!.number]
  if ((await tx.rows(reads.hasSettled, first.ms, last.ms, first.ms, first.seq)).length === 0) return known
  const ids = entries.map(({ number }) => ({ ms: number.ms, seq: number.seq }))
  for (const row of await tx.find(reads.settled, ids)) {
    const id = streamIdIn(row)
    known.set(id, [...(known.get(id) ?? []), row])
  }
  return known
}

/** Writes a Redis epoch down when it is new. @returns its low watermark; undefined while it has none */
async function lowWatermarkOf(
  tx: Tx,
  context: LedgerContext,
  redisEpoch: RedisEpoch,
  entries: readonly NumberedEntry[],
  nowSeconds: number,
): Promise<StreamId | undefined> {
  const [row] = await tx.rows(context.reads.redisEpoch, redisEpoch.number)
  if (row === undefined) {
    const firstSeconds = entries.reduce((first, { event }) => Math.min(first, event.atSeconds), Infinity)
    await addRedisEpoch(tx, context, redisEpoch, { firstSeconds, nowSeconds })
    return undefined
  }
  return lowWatermarkIn(row)
}

/** IDs among these that are dead letters. */
async function deadOf(
  tx: Tx,
  { reads }: LedgerContext,
  { number }: RedisEpoch,
  entries: readonly NumberedEntry[],
): Promise<ReadonlySet<string>> {
  if ((await tx.rows(reads.hasDead, number)).length === 0) return new Set()
  const ids = entries.map((entry) => ({
    history: number,
    ms: entry.number.ms,
    seq: entry.number.seq,
    kind: 'entry',
  }))
  const rows = await tx.find(reads.dead, ids)
  return new Set(rows.map(streamIdIn))
}
