import {
  type NumberedEntry,
  type SessionIdentity,
  type SessionRow,
  sessionCells,
  sessionKey,
} from './batch.ts'
import type { Books } from './books.ts'
import { readSession } from './sessionRecord.ts'
import { NEW_SESSION } from './settlement.ts'
import { asNumber } from './tables.ts'
import type { Row, Tx } from './transaction.ts'

export const NEW_ROW: SessionRow = {
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
  for (const { event } of entries) {
    identities.set(sessionKey(event.passkey, event.infohash, event.peerId), event)
  }
  const keys = [...identities.keys()].sort()
  const sessions = await lockSessions(
    tx,
    books,
    keys.map((key) => keyCells(identities.get(key)!)),
  )
  const missing = keys.filter((key) => !sessions.has(key)).map((key) => identities.get(key)!)
  if (missing.length === 0 || books.dialect === 'sqlite') return sessions // SQLite has one writer: nothing to lock
  await tx.write(
    books.writes.addSessions,
    missing.map((each) => sessionCells(each, NEW_ROW)),
  )
  for (const [key, row] of await lockSessions(tx, books, missing.map(keyCells))) sessions.set(key, row)
  return sessions
}

function keyCells({ passkey, infohash, peerId }: SessionIdentity): string[] {
  return [passkey, infohash, peerId]
}

async function lockSessions(
  tx: Tx,
  { writes }: Books,
  keys: readonly (readonly string[])[],
): Promise<Map<string, SessionRow>> {
  const rows = await tx.rows(writes.lockSessions, JSON.stringify(keys))
  return new Map(
    rows.map((row) => [
      sessionKey(text(row.passkey), text(row.infohash), text(row.peer_id)),
      sessionRow(row),
    ]),
  )
}

export function sessionRow(row: Row): SessionRow {
  return {
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
