import type { NumberedEntry } from './accounting/batch.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { asNumber } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'

/** How far back the ledger remembers. What is older credits nothing: it may have been credited. */
export interface Forgotten {
  /** Sessions that ended before this (Unix seconds) may have been removed. */
  readonly sessionsSeconds: number
  /** IDs of entries without totals whose ms is below this may have been removed. */
  readonly idsMs: number
}

export const SESSIONS_BEFORE = 'forgotten_sessions_before'
export const IDS_BEFORE = 'forgotten_ids_before'

export async function readForgotten(tx: Tx, { reads }: LedgerContext): Promise<Forgotten> {
  const values = new Map((await tx.rows(reads.meta)).map(({ name, value }) => [name, value]))
  return { sessionsSeconds: asNumber(values.get(SESSIONS_BEFORE)), idsMs: asNumber(values.get(IDS_BEFORE)) }
}

const REASON =
  'older than what the ledger remembers: it may have been credited before, so it is not credited now'

/** Leaves a trace of entries that came too late to be credited. */
export async function noteForgotten(
  tx: Tx,
  { writes }: LedgerContext,
  redisEpoch: number,
  entries: readonly NumberedEntry[],
): Promise<void> {
  await tx.write(
    writes.deadLetters,
    entries.map(({ number: { ms, seq } }) => ({
      history: redisEpoch,
      ms,
      seq,
      kind: 'forgotten',
      reason: REASON,
      attempts: 0,
      entries: 1,
      noted_at: Math.floor(ms / 1000),
    })),
  )
}
