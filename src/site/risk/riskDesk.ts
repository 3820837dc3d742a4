import type { Database } from '../ledger/sql/dialect.ts'
import { type Tx, transact } from '../ledger/sql/transaction.ts'
import { type FlagFilter, findFlags, selectFlags } from './findFlags.ts'
import type { RiskFlag } from './flags.ts'
import { type Decided, type Decision, decideHold, type HoldStatements, holdStatementsOf } from './holds.ts'
import { lockRisk } from './recordFindings.ts'

/** A decision that cannot be made: no such flag, or it was made before. */
export class RiskRefused extends Error {
  override readonly name = 'RiskRefused'
}

/** Who decides, and why. */
export interface DecisionOptions {
  /** Who stands beside the decision. */
  readonly by: string
  readonly note?: string | undefined
  /** Unix seconds; the clock's unless told. */
  readonly atSeconds?: number | undefined
}

/**
 * What staff do about flags. Each decision is one transaction and is made once; made again it throws RiskRefused and
 * changes nothing. All throw LedgerUnavailable.
 */
export interface RiskDesk {
  /** Those that a rule saw last come first. */
  list(filter?: FlagFilter): Promise<RiskFlag[]>
  show(flag: string): Promise<RiskFlag | undefined>
  /** Nothing is wrong, or nothing is to be done. A flag whose hold is active is released or voided. */
  dismiss(flag: string, options: DecisionOptions): Promise<RiskFlag>
  /** All parked credit goes to the totals. */
  release(flag: string, options: DecisionOptions): Promise<RiskFlag>
  /** Parked uploads are dropped; parked downloads count. */
  void(flag: string, options: DecisionOptions): Promise<RiskFlag>
}

const LIST_AT_MOST = 1_000

/** The desk over a ledger's database: `openRiskDesk(ledger.database)`. */
export function openRiskDesk(database: Database): RiskDesk {
  const holdStatements = holdStatementsOf(database.dialect)

  const decide = async (
    name: string,
    decision: Decision | 'dismissed',
    { by, note, atSeconds = Math.floor(Date.now() / 1000) }: DecisionOptions,
  ): Promise<RiskFlag> => {
    await transact(database, async (tx) => {
      await lockRisk(tx, holdStatements)
      const [flag] = await selectFlags(tx.db, { flags: [name] })
      if (!flag) throw new RiskRefused(`there is no flag ${name}`)
      const { hold, state } = flag
      const held = hold?.state === 'active' ? hold.hold : undefined
      if (decision !== 'dismissed')
        await decideHoldOf(tx, holdStatements, flag, { decision, by, note, atSeconds })
      else if (held !== undefined)
        throw new RiskRefused(`flag ${name} has credit on hold: release or void it`)
      else if (state !== 'open') throw new RiskRefused(`flag ${name} was ${state} before`)
      // One hold may have several flags: whoever decides about it decides about all of them.
      let flags = tx.db
        .updateTable('pt_risk_flags')
        .set({ state: decision, decided_at: atSeconds, decided_by: by, note: note ?? null })
        .where('state', '=', 'open')
      flags = held === undefined ? flags.where('flag', '=', name) : flags.where('hold', '=', held)
      await flags.execute()
    })
    const [flag] = await findFlags(database, { flags: [name] })
    return flag!
  }

  return {
    list: (filter = {}) => findFlags(database, { limit: LIST_AT_MOST, ...filter }),
    show: async (flag) => (await findFlags(database, { flags: [flag] }))[0],
    dismiss: (flag, options) => decide(flag, 'dismissed', options),
    release: (flag, options) => decide(flag, 'released', options),
    void: (flag, options) => decide(flag, 'voided', options),
  }
}

async function decideHoldOf(
  tx: Tx,
  holdStatements: HoldStatements,
  { flag, hold }: RiskFlag,
  decided: Decided,
): Promise<void> {
  if (hold === undefined) throw new RiskRefused(`flag ${flag} has no credit on hold`)
  const isDecided = await decideHold(tx, holdStatements, hold.hold, decided)
  if (!isDecided) throw new RiskRefused(`the hold of flag ${flag} was ${hold.state} before`)
}
