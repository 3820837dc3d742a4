import { requireWhole } from '../../runtime/requireWhole.ts'
import { BOOKS_BOUNDS, BOOKS_DEFAULTS, type BooksOptions } from './books.ts'
import type { Database } from './sql/dialect.ts'
import { transact } from './sql/transaction.ts'

const RULES = 'rules'

/**
 * The rules the books are kept by: what is given, else what they were last kept by, else the defaults. What is given is
 * written down, so that whoever replays a dead letter or computes anew keeps to the consumer's rules.
 *
 * @throws RangeError for one out of its bounds, naming it
 */
export async function keepRules(database: Database, given: BooksOptions): Promise<Required<BooksOptions>> {
  for (const [name, [least, most]] of Object.entries(BOOKS_BOUNDS)) {
    const value = given[name as keyof typeof BOOKS_BOUNDS]
    if (value !== undefined) requireWhole(name, value, least, most)
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
