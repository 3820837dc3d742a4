import { parseStreamId } from '../../contract/streamId.ts'
import { plainText } from '../../runtime/plainText.ts'
import type { LedgerContext } from './ledgerContext.ts'
import type { RedisEpoch } from './redisEpochs.ts'
import { streamIdIn } from './rows.ts'
import { asNumber } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'
import type { DeadLetter } from './types.ts'

const REASON_LENGTH = 1_000

/**
 * Notes what will not be credited. An entry that is at hand (it has fields) may be settled later all the same; one that
 * is gone is a loss, which says how many and has no such way back. An entry that was settled meanwhile is not noted.
 */
export async function noteIn(
  tx: Tx,
  { reads, writes }: LedgerContext,
  redisEpoch: RedisEpoch,
  deadLetters: readonly DeadLetter[],
): Promise<void> {
  const ids = deadLetters.map(({ id }) => parseStreamId(id)).map(({ ms, seq }) => ({ ms, seq }))
  const settled = (await tx.find(reads.settled, ids))
    .filter((row) => asNumber(row.history) === redisEpoch.number)
    .map(streamIdIn)
  const open = deadLetters.filter(({ id, fields }) => fields === undefined || !settled.includes(id))
  const rows = open.map(({ id, reason, attempts, fields, entries, nextSeconds }) => ({
    history: redisEpoch.number,
    ...parseStreamId(id),
    kind: fields === undefined ? 'loss' : 'entry',
    reason: plainText(reason).slice(0, REASON_LENGTH),
    attempts,
    entries,
    fields: fields === undefined ? null : plainText(JSON.stringify(fields)),
    noted_at: Math.floor(Date.now() / 1000),
    next_ts: nextSeconds ?? null,
  }))
  await tx.write(writes.deadLetters, rows)
}
