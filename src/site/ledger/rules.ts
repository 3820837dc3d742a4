import { requireWhole } from '../../runtime/requireWhole.ts'
import type { Database } from './sql/dialect.ts'
import { transact } from './sql/transaction.ts'

/** The rules that the ledger settles by. */
export interface LedgerRules {
  /** Length of a window. Default: 600. A change applies to new windows only. */
  readonly windowSeconds?: number
  /** Longest time between two announces that counts as seeding or leeching. Default: 5,400. */
  readonly maxGapSeconds?: number
  /** How long sessions and generations that ended are remembered. Default: 7 days. At least the tracker's accounting_ttl. */
  readonly accountingTtlSeconds?: number
  /** How long windows are kept. Default: 30. */
  readonly windowDays?: number
  /** How long the journal is kept, which `traffic explain` reads. Default: 30. 0: no journal. */
  readonly journalDays?: number
  /** Whether what Redis lost and the clients moved is credited; if not, it is only counted. Default: true. */
  readonly recover?: boolean
}

export const DEFAULT_RULES: Required<LedgerRules> = {
  windowSeconds: 600,
  maxGapSeconds: 5_400,
  accountingTtlSeconds: 7 * 86_400,
  windowDays: 30,
  journalDays: 30,
  recover: true,
}

const DAY_SECONDS = 86_400
const LONGEST_DAYS = 36_500

/** Least and most of each rule that is a number. */
export const RULE_BOUNDS = {
  windowSeconds: [60, DAY_SECONDS],
  maxGapSeconds: [60, 7 * DAY_SECONDS],
  accountingTtlSeconds: [3_600, 3_660 * DAY_SECONDS],
  windowDays: [1, LONGEST_DAYS],
  journalDays: [0, LONGEST_DAYS],
} as const satisfies Partial<Record<keyof LedgerRules, readonly [number, number]>>

const RULES = 'rules'

/**
 * The rules the ledger is kept by: what is given, else what it was last kept by, else the defaults. What is given is
 * written down, so that replaying a dead letter and recomputing use the consumer's rules.
 *
 * @throws RangeError for one out of its bounds, naming it
 */
export async function keepRules(database: Database, given: LedgerRules): Promise<Required<LedgerRules>> {
  for (const [name, [least, most]] of Object.entries(RULE_BOUNDS)) {
    const value = given[name as keyof typeof RULE_BOUNDS]
    if (value !== undefined) requireWhole(name, value, least, most)
  }
  const { result } = await transact(database, async (tx) => {
    const row = await tx.db.selectFrom('pt_meta').select('value').where('name', '=', RULES).executeTakeFirst()
    const rules = { ...DEFAULT_RULES, ...(row && JSON.parse(row.value)), ...onlyRules(given) }
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
function onlyRules(options: LedgerRules): LedgerRules {
  const names = Object.keys(DEFAULT_RULES) as (keyof LedgerRules)[]
  return Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  )
}
