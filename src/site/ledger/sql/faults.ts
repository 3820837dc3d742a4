import { isAbortedTransactionError } from 'kysely'
import { LedgerUnavailable, rootMessage } from '../../../runtime/errors.ts'

/**
 * What a database's error means: `again`, the same transaction may well succeed (two writers met); `refused`, the data is
 * to blame, and the next attempt fails too; `unavailable`, everything else that the database or the network says;
 * `unknown` is none of theirs, so a bug of ours.
 */
export type Fault = 'again' | 'refused' | 'unavailable' | 'unknown'

export function faultOf(error: unknown): Fault {
  if (isAbortedTransactionError(error)) return 'again'
  const { code, errno, sqlState } = error as { code?: unknown; errno?: unknown; sqlState?: unknown }
  if (typeof code !== 'string') return isNetworkMessage(error) ? 'unavailable' : 'unknown'
  if (code.startsWith('SQLITE_')) return sqliteFault(code)
  if (/^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E')) return postgresFault(code)
  if (typeof sqlState === 'string' || typeof errno === 'number') return mysqlFault(Number(errno))
  return 'unavailable'
}

/** The URL names something else than a database that this user may use: a mistake of whoever wrote it. */
export function isWrongPlace(error: unknown): boolean {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  return typeof code === 'string' && (WRONG_PLACE.test(code) || syscall === 'open') // open: a certificate's file
}

/** PostgreSQL: 28, not let in; 3D000, no such database; 42501, no right to make or read the tables. */
const WRONG_PLACE =
  /^(SQLITE_(NOTADB|CANTOPEN|READONLY|PERM|AUTH).*|28...|3D000|42501|ER_(ACCESS_DENIED|BAD_DB|NO_DB|DBACCESS_DENIED|TABLEACCESS_DENIED).*)$/

/** Wraps what is the database's fault as LedgerUnavailable; anything else stays what it is. */
export function databaseFault(error: unknown): unknown {
  if (error instanceof LedgerUnavailable || faultOf(error) === 'unknown') return error
  const cause = withoutData(error)
  return new LedgerUnavailable(`the database failed: ${cause.message}`, { cause })
}

/**
 * What the database said, without what it was told: a driver's error carries the statement with every passkey in it, and
 * the message about a key that is there twice shows the key.
 */
export function withoutData(error: unknown): Error {
  const { code, syscall } = error as { code?: unknown; syscall?: unknown }
  const message = rootMessage(error).replace(/(Duplicate entry )'.*?'( for key)/s, "$1'…'$2")
  return Object.assign(new Error(message || String(code)), code === undefined ? {} : { code, syscall })
}

function sqliteFault(code: string): Fault {
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return 'again'
  return /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(code) ? 'refused' : 'unavailable'
}

/** 40: serialization and deadlock; 23505: another consumer wrote the same ID first; 55P03: a lock not had in time. */
function postgresFault(code: string): Fault {
  if (code.startsWith('40') || code === '23505' || code === '55P03') return 'again'
  return /^(22|23|P0)/.test(code) ? 'refused' : 'unavailable' // 22: data, 23: constraint, P0: raised by a trigger
}

const MYSQL_AGAIN = new Set([
  1062, // the same ID, written by another consumer first
  1205, // a lock not had in time
  1213, // deadlock
])
const MYSQL_REFUSED = new Set([
  1048, // null
  1264, // out of range
  1690,
  1265, // truncated
  1366, // not a value of the column's kind
  1406, // too long
  1451, // foreign keys
  1452,
  1644, // signalled by a trigger
  3140, // not JSON
  3819, // check constraint, MySQL
  4025, // check constraint, MariaDB
])

function mysqlFault(errno: number): Fault {
  if (MYSQL_AGAIN.has(errno)) return 'again'
  return MYSQL_REFUSED.has(errno) ? 'refused' : 'unavailable'
}

/** Drivers say some of these without a code. */
function isNetworkMessage(error: unknown): boolean {
  return error instanceof Error && /connection|timeout|terminat|closed state/i.test(error.message)
}
