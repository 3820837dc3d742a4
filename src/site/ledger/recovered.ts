import type { StreamId } from '../../contract/streamId.ts'
import { type SessionIdentity, sessionKey } from './accounting/batch.ts'
import { inOrder, type ParkedSums } from './accounting/batchSums.ts'
import type { RecoveredSpan } from './accounting/closing.ts'
import { numberOf } from './accounting/entryIds.ts'
import { recoveredWindows } from './accounting/recoveredWindows.ts'
import { type HoldOf, park } from './holds.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { sessionKeyOf, windowRow } from './rows.ts'
import { amount } from './sql/cells.ts'
import type { RowOf } from './sql/tables.ts'
import type { Tx } from './sql/transaction.ts'

/** Bytes of one session that its client moved and whose entries are lost. */
export interface Recovered extends SessionIdentity, RecoveredSpan {}

export interface RecoveredRows {
  readonly redisEpoch: number
  readonly lowWatermark: StreamId
  readonly recovered: readonly Recovered[]
  readonly holdOf: HoldOf
}

/**
 * Credits recovered bytes, or only writes them into the journal where the site wants no such credit. When they were moved is
 * not known: they go into the windows between the two entries in equal parts, so that the risk rules see them.
 */
export async function writeRecovered(tx: Tx, context: LedgerContext, rows: RecoveredRows): Promise<void> {
  const { writes } = context
  const credited = context.recover ? rows.recovered : []
  const holdFor = ({ passkey, infohash }: Recovered) => rows.holdOf(passkey, infohash)
  const held = credited.filter((each) => holdFor(each) !== '')
  await park(tx, context, parkedSums(held, holdFor))
  const free = credited.filter((each) => holdFor(each) === '')
  const torrents = summed(free, ({ passkey, infohash }) => ({ passkey, infohash }))
  await tx.write(
    writes.recoveredTorrents,
    torrents.map((sums) => ({ ...sums, last_left: 0 })),
  )
  if (context.journalDays > 0)
    await tx.write(
      writes.entries,
      bySession(rows.recovered).map((each) => journalRow(context, rows, each)),
    )
  await tx.write(writes.windows, recoveredWindows(credited, context.windowSeconds).map(windowRow))
  const users = summed(free, ({ passkey }) => ({ passkey }))
  await tx.write(
    writes.users,
    users.map((sums) => ({
      ...sums,
      recovered_uploaded: sums.uploaded,
      recovered_downloaded: sums.downloaded,
    })),
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

/** What is added to rows, in the order of their keys. */
function summed<Key extends object>(recovered: readonly Recovered[], keyOf: (each: Recovered) => Key) {
  const sums = new Map<string, { key: Key; up: bigint; down: bigint; at: number }>()
  for (const each of recovered) {
    const key = keyOf(each)
    const name = Object.values(key).join(' ')
    const sum = sums.get(name) ?? { key, up: 0n, down: 0n, at: 0 }
    const up = sum.up + BigInt(each.up)
    const down = sum.down + BigInt(each.down)
    sums.set(name, { key, up, down, at: Math.max(sum.at, each.to) })
  }
  return inOrder(sums).map(({ key, up, down, at }) => ({
    ...key,
    uploaded: amount(up),
    downloaded: amount(down),
    first_seen: at,
    last_seen: at,
  }))
}

/** One line of the journal for a session, however many spans of it were recovered at once. */
function bySession(recovered: readonly Recovered[]): Recovered[] {
  const sessions = new Map<string, Recovered>()
  for (const each of recovered) {
    const key = sessionKey(each.passkey, each.infohash, each.peerId)
    const { up, down, from, to } = sessions.get(key) ?? { ...each, up: 0, down: 0 }
    sessions.set(key, {
      ...each,
      up: up + each.up,
      down: down + each.down,
      from: Math.min(from, each.from),
      to: Math.max(to, each.to),
    })
  }
  return [...sessions.values()]
}

function journalRow(
  { recover }: LedgerContext,
  { redisEpoch, lowWatermark, holdOf }: RecoveredRows,
  each: Recovered,
): RowOf<'entries'> {
  const { up, down } = each
  return {
    ms: lowWatermark.ms,
    seq: lowWatermark.seq,
    history: redisEpoch,
    part: sessionNumber(each),
    ...sessionKeyOf(each),
    ts: each.to,
    event: 'none',
    claimed_uploaded: up,
    claimed_downloaded: down,
    uploaded: recover ? up : 0,
    downloaded: recover ? down : 0,
    reason: recover ? 'recovered' : 'counted',
    hold: recover ? holdOf(each.passkey, each.infohash) : '',
  }
}

function sessionNumber({ passkey, infohash, peerId }: Recovered): number {
  return numberOf(sessionKey(passkey, infohash, peerId))
}
