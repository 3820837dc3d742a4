import type { Selectable } from 'kysely'
import type { Infohash, Passkey } from '../../bittorrent/types.ts'
import { asBigint, asNumber, type LedgerTables } from '../ledger/sql/tables.ts'
import type { RuleName } from './rules/list.ts'
import type { Evidence, RiskAction, Severity } from './verdict.ts'

/** `open` waits for staff; the others are how they decided. */
export const FLAG_STATES = ['open', 'dismissed', 'released', 'voided'] as const
/** One of `FLAG_STATES`. */
export type FlagState = (typeof FLAG_STATES)[number]

/** A finding as it stands in the table: one for a rule and a subject as long as nobody has decided about it. */
export interface RiskFlag {
  /** 16 hex digits, from rule, subject and first window. */
  readonly flag: string
  readonly rule: RuleName
  readonly version: number
  readonly severity: Severity
  /** What followed: as the rule was configured, the strongest one. */
  readonly action: RiskAction
  readonly state: FlagState
  /** undefined: the torrent as a whole. */
  readonly passkey: Passkey | undefined
  /** undefined: whatever the passkey does. */
  readonly infohash: Infohash | undefined
  /** First and last window in which the rule found it, Unix seconds, and in how many. */
  readonly firstWindowSeconds: number
  readonly lastWindowSeconds: number
  readonly windows: number
  readonly summary: string
  readonly evidence: Evidence
  /** The hold that takes the subject's credit; undefined for none. */
  readonly hold: Hold | undefined
  /** When the passkey was taken off the whitelist, Unix seconds. */
  readonly deniedAtSeconds: number | undefined
  readonly notedAtSeconds: number
  readonly decidedAtSeconds: number | undefined
  readonly decidedBy: string | undefined
  readonly note: string | undefined
}

/** Credit that waits for a decision, or that was decided about. */
export interface Hold {
  readonly hold: string
  readonly state: 'active' | 'released' | 'voided'
  /** Parked, and after the decision what it was about. */
  readonly uploaded: bigint
  readonly downloaded: bigint
}

/** A row as a query gives it, with its hold joined. */
export interface FlagRow extends Selectable<LedgerTables['pt_risk_flags']> {
  readonly hold_state: string | null
  readonly hold_uploaded: bigint | string | number | null
  readonly hold_downloaded: bigint | string | number | null
}

const orUndefined = (value: bigint | string | number | null) => (value === null ? undefined : asNumber(value))

export function flagOf(row: FlagRow): RiskFlag {
  const hold = row.hold_state === null ? undefined : holdOf(row)
  return {
    flag: row.flag,
    rule: row.rule as RuleName,
    version: asNumber(row.version),
    severity: row.severity as Severity,
    action: row.action as RiskAction,
    state: row.state as FlagState,
    passkey: row.passkey === '' ? undefined : (row.passkey as Passkey),
    infohash: row.infohash === '' ? undefined : (row.infohash as Infohash),
    firstWindowSeconds: asNumber(row.window_start),
    lastWindowSeconds: asNumber(row.last_window),
    windows: asNumber(row.windows),
    summary: row.summary,
    evidence: JSON.parse(row.evidence) as Evidence,
    hold,
    deniedAtSeconds: orUndefined(row.denied_at),
    notedAtSeconds: asNumber(row.noted_at),
    decidedAtSeconds: orUndefined(row.decided_at),
    decidedBy: row.decided_by ?? undefined,
    note: row.note ?? undefined,
  }
}

function holdOf(row: FlagRow): Hold {
  return {
    hold: row.hold,
    state: row.hold_state as Hold['state'],
    uploaded: asBigint(row.hold_uploaded),
    downloaded: asBigint(row.hold_downloaded),
  }
}
