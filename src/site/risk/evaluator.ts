import { setImmediate } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Database } from '../ledger/sql/dialect.ts'
import { databaseFault, faultOf, withoutData } from '../ledger/sql/faults.ts'
import { RISK_CURSOR } from '../ledger/sql/migrations.ts'
import { transact } from '../ledger/sql/transaction.ts'
import { compileExemptions } from './exemptions.ts'
import { findFlags } from './findFlags.ts'
import { type Finding, findingsOf } from './finding.ts'
import type { RiskFlag } from './flags.ts'
import { holdStatementsOf } from './holds.ts'
import { lockRisk, moveCursor, recordFindings } from './recordFindings.ts'
import type { RuleSources } from './rule.ts'
import type { RiskRules } from './rules/list.ts'
import { DEFAULT_RISK_SETTINGS, type RiskSettings } from './settings.ts'

/** What the rules need of a ledger. */
export interface RiskLedger {
  readonly database: Database
  readonly windowSeconds: number
}

/** Settings that are not the defaults, and what an evaluator cannot do itself. */
export interface RiskEvaluatorOptions extends Partial<RiskSettings> {
  /** Takes a passkey off the whitelist, for rules whose action is `deny`. Done again after a crash in between. */
  readonly deny?: ((passkey: string, flag: RiskFlag) => Promise<unknown>) | undefined
  /** Told of every flag that this evaluator wrote, once it is committed. Must not throw. */
  readonly onFlag?: ((flag: RiskFlag) => void) | undefined
  /** Unix seconds. */
  readonly now?: (() => number) | undefined
}

/** What judging one window came to. */
export interface Evaluation {
  /** Written now; an evaluation made again writes none. */
  readonly flags: readonly RiskFlag[]
}

/** What judging several came to. */
export interface EvaluationProgress extends Evaluation {
  readonly windows: number
  /** More closed windows wait: call again. */
  readonly isMoreLeft: boolean
}

/**
 * Judges the ledger's windows. Any number of evaluators may work on one ledger: each flag is written once, each hold placed
 * once. All methods throw LedgerUnavailable, and what `deny` throws; and Error for a finding that the database refuses (a
 * trigger of the site's), after the window's others are written: the next call goes on with the next window.
 */
export interface RiskEvaluator {
  /** What the rules say about one window; writes nothing. Throws RangeError for what is no window's start. */
  findings(windowStart: number): Promise<Finding[]>
  /** Judges one window, whether or not it was judged before. Throws RangeError for what is no window's start. */
  evaluate(windowStart: number): Promise<Evaluation>
  /**
   * Judges the windows that were closed by then and not judged yet, in order.
   *
   * @param settledUpTo Unix seconds up to which all traffic is settled or dead
   * @param limit windows at once
   */
  evaluateUpTo(settledUpTo: number, limit?: number): Promise<EvaluationProgress>
}

const DAY = 86_400
const MOST_AT_ONCE = 12

function ignoreRefusal(error: unknown): void {
  if (faultOf(error) !== 'refused') throw error
}

/** Without a cause: a log shows the root of an error, and here the window belongs to it. */
function refusedFinding(windowStart: number, error: unknown): Error {
  const { message } = withoutData(error)
  return new Error(`the database refuses a finding in the window at ${windowStart}: ${message}`)
}

/**
 * Judges by these settings; those left out are `DEFAULT_RISK_SETTINGS`.
 *
 * @throws RangeError for a network that is none, and for an action `deny` without a way to do it
 */
export function createRiskEvaluator(
  { database, windowSeconds }: RiskLedger,
  { deny, onFlag, now = () => Math.floor(Date.now() / 1000), ...options }: RiskEvaluatorOptions = {},
): RiskEvaluator {
  const settings: RiskSettings = { ...DEFAULT_RISK_SETTINGS, ...options }
  const denies = Object.values(settings.rules).some(({ action }) => action === 'deny')
  if (denies && !deny) throw new RangeError('a rule has the action deny, and nothing to do it with')
  const sources = sourcesOf(database, windowSeconds, settings)
  const holdStatements = holdStatementsOf(database.dialect)
  /** Nothing closes before this, Unix seconds: most calls need not ask the database. */
  let nextCloseSeconds = 0
  let mayHaveToDeny = denies

  const find = (windowStart: number) => findInWindow(windowStart, settings.rules, sources)

  const record = async (findings: readonly Finding[], windowStart: number, movesCursor: boolean) => {
    const end = windowStart + windowSeconds
    const { result: names } = await transact(database, async (tx) => {
      const cursor = await lockRisk(tx, holdStatements)
      const fresh = await recordFindings(tx, findings, {
        holdStatements,
        windowStart,
        quietSeconds: settings.quietSeconds,
        actionOf: ({ rule }) => settings.rules[rule].action,
        nowSeconds: now(),
      })
      if (movesCursor && cursor < end) await moveCursor(tx, end)
      return fresh
    })
    const flags = names.length === 0 ? [] : await findFlags(database, { flags: names })
    for (const flag of flags) onFlag?.(flag)
    return flags
  }

  const judge = async (windowStart: number, movesCursor: boolean): Promise<RiskFlag[]> => {
    const findings = await find(windowStart)
    if (denies && findings.length > 0) mayHaveToDeny = true
    try {
      return await record(findings, windowStart, movesCursor)
    } catch (error) {
      if (faultOf(error) !== 'refused') throw error
      // It would be refused again and again: whoever it is about must not keep the others from being judged.
      for (const finding of findings) await record([finding], windowStart, false).catch(ignoreRefusal)
      await record([], windowStart, movesCursor)
      throw refusedFinding(windowStart, error)
    }
  }

  const denyAll = async () => {
    if (!mayHaveToDeny) return
    for (const flag of await findFlags(database, { isDenyDue: true })) {
      await deny!(flag.passkey!, flag)
      await noteDenied(database, flag, now())
    }
    mayHaveToDeny = false
  }

  return {
    findings: find,
    async evaluate(windowStart) {
      const flags = await judge(windowStart, false)
      await denyAll()
      return { flags }
    },
    async evaluateUpTo(settledUpTo, limit = MOST_AT_ONCE) {
      // The ID of an entry may be any, and with it the time it stands for.
      const closed = Math.min(settledUpTo, now()) - settings.evaluationDelaySeconds
      if (closed < nextCloseSeconds && !mayHaveToDeny) return { flags: [], windows: 0, isMoreLeft: false }
      const flags: RiskFlag[] = []
      let windows = 0
      let next = await nextWindow(database, windowSeconds, closed)
      while (next + windowSeconds <= closed && windows < limit) {
        await setImmediate() // SQLite works inside the process, and others have something to do too
        flags.push(...(await judge(next, true)))
        windows++
        next = await nextWindow(database, windowSeconds, closed) // another consumer may have come further
      }
      nextCloseSeconds = next + windowSeconds
      await denyAll()
      return { flags, windows, isMoreLeft: nextCloseSeconds <= closed }
    },
  }
}

function sourcesOf({ db, dialect }: Database, windowSeconds: number, settings: RiskSettings): RuleSources {
  const { evaluationDelaySeconds } = settings
  return {
    db,
    sql,
    sum: sql.raw(dialect.sum),
    greatest: sql.raw(dialect.greatest),
    windowSeconds,
    evaluationDelaySeconds,
    exemptions: compileExemptions(settings),
  }
}

async function findInWindow(windowStart: number, rules: RiskRules, sources: RuleSources): Promise<Finding[]> {
  const { windowSeconds } = sources
  if (!Number.isSafeInteger(windowStart) || windowStart < 0 || windowStart % windowSeconds !== 0)
    throw new RangeError(`${windowStart} is not the start of a window of ${windowSeconds} s`)
  const window = { fromSeconds: windowStart, untilSeconds: windowStart + windowSeconds }
  try {
    return await findingsOf(window, rules, sources)
  } catch (error) {
    throw databaseFault(error)
  }
}

async function noteDenied({ db }: Database, { flag }: RiskFlag, atSeconds: number): Promise<void> {
  await db
    .updateTable('pt_risk_flags')
    .set({ denied_at: atSeconds })
    .where('flag', '=', flag)
    .where('denied_at', 'is', null)
    .execute()
}

/** Where the last evaluator stopped; at most a month back, which is what windows are kept for, and at first a day. */
async function nextWindow({ db }: Database, windowSeconds: number, closed: number): Promise<number> {
  const row = await db
    .selectFrom('pt_meta')
    .select('value')
    .where('name', '=', RISK_CURSOR)
    .executeTakeFirst()
  const cursor = Number(row?.value ?? 0)
  const earliest = closed - (cursor === 0 ? DAY : 30 * DAY)
  return Math.max(cursor, Math.floor(earliest / windowSeconds) * windowSeconds, 0)
}
