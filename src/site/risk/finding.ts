import type { Infohash, Passkey } from '../../bittorrent/types.ts'

/** Also the names of the config's sections, of the metric's label and in the table. */
export const RULE_NAMES = [
  'impossible_rate',
  'upload_without_leechers',
  'upload_above_downloads',
  'many_networks',
  'shared_identity',
  'counter_resets',
  'completed_without_data',
] as const
/** One of `RULE_NAMES`. */
export type RuleName = (typeof RULE_NAMES)[number]

/**
 * What follows a finding, each including the ones before it. `off`: the rule does not run. `shadow`: a flag is written.
 * `flag`: it is reported too. `hold`: what the subject uploads is parked until staff decide. `deny`: the passkey leaves the
 * whitelist; nothing is parked.
 */
export const RISK_ACTIONS = ['off', 'shadow', 'flag', 'hold', 'deny'] as const
/** One of `RISK_ACTIONS`. */
export type RiskAction = (typeof RISK_ACTIONS)[number]

/** How sure a rule is, in rising order. It decides nothing. */
export const SEVERITIES = ['low', 'medium', 'high'] as const
/** One of `SEVERITIES`. */
export type Severity = (typeof SEVERITIES)[number]

/** What a rule has to say: who, when, and why somebody should look. Rules are pure; what follows is the evaluator's business. */
export interface Finding {
  readonly rule: RuleName
  /** Of the rule: another number, another way to decide. */
  readonly version: number
  readonly severity: Severity
  /** undefined: the torrent as a whole, and nobody in particular. */
  readonly passkey: Passkey | undefined
  /** undefined: whatever the passkey does. */
  readonly infohash: Infohash | undefined
  /** The time whose credit is in question, Unix seconds: from, up to and without. */
  readonly fromSeconds: number
  readonly untilSeconds: number
  /** One sentence for people. No passkey in it. */
  readonly summary: string
  /** The numbers behind it, for people and programs. What somebody moved is a decimal string; rates and thresholds are numbers. */
  readonly evidence: Evidence
}

/** By the names of docs/risk.md. */
export type Evidence = { readonly [name: string]: EvidenceValue }
/** What JSON holds; passkeys stand under names that end in `passkey` or `passkeys`. */
export type EvidenceValue = string | number | readonly EvidenceValue[] | Evidence
