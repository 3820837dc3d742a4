import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { StreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { contextOf } from './ledgerContext.ts'
import { lowWatermarkIn } from './redisEpochs.ts'
import type { LedgerRules } from './rules.ts'
import { settleIn } from './settle.ts'
import { LARGEST } from './sql/cells.ts'
import { createShadowTables, dropShadowTables } from './sql/createTables.ts'
import type { Database } from './sql/dialect.ts'
import { asBigint, asNumber, type LedgerTables } from './sql/tables.ts'
import { type Row, transact } from './sql/transaction.ts'

/** LedgerContext beside the context. They stay until the next time, for queries of one's own. */
const SHADOW = 'pt_shadow_'

/** Unix seconds at which windows begin: [from, until). */
export interface WindowRange {
  readonly fromSeconds: number
  readonly untilSeconds: number
}

/** A user of whom the ledger says something else than what was computed anew. */
export interface UserDifference {
  readonly passkey: string
  readonly recomputedUploadedBytes: bigint
  readonly recomputedDownloadedBytes: bigint
  readonly bookedUploadedBytes: bigint
  readonly bookedDownloadedBytes: bigint
}

/** The ledger against what was computed anew. */
export interface Comparison {
  /** All of them together, those without a difference too. */
  readonly total: Omit<UserDifference, 'passkey'>
  /** Users who differ; `differences` are the first of them. */
  readonly differing: number
  readonly differences: readonly UserDifference[]
}

/** What is computed anew, and from what. */
export interface RecomputeRequest {
  /** Entries of the stream, settled anew. Without them the journal says what each entry credited. */
  readonly entries?: AsyncIterable<readonly TrafficEntry[]> | undefined
  /** Windows to compare. Default: all those of which the journal has every entry. */
  readonly range?: WindowRange | undefined
  /** How many differences of each kind are named at most. Default: 100. */
  readonly limit?: number | undefined
}

/** What computing anew has shown. */
export interface Recomputation {
  readonly range: WindowRange
  readonly windows: Comparison
  readonly users: Comparison
}

const NAMED = 100

/**
 * Computes what users moved anew, in a second set of tables, and compares. Changes nothing in the ledger. Entries that were
 * settled after the first ones were read must not be among those that are given.
 *
 * @returns undefined when there is nothing to compare
 */
export async function recompute(
  database: Database,
  options: LedgerRules & { readonly windowSeconds: number },
  { entries, range, limit = NAMED }: RecomputeRequest,
): Promise<Recomputation | undefined> {
  const { db, dialect } = database
  const wanted = range ?? (await journalRange(database, options.windowSeconds))
  if (wanted === undefined) return undefined
  await dropShadowTables(db, SHADOW)
  await createShadowTables(db, dialect, SHADOW)
  if (entries === undefined) {
    await copyJournalIntoShadow(database, options.windowSeconds)
  } else {
    const shadow = contextOf(dialect, options, SHADOW)
    for await (const page of entries)
      await transact(database, (tx) => settleIn(tx, shadow, 'recompute', page, Number.MAX_SAFE_INTEGER))
  }
  const windows = await compareWindows(database, wanted, limit)
  return { range: wanted, windows, users: await compareUsers(database, limit) }
}

// Sums of amounts pass 2^63, where SQLite's sum() fails. Those of their halves of 32 bits do not: so everything is added, in
// each database, and put together in the end.
const HALF_BITS = 32n
const HALF = sql.lit(2 ** 32)
const LOW_BITS = sql.lit(2 ** 32 - 1)
const high = (amount: RawBuilder<unknown>) => sql`${amount} >> 32`
const low = (amount: RawBuilder<unknown>) => sql`${amount} & ${LOW_BITS}`

/** Fills the shadow's windows from the journal, for entries that the stream has no more. */
async function copyJournalIntoShadow({ db }: Database, windowSeconds: number): Promise<void> {
  const start = sql`ts - ts % ${sql.lit(windowSeconds)}`
  const uploaded = boundedSum(sql`uploaded`)
  const downloaded = boundedSum(sql`downloaded`)
  await sql`insert into ${sql.table(`${SHADOW}windows`)} (window_start, passkey, infohash, uploaded, downloaded)
    select ${start}, passkey, infohash, ${uploaded}, ${downloaded} from pt_entries
    where part = 0 and (uploaded > 0 or downloaded > 0) group by ${start}, passkey, infohash`.execute(db)
}

/** Stops at the largest number, as the windows of the ledger do. */
function boundedSum(amount: RawBuilder<unknown>): RawBuilder<unknown> {
  const sum = sql`sum(${high(amount)}) * ${HALF} + sum(${low(amount)})`
  const largest = sql.raw(String(LARGEST))
  return sql`case when ${sum} > ${largest} then ${largest} else ${sum} end`
}

/** Compares what each user moved in the windows of a range, as computed anew and as booked. Recovered bytes are in no window. */
function compareWindows({ db }: Database, range: WindowRange, limit: number): Promise<Comparison> {
  const { fromSeconds, untilSeconds } = range
  const windowsOf = (table: string, columns: RawBuilder<unknown>) =>
    sql`select passkey, ${columns} from ${sql.table(table)}
      where window_start >= ${sql.lit(fromSeconds)} and window_start < ${sql.lit(untilSeconds)}`
  const sums = AMOUNTS.map((name) => {
    const amount = sql.ref(name)
    return sql`sum(${high(amount)}) as ${highOf(name)}, sum(${low(amount)}) as ${lowOf(name)}`
  })
  return compare(
    db,
    sql`select passkey, ${sql.join(sums)} from (
        ${windowsOf(`${SHADOW}windows`, sql`uploaded as a, downloaded as b, 0 as c, 0 as d`)}
        union all
        ${windowsOf('pt_windows', sql`0 as a, 0 as b, uploaded as c, downloaded as d`)}
      ) both_ledgers group by passkey`,
    limit,
  )
}

/** Compares each user's totals with the sum of the torrents' totals; nothing that this program does lets them differ. */
function compareUsers({ db }: Database, limit: number): Promise<Comparison> {
  const torrents = (column: string, name: Amount) => {
    const amount = sql.ref(column)
    return sql`coalesce(sum(${high(amount)}), 0) as ${highOf(name)}, coalesce(sum(${low(amount)}), 0) as ${lowOf(name)}`
  }
  const user = (column: string, name: Amount) => {
    const amount = sql.ref(column)
    return sql`max(${high(amount)}) as ${highOf(name)}, max(${low(amount)}) as ${lowOf(name)}` // of one row
  }
  return compare(
    db,
    sql`select u.passkey, ${torrents('t.uploaded', 'a')}, ${torrents('t.downloaded', 'b')},
        ${user('u.uploaded', 'c')}, ${user('u.downloaded', 'd')}
      from pt_users u left join pt_user_torrents t on t.passkey = u.passkey group by u.passkey`,
    limit,
  )
}

/** a, b as computed anew, c, d as booked, uploaded and downloaded. */
const AMOUNTS = ['a', 'b', 'c', 'd'] as const
type Amount = (typeof AMOUNTS)[number]
const highOf = (name: Amount) => sql.ref(`${name}_high`)
const lowOf = (name: Amount) => sql.ref(`${name}_low`)

/** @param sums the halves of the amounts, by passkey */
async function compare(
  db: Kysely<LedgerTables>,
  sums: RawBuilder<unknown>,
  limit: number,
): Promise<Comparison> {
  const isDifferent = sql`(${differ('a', 'c')} or ${differ('b', 'd')})`
  const totals = AMOUNTS.map(
    (name) => sql`sum(${highOf(name)}) as ${highOf(name)}, sum(${lowOf(name)}) as ${lowOf(name)}`,
  )
  const [total] = await rowsOf(
    db,
    sql`select ${sql.join(totals)}, sum(case when ${isDifferent} then 1 else 0 end) as differing
      from (${sums}) sums`,
  )
  const different = await rowsOf(
    db,
    sql`select * from (${sums}) sums where ${isDifferent} order by passkey limit ${sql.lit(limit)}`,
  )
  return {
    total: amountsOf(total!),
    differing: asNumber(total!.differing),
    differences: different.map((row) => ({ passkey: String(row.passkey), ...amountsOf(row) })),
  }
}

/** What is booked and has stopped at the largest number stands for all that is more. */
function differ(anew: Amount, booked: Amount): RawBuilder<unknown> {
  const difference = sql`(${highOf(anew)} - ${highOf(booked)}) * ${HALF} + (${lowOf(anew)} - ${lowOf(booked)})`
  const hasStopped = sql`${highOf(booked)} = ${sql.lit(2 ** 31 - 1)} and ${lowOf(booked)} = ${LOW_BITS}`
  return sql`(${difference} < 0 or ${difference} > 0 and not (${hasStopped}))`
}

async function rowsOf(db: Kysely<LedgerTables>, query: RawBuilder<unknown>): Promise<readonly Row[]> {
  return (await query.execute(db)).rows as readonly Row[]
}

function amountsOf(row: Row): Comparison['total'] {
  const amount = (name: Amount) => (asBigint(row[`${name}_high`]) << HALF_BITS) + asBigint(row[`${name}_low`])
  return {
    recomputedUploadedBytes: amount('a'),
    recomputedDownloadedBytes: amount('b'),
    bookedUploadedBytes: amount('c'),
    bookedDownloadedBytes: amount('d'),
  }
}

/** The windows of which the journal has every entry; undefined while it is empty. */
export async function journalRange(
  { db }: Database,
  windowSeconds: number,
): Promise<WindowRange | undefined> {
  const entries = await db
    .selectFrom('pt_entries')
    .select(({ fn }) => [fn.min('ts').as('first'), fn.max('ts').as('last')])
    .executeTakeFirstOrThrow()
  if (entries.first === null) return undefined
  const users = await db
    .selectFrom('pt_users')
    .select(({ fn }) => fn.min('first_seen').as('first'))
    .executeTakeFirstOrThrow()
  // Older lines may be pruned, the first window's among them, unless the ledger itself is no older.
  const first = asNumber(entries.first)
  const isWhole = asNumber(users.first) >= first
  return {
    fromSeconds: startOf(first, windowSeconds) + (isWhole ? 0 : windowSeconds),
    untilSeconds: startOf(asNumber(entries.last), windowSeconds) + windowSeconds,
  }
}

function startOf(seconds: number, windowSeconds: number): number {
  return seconds - (seconds % windowSeconds)
}

/** Up to where every entry is settled, whichever life of Redis it was in; undefined before the first time that is known. */
export async function highestLowWatermark({ db }: Database): Promise<StreamId | undefined> {
  const [row] = await db
    .selectFrom('pt_histories')
    .select(['floor_ms', 'floor_seq'])
    .where('floor_ms', 'is not', null)
    .orderBy('floor_ms', 'desc')
    .orderBy('floor_seq', 'desc')
    .limit(1)
    .execute()
  return lowWatermarkIn(row)
}
