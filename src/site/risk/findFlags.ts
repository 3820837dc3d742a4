import type { Kysely } from 'kysely'
import type { Database } from '../ledger/sql/dialect.ts'
import { databaseFault } from '../ledger/sql/faults.ts'
import type { LedgerTables } from '../ledger/sql/tables.ts'
import { type FlagState, flagOf, type RiskFlag } from './flags.ts'
import type { RuleName } from './rules/list.ts'

/** Which flags: all of it must fit, and what is left out does not matter. */
export interface FlagFilter {
  /** By their names. */
  readonly flags?: readonly string[]
  readonly state?: FlagState | undefined
  readonly rule?: RuleName | undefined
  readonly passkey?: string | undefined
  readonly infohash?: string | undefined
  /** Open, to be denied, and not yet. */
  readonly isDenyDue?: boolean
  readonly limit?: number
}

/** Flags that fit, those seen last first. Throws LedgerUnavailable. */
export async function findFlags({ db }: Database, filter: FlagFilter): Promise<RiskFlag[]> {
  try {
    return await selectFlags(db, filter)
  } catch (error) {
    throw databaseFault(error)
  }
}

/** The same as part of a transaction: throws what the database says. */
export async function selectFlags(db: Kysely<LedgerTables>, filter: FlagFilter): Promise<RiskFlag[]> {
  let query = db
    .selectFrom('pt_risk_flags as f')
    .leftJoin('pt_holds as h', 'h.hold', 'f.hold')
    .selectAll('f')
    .select(['h.state as hold_state', 'h.uploaded as hold_uploaded', 'h.downloaded as hold_downloaded'])
    .orderBy('f.last_window', 'desc')
    .orderBy('f.noted_at', 'desc')
    .orderBy('f.flag')
  if (filter.flags) query = query.where('f.flag', 'in', filter.flags)
  if (filter.state) query = query.where('f.state', '=', filter.state)
  if (filter.rule) query = query.where('f.rule', '=', filter.rule)
  if (filter.passkey !== undefined) query = query.where('f.passkey', '=', filter.passkey)
  if (filter.infohash !== undefined) query = query.where('f.infohash', '=', filter.infohash)
  if (filter.isDenyDue)
    query = query
      .where('f.state', '=', 'open')
      .where('f.action', '=', 'deny')
      .where('f.denied_at', 'is', null)
      .where('f.passkey', '<>', '')
  if (filter.limit !== undefined) query = query.limit(filter.limit)
  return (await query.execute()).map(flagOf)
}
