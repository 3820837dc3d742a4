import { BOOKS_DEFAULTS, type BooksOptions } from './books.ts'
import type { Database } from './dialect.ts'
import { transact } from './transaction.ts'

const RULES = 'rules'

const DAY_SECONDS = 86_400
const LONGEST_DAYS = 36_500
const BOUNDS = {
  windowSeconds: [60, DAY_SECONDS],
  maxGapSeconds: [60, 7 * DAY_SECONDS],
  accountingTtlSeconds: [3_600, 3_660 * DAY_SECONDS],
  windowDays: [1, LONGEST_DAYS],
  journalDays: [0, LONGEST_DAYS],
} as const satisfies Partial<Record<keyof BooksOptions, readonly [number, number]>>

/**
 * The rules the books are kept by: what is given, else what they were last kept by, else the defaults. What is given is
 * written down, so that whoever replays a dead letter or computes anew keeps to the consumer's rules.
 *
 * @throws RangeError for one out of its bounds, naming it
 */
export async function keepRules(database: Database, given: BooksOptions): Promise<Required<BooksOptions>> {
  for (const [name, [least, most]] of Object.entries(BOUNDS) as [keyof typeof BOUNDS, [number, number]][]) {
    const value = given[name]
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least && value <= most))
      throw new RangeError(`${name}: a whole number from ${least} to ${most}`)
  }
  const { result } = await transact(database, async (tx) => {
    const row = await tx.db.selectFrom('pt_meta').select('value').where('name', '=', RULES).executeTakeFirst()
    const rules = { ...BOOKS_DEFAULTS, ...(row && JSON.parse(row.value)), ...onlyRules(given) }
    const value = JSON.stringify(rules)
    if (Object.keys(onlyRules(given)).length > 0 && value !== row?.value) {
      await tx.db.deleteFrom('pt_meta').where('name', '=', RULES).execute()
      await tx.db.insertInto('pt_meta').values({ name: RULES, value }).execute()
    }
    return rules
  })
  return result
}

/** Options may hold others' besides, and undefined for what was not given. */
function onlyRules(options: BooksOptions): BooksOptions {
  const names = Object.keys(BOOKS_DEFAULTS) as (keyof BooksOptions)[]
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  )
}
