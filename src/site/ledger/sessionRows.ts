import { type NumberedEntry, type SessionGroup, type SessionRow, sessionKey } from './accounting/batch.ts'
import { readSession } from './accounting/sessionRecord.ts'
import { NEW_SESSION, type Session } from './accounting/settlement.ts'
import type { LedgerContext } from './ledgerContext.ts'
import { sessionKeyOf, sessionRowOf } from './rows.ts'
import { asNumber } from './sql/tables.ts'
import type { Row, Tx } from './sql/transaction.ts'

const NEW_ROW: SessionRow = {
  place: 0,
  session: NEW_SESSION,
  newest: { ms: 0, seq: 0 },
  ip4: '',
  ip6: '',
  port: 0,
  agent: '',
}

/**
 * The entries by their sessions in the order of their keys, with what the ledger holds of each, locked until the
 * transaction ends.
 *
 * @param newSession what a session is that the ledger does not know; asked for after the locks are had
 */
export async function loadSessions(
  tx: Tx,
  context: LedgerContext,
  entries: readonly NumberedEntry[],
  newSession: () => Promise<Session>,
): Promise<SessionGroup[]> {
  const bySession = new Map<string, NumberedEntry[]>()
  for (const entry of entries) {
    const { passkey, infohash, peerId } = entry.event
    const key = sessionKey(passkey, infohash, peerId)
    const group = bySession.get(key)
    if (group === undefined) bySession.set(key, [entry])
    else group.push(entry)
  }
  const groups = [...bySession.keys()].sort().map((key) => bySession.get(key)!)
  const rows = await lockRows(tx, context, groups)
  const unknown = { ...NEW_ROW, session: await newSession() }
  return groups.map((group, at) => {
    const row = rows[at]
    const isNew = row === undefined || row.session.last === 0 // or only just made, to be locked
    return { identity: group[0]!.event, entries: group, row: isNew ? unknown : row }
  })
}

type Groups = readonly (readonly NumberedEntry[])[]

/** Makes the rows that are missing, where there are others who could. @returns the rows, each where its group is */
async function lockRows(tx: Tx, context: LedgerContext, groups: Groups): Promise<(SessionRow | undefined)[]> {
  const found: (SessionRow | undefined)[] = new Array(groups.length)
  const lock = async (places: readonly number[]) => {
    const cells = places.map((at, n) => ({ n, ...sessionKeyOf(groups[at]![0]!.event) }))
    const rows = await tx.find(context.writes.lockSessions, cells)
    for (const row of rows) found[places[asNumber(row.n)]!] = sessionRow(row)
    return rows.length
  }
  const count = await lock(groups.map((_, at) => at))
  if (count === groups.length || context.dialect.hasOneWriter) return found
  const missing = [...groups.keys()].filter((at) => found[at] === undefined)
  await tx.write(
    context.writes.addSessions,
    missing.map((at) => sessionRowOf(groups[at]![0]!.event, NEW_ROW)),
  )
  await lock(missing)
  return found
}

export function sessionRow(row: Row): SessionRow {
  return {
    place: asNumber(row.place),
    session: readSession(text(row.covered)),
    newest: { ms: asNumber(row.last_ms), seq: asNumber(row.last_seq) },
    ip4: text(row.ip4),
    ip6: text(row.ip6),
    port: asNumber(row.port),
    agent: text(row.agent),
  }
}

export function text(value: Row[string] | undefined): string {
  return String(value ?? '')
}
