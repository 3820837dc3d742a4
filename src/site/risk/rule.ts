import type { Kysely, RawBuilder, Sql } from 'kysely'
import { type Entries, type Section, section } from '../../config/section.ts'
import { choice, seconds, size } from '../../config/values.ts'
import type { LedgerTables } from '../ledger/sql/tables.ts'
import type { Exemptions } from './exemptions.ts'
import { RISK_ACTIONS, type RiskAction, type Span, type Verdict } from './verdict.ts'

/** Where the rules read, and what holds for all of them. */
export interface RuleSources {
  readonly db: Kysely<LedgerTables>
  /** Passed in: the tracker reads the rules' settings too, and must not load a database library for them. */
  readonly sql: Sql
  /** A sum that does not fail above 2^63, and the greatest of several values, by their names in this database. */
  readonly sum: RawBuilder<unknown>
  readonly greatest: RawBuilder<unknown>
  readonly windowSeconds: number
  readonly evaluationDelaySeconds: number
  readonly exemptions: Exemptions
}

export interface RuleQuery<Settings> extends RuleSources {
  /** The window that is judged. */
  readonly window: Span
  /** The time that the findings are about. */
  readonly span: Span
  readonly settings: Settings
}

export interface RuleSettings {
  readonly action: RiskAction
}

/** One rule: its name in the file, in metrics and tables; its settings; what it reads and how it decides. */
export interface RiskRule<Name extends string, Settings extends RuleSettings, Features> {
  readonly name: Name
  /** Changes when the rule decides in another way. */
  readonly version: number
  readonly settings: Section<Settings>
  /** What must hold between a setting, by its key in the file, and `evaluation_delay`. */
  problems?(
    settings: Settings,
    evaluationDelaySeconds: number,
  ): Iterable<{ readonly key: string; readonly text: string }>
  /** The time that the findings are about. Default: the window. */
  spanOf?(settings: Settings, window: Span): Span
  /**
   * Subjects that may be found, each with what `decide` needs. The database leaves out what cannot be a finding. Each query
   * is over one window, one period of a few names, or the sessions that began in a window, and has an index for it.
   */
  read(query: RuleQuery<Settings>): AsyncIterable<Features>
  /** Pure. */
  decide(features: Features, span: Span, settings: Settings): readonly Verdict[]
}

/** Defines a rule; `list.ts` has all of them. */
export function defineRule<const Name extends string, Settings extends RuleSettings, Features>(
  rule: RiskRule<Name, Settings, Features>,
): RiskRule<Name, Settings, Features> {
  return rule
}

/** A rule's section of the file: its action, and the thresholds. docs/risk.md says where the defaults come from. */
export const ruleSettings = <const E extends Entries>(thresholds: E) =>
  section({ action: ['action', choice(...RISK_ACTIONS).prefault('shadow')], ...thresholds })

export const bytes = size('0', '1024TiB')
/** Windows are kept for 30 days. */
export const period = seconds('10m', '720h')
export const periodUntil = ({ untilSeconds }: Span, periodSeconds: number): Span => ({
  fromSeconds: untilSeconds - periodSeconds,
  untilSeconds,
})
