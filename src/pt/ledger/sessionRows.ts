import type { NumberedEntry, SessionIdentity, SessionRow } from './batch.ts'
import { sessionCells } from './batchCells.ts'
import type { Books } from './books.ts'
import { readSession } from './sessionRecord.ts'
import { NEW_SESSION } from './settlement.ts'
import { asNumber } from './tables.ts'
import type { Row, Tx } from './transaction.ts'

export const NEW_ROW: SessionRow = {
  place: 0,
  session: NEW_SESSION,
  newest: { ms: 0, seq: 0 },
  ip4: '',
  ip6: '',
  port: 0,
  agent: '',
}

/** The books of the sessions of these entries, locked until the transaction ends; those that were missing are there, empty. */
export async function loadSessions(
  tx: Tx,
  books: Books,
  entries: readonly NumberedEntry[],
): Promise<Map<string, SessionRow>> {
  const identities = new Map<string, SessionIdentity>()
  for (const { key, event } of entries) identities.set(key, event)
  const keys = [...identities.keys()].sort()
  const sessions = new Map<string, SessionRow>()
  const lock = async (wanted: readonly string[]) => {
    const cells = wanted.map((key, n) => [n, ...identityCells(identities.get(key)!)])
    const rows = await tx.rows(books.writes.lockSessions, JSON.stringify(cells))
    for (const row of rows) sessions.set(wanted[asNumber(row.n)]!, sessionRow(row))
  }
  await lock(keys)
  if (sessions.size === keys.length || books.dialect === 'sqlite') return sessions // SQLite has one writer: nothing to lock
  const missing = keys.filter((key) => !sessions.has(key))
  await tx.write(
    books.writes.addSessions,
    missing.map((key) => sessionCells(identities.get(key)!, NEW_ROW)),
  )
  await lock(missing)
  return sessions
}

function identityCells({ passkey, infohash, peerId }: SessionIdentity): string[] {
  return [passkey, infohash, peerId]
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
