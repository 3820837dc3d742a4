import { hash } from 'node:crypto'
import { RISK_CURSOR } from '../ledger/sql/migrations.ts'
import { asNumber } from '../ledger/sql/tables.ts'
import type { Tx } from '../ledger/sql/transaction.ts'
import type { Finding } from './finding.ts'
import { type HoldStatements, moveIntoHold, placeHold } from './holds.ts'
import { RISK_ACTIONS, type RiskAction, SEVERITIES, type Severity } from './verdict.ts'

export interface Recording {
  readonly holdStatements: HoldStatements
  readonly windowStart: number
  readonly quietSeconds: number
  readonly actionOf: (finding: Finding) => RiskAction
  readonly nowSeconds: number
}

/**
 * Writes what the rules found in one window, inside a transaction that has the lock of `lockRisk`, so one consumer after
 * the other. Doing it again changes nothing.
 *
 *  - No flag of this rule and subject waits for staff: a new one, unless staff decided lately that it is fine, or a flag
 *    stands for this window already.
 *  - One waits: the window is added to it.
 *  - With `hold`, the credit of the finding's span moves into the subject's hold, which the first such flag places.
 *
 * @returns names of the flags that are new
 */
export async function recordFindings(
  tx: Tx,
  findings: readonly Finding[],
  recording: Recording,
): Promise<string[]> {
  const fresh: string[] = []
  for (const finding of findings) {
    const known = await flagsOf(tx, finding)
    const open = known.find(({ state }) => state === 'open')
    if (open) await addWindow(tx, open, finding, recording)
    else if (!known.some((flag) => isSettledBy(flag, recording))) {
      fresh.push(await addFlag(tx, finding, recording))
    }
  }
  return fresh
}

/** Flags are written by one at a time, and staff decide one at a time. @returns the window that is judged next */
export async function lockRisk(tx: Tx, { forUpdate }: HoldStatements): Promise<number> {
  let query = tx.db.selectFrom('pt_meta').select('value').where('name', '=', RISK_CURSOR)
  if (forUpdate) query = query.forUpdate()
  const row = await query.executeTakeFirstOrThrow()
  return Number(row.value)
}

export async function moveCursor(tx: Tx, nextWindow: number): Promise<void> {
  await tx.db
    .updateTable('pt_meta')
    .set({ value: String(nextWindow) })
    .where('name', '=', RISK_CURSOR)
    .execute()
}

function flagsOf(tx: Tx, { rule, passkey, infohash }: Finding) {
  return tx.db
    .selectFrom('pt_risk_flags')
    .select([
      'flag',
      'state',
      'action',
      'severity',
      'hold',
      'window_start',
      'last_window',
      'windows',
      'decided_at',
    ])
    .where('rule', '=', rule)
    .where('passkey', '=', passkey ?? '')
    .where('infohash', '=', infohash ?? '')
    .execute()
}

type KnownFlag = Awaited<ReturnType<typeof flagsOf>>[number]

function isSettledBy(flag: KnownFlag, { windowStart, quietSeconds }: Recording): boolean {
  if (asNumber(flag.window_start) <= windowStart && windowStart <= asNumber(flag.last_window)) return true
  if (flag.state === 'voided') return false
  return windowStart < asNumber(flag.decided_at) + quietSeconds
}

async function addWindow(tx: Tx, flag: KnownFlag, finding: Finding, recording: Recording): Promise<void> {
  const action = stronger(flag.action as RiskAction, recording.actionOf(finding))
  const isNewer = recording.windowStart > asNumber(flag.last_window)
  const isWorse = rank(finding.severity) > rank(flag.severity as Severity)
  const hold = await heldBy(tx, flag.flag, action, finding, recording)
  await tx.db
    .updateTable('pt_risk_flags')
    .set({
      action,
      ...(hold !== '' && { hold }),
      ...(isNewer && { last_window: recording.windowStart, windows: asNumber(flag.windows) + 1 }),
      ...(isWorse && contentOf(finding)),
    })
    .where('flag', '=', flag.flag)
    .execute()
}

async function addFlag(tx: Tx, finding: Finding, recording: Recording): Promise<string> {
  const { windowStart, nowSeconds } = recording
  const flag = flagName(finding, windowStart)
  const action = recording.actionOf(finding)
  await tx.db
    .insertInto('pt_risk_flags')
    .values({
      flag,
      rule: finding.rule,
      version: finding.version,
      action,
      state: 'open',
      passkey: finding.passkey ?? '',
      infohash: finding.infohash ?? '',
      window_start: windowStart,
      last_window: windowStart,
      windows: 1,
      ...contentOf(finding),
      hold: await heldBy(tx, flag, action, finding, recording),
      denied_at: null,
      noted_at: nowSeconds,
      decided_at: null,
      decided_by: null,
      note: null,
    })
    .execute()
  return flag
}

/** @returns the hold that has the subject's credit; empty for none */
async function heldBy(
  tx: Tx,
  flag: string,
  action: RiskAction,
  finding: Finding,
  { holdStatements, nowSeconds }: Recording,
): Promise<string> {
  const { passkey, infohash = '', rule, summary } = finding
  if (action !== 'hold' || passkey === undefined) return ''
  const subject = { passkey, infohash }
  const hold = await placeHold(tx, holdStatements, {
    ...subject,
    hold: flag,
    placedBy: `risk rule ${rule}`,
    reason: summary,
    atSeconds: nowSeconds,
  })
  await moveIntoHold(tx, holdStatements, hold, subject, finding)
  return hold
}

function contentOf({ severity, summary, evidence }: Finding) {
  return { severity, summary, evidence: JSON.stringify(evidence) }
}

/** The same finding has the same name whoever writes it down. */
function flagName({ rule, passkey, infohash }: Finding, windowStart: number): string {
  return hash('sha256', [rule, passkey ?? '', infohash ?? '', windowStart].join(' ')).slice(0, 16)
}

const rank = (severity: Severity) => SEVERITIES.indexOf(severity)

function stronger(one: RiskAction, other: RiskAction): RiskAction {
  return RISK_ACTIONS.indexOf(one) > RISK_ACTIONS.indexOf(other) ? one : other
}
