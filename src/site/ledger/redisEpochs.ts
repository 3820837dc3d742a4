import type { StreamId } from '../../contract/streamId.ts'
import { numberOf } from './accounting/entryIds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { asNumber, type RowOf } from './sql/tables.ts'
import type { Row, Tx } from './sql/transaction.ts'

/** A Redis epoch as the tables have it: its name is 80 characters long, so its number stands in every row. */
export interface RedisEpoch {
  readonly number: number
  readonly name: string
}

export function redisEpochOf(name: string): RedisEpoch {
  return { number: numberOf(name), name }
}

export interface FirstSeen {
  /** Time of its first entry that was read, Unix seconds. */
  readonly firstSeconds: number
  readonly nowSeconds: number
  readonly lowWatermark?: StreamId
}

/**
 * Writes a new Redis epoch down. What the epoch before lost, it lost by `first_seen` (losses.ts). After a rollback the first
 * entries read may be old ones that come again, so `first_seen` is at least the time of the newest session, unless that is
 * ahead of the clock.
 */
export async function addRedisEpoch(
  tx: Tx,
  { reads, writes }: LedgerContext,
  { number, name }: RedisEpoch,
  { firstSeconds, nowSeconds, lowWatermark }: FirstSeen,
): Promise<void> {
  const [newest] = await tx.rows(reads.newestSession)
  const newestSeconds = Math.min(asNumber(newest?.last_ts), nowSeconds)
  const row: RowOf<'histories'> = {
    history: number,
    name,
    floor_ms: lowWatermark?.ms ?? null,
    floor_seq: lowWatermark?.seq ?? null,
    first_seen: Math.max(firstSeconds, newestSeconds),
  }
  await tx.write(writes.redisEpochs, [row])
}

/** @returns undefined without a row, and for an epoch that has no low watermark yet */
export function lowWatermarkIn(row: Row | undefined): StreamId | undefined {
  if (row?.floor_ms == null) return undefined
  return { ms: asNumber(row.floor_ms), seq: asNumber(row.floor_seq) }
}
