import type { StreamId } from '../../contract/streamId.ts'
import { numberOf } from './accounting/entryIds.ts'
import { asNumber, type RowOf } from './sql/tables.ts'
import type { Row } from './sql/transaction.ts'

/** A Redis epoch as the tables have it: its name is 80 characters long, so its number stands in every row. */
export interface RedisEpoch {
  readonly number: number
  readonly name: string
}

export function redisEpochOf(name: string): RedisEpoch {
  return { number: numberOf(name), name }
}

export function redisEpochRow(
  { number, name }: RedisEpoch,
  firstSeenSeconds: number,
  lowWatermark?: StreamId,
): RowOf<'histories'> {
  return {
    history: number,
    name,
    floor_ms: lowWatermark?.ms ?? null,
    floor_seq: lowWatermark?.seq ?? null,
    first_seen: firstSeenSeconds,
  }
}

/** @returns undefined without a row, and for an epoch that has no low watermark yet */
export function lowWatermarkIn(row: Row | undefined): StreamId | undefined {
  if (row?.floor_ms == null) return undefined
  return { ms: asNumber(row.floor_ms), seq: asNumber(row.floor_seq) }
}
