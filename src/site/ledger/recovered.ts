import type { StreamId } from '../../contract/streamId.ts'
import { type SessionIdentity, sessionKey } from './accounting/batch.ts'
import { inOrder, type ParkedSums } from './accounting/batchSums.ts'
import { numberOf } from './accounting/entryIds.ts'
import type { Books } from './books.ts'
import { type HoldOf, park } from './holds.ts'
import { amount, type Cell } from './sql/rowsOf.ts'
import type { Tx } from './sql/transaction.ts'

/** Bytes of one session that its client moved and whose entries are lost. */
export interface Recovered extends SessionIdentity {
  /** Time of the session's newest entry, Unix seconds. */
  readonly atSeconds: number
  readonly up: number
  readonly down: number
}

export interface RecoveredRows {
  readonly history: number
  readonly floor: StreamId
  readonly recovered: readonly Recovered[]
  readonly holdOf: HoldOf
}

/**
 * Credits recovered bytes, or only writes them into the journal where the site wants no such credit. They belong to no
 * window: when they were moved is not known, and a rate made of them would be a wrong one.
 */
export async function writeRecovered(tx: Tx, books: Books, rows: RecoveredRows): Promise<void> {
  const { writes } = books
  const credited = books.recover ? rows.recovered : []
  const holdFor = ({ passkey, infohash }: Recovered) => rows.holdOf(passkey, infohash)
  const held = credited.filter((each) => holdFor(each) !== '')
  await park(tx, books, parkedSums(held, holdFor))
  const free = credited.filter((each) => holdFor(each) === '')
  const torrents = summed(free, ({ passkey, infohash }) => [passkey, infohash])
  await tx.write(
    writes.recoveredTorrents,
    torrents.map(({ key, up, down, at }) => [...key, up, down, 0, 0, 0, null, at, 0, at]),
  )
  if (books.journalDays > 0)
    await tx.write(
      writes.entries,
      rows.recovered.map((each) => journalCells(books, rows, each)),
    )
  const users = summed(free, ({ passkey }) => [passkey])
  await tx.write(
    writes.users,
    users.map(({ key, up, down, at }) => [...key, up, down, 0, 0, 0, 0, up, down, at, at]),
  )
}

/** One row for a hold and torrent, in the order of their keys. */
function parkedSums(held: readonly Recovered[], holdFor: (each: Recovered) => string): ParkedSums[] {
  const sums = new Map<string, ParkedSums>()
  for (const each of held) {
    const [hold, { infohash }] = [holdFor(each), each]
    const sum = sums.get(`${hold} ${infohash}`) ?? { hold, infohash, uploaded: 0n, downloaded: 0n }
    sum.uploaded += BigInt(each.up)
    sum.downloaded += BigInt(each.down)
    sums.set(`${hold} ${infohash}`, sum)
  }
  return inOrder(sums)
}

/** Sums in the order of their keys. */
function summed(recovered: readonly Recovered[], keyOf: (each: Recovered) => string[]) {
  const sums = new Map<string, { key: string[]; up: bigint; down: bigint; at: number }>()
  for (const each of recovered) {
    const key = keyOf(each)
    const sum = sums.get(key.join(' ')) ?? { key, up: 0n, down: 0n, at: 0 }
    const up = sum.up + BigInt(each.up)
    const down = sum.down + BigInt(each.down)
    sums.set(key.join(' '), { key, up, down, at: Math.max(sum.at, each.atSeconds) })
  }
  return inOrder(sums).map(({ key, up, down, at }) => ({ key, up: amount(up), down: amount(down), at }))
}

function journalCells(
  { recover }: Books,
  { history, floor, holdOf }: RecoveredRows,
  each: Recovered,
): Cell[] {
  const { passkey, infohash, peerId, atSeconds, up, down } = each
  const [credit, reason, hold] = recover ? [1, 'recovered', holdOf(passkey, infohash)] : [0, 'counted', '']
  const identity = [passkey, infohash, peerId, atSeconds]
  return [
    floor.ms,
    floor.seq,
    history,
    sessionNumber(each),
    ...identity,
    'none',
    up,
    down,
    up * credit,
    down * credit,
    reason,
    hold,
  ]
}

function sessionNumber({ passkey, infohash, peerId }: Recovered): number {
  return numberOf(sessionKey(passkey, infohash, peerId))
}
