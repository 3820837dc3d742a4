import type { Infohash, Passkey } from '../../bittorrent/types.ts'

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

/** A range of time, Unix seconds. `untilSeconds` is excluded. */
export interface Span {
  readonly fromSeconds: number
  readonly untilSeconds: number
}

/** What a rule decides about one subject. */
export interface Verdict {
  readonly severity: Severity
  /** undefined: the torrent as a whole, and no user in particular. */
  readonly passkey: Passkey | undefined
  /** undefined: whatever the passkey does. */
  readonly infohash: Infohash | undefined
  /** One sentence for people. No passkey in it. */
  readonly summary: string
  /** The numbers behind it, for people and programs. Amounts are decimal strings; rates and thresholds are numbers. */
  readonly evidence: Evidence
}

/** By the names of docs/risk.md. */
export type Evidence = { readonly [name: string]: EvidenceValue }
/** What JSON holds; passkeys stand under names that end in `passkey` or `passkeys`. */
export type EvidenceValue = string | number | readonly EvidenceValue[] | Evidence
