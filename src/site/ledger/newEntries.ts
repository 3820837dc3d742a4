import type { StreamId } from '../../contract/streamId.ts'
import type { NumberedEntry } from './accounting/batch.ts'
import { compareIds, fingerprint, streamIdText } from './accounting/entryIds.ts'
import type { Books } from './books.ts'
import { asNumber } from './sql/tables.ts'
import type { Row, Tx } from './sql/transaction.ts'

export interface History {
  readonly number: number
  readonly name: string
}

/**
 * The entries that were not settled before. Known are those whose ID stands in this history, those at or below its floor,
 * and those that another history settled under the same ID with the same content. A dead letter is not settled, wherever
 * it stands; it is none any more afterwards.
 *
 * @param entries at least one; in the order of their IDs
 */
export async function withoutSettled(
  tx: Tx,
  books: Books,
  history: History,
  entries: readonly NumberedEntry[],
): Promise<NumberedEntry[]> {
  const known = await settledOf(tx, books, entries)
  const floor = await floorOf(tx, books, history, entries) // read after the IDs: whoever removes some has raised it
  const dead = await deadOf(tx, books, history, entries)
  const fresh = entries.filter((entry) => {
    if (!dead.has(entry.id) && floor !== undefined && compareIds(entry.number, floor) <= 0) return false
    return !known.get(streamIdText(entry.number))?.some((row) => isSame(row, history, entry))
  })
  for (const { id, number } of fresh) {
    if (dead.has(id)) await tx.run(books.reads.forgetDead, history.number, number.ms, number.seq)
  }
  return fresh
}

function isSame(row: Row, history: History, entry: NumberedEntry): boolean {
  return asNumber(row.history) === history.number || asNumber(row.fingerprint) === fingerprint(entry)
}

async function settledOf(
  tx: Tx,
  { reads }: Books,
  entries: readonly NumberedEntry[],
): Promise<Map<string, Row[]>> {
  const known = new Map<string, Row[]>()
  const [first, last] = [entries[0]!.number, entries.at(-1)!.number]
  if ((await tx.rows(reads.hasSettled, first.ms, last.ms, first.ms, first.seq)).length === 0) return known
  const ids = entries.map(({ number }) => [number.ms, number.seq])
  for (const row of await tx.find(reads.settled, ids)) {
    const id = streamIdText({ ms: asNumber(row.ms), seq: asNumber(row.seq) })
    known.set(id, [...(known.get(id) ?? []), row])
  }
  return known
}

/** Writes a history down when it is new. @returns its floor; undefined while it has none */
async function floorOf(
  tx: Tx,
  { reads, writes }: Books,
  { number, name }: History,
  entries: readonly NumberedEntry[],
): Promise<StreamId | undefined> {
  const [row] = await tx.rows(reads.history, number)
  if (row === undefined) {
    const firstSeen = Math.floor(entries[0]!.number.ms / 1000)
    await tx.write(writes.histories, [[number, name, null, null, firstSeen]])
    return undefined
  }
  return row.floor_ms == null ? undefined : { ms: asNumber(row.floor_ms), seq: asNumber(row.floor_seq) }
}

/** IDs among these that are dead letters. */
async function deadOf(
  tx: Tx,
  { reads }: Books,
  { number }: History,
  entries: readonly NumberedEntry[],
): Promise<ReadonlySet<string>> {
  if ((await tx.rows(reads.hasDead, number)).length === 0) return new Set()
  const ids = entries.map((entry) => [number, entry.number.ms, entry.number.seq, 'entry'])
  const rows = await tx.find(reads.dead, ids)
  return new Set(rows.map((row) => streamIdText({ ms: asNumber(row.ms), seq: asNumber(row.seq) })))
}
