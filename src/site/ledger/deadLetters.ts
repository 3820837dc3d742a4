import { parseStreamId } from '../../contract/streamId.ts'
import { streamIdText } from './accounting/entryIds.ts'
import type { Books } from './books.ts'
import type { History } from './newEntries.ts'
import { plainText } from './sql/rowsOf.ts'
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
  { reads, writes }: Books,
  history: History,
  letters: readonly DeadLetter[],
): Promise<void> {
  const ids = letters.map(({ id }) => parseStreamId(id)).map(({ ms, seq }) => [ms, seq])
  const settled = (await tx.find(reads.settled, ids))
    .filter((row) => asNumber(row.history) === history.number)
    .map((row) => streamIdText({ ms: asNumber(row.ms), seq: asNumber(row.seq) }))
  const open = letters.filter(({ id, fields }) => fields === undefined || !settled.includes(id))
  const rows = open.map(({ id, reason, attempts, fields, entries }) => {
    const { ms, seq } = parseStreamId(id)
    const kind = fields === undefined ? 'loss' : 'entry'
    const text = fields === undefined ? null : plainText(JSON.stringify(fields))
    const shown = plainText(reason).slice(0, REASON_LENGTH)
    return [history.number, ms, seq, kind, shown, attempts, entries, text, Math.floor(Date.now() / 1000)]
  })
  await tx.write(writes.deadLetters, rows)
}
