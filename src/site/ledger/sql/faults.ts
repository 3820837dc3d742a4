import { isAbortedTransactionError } from 'kysely'
import { LedgerUnavailable, rootMessage } from '../../../runtime/errors.ts'
import type { DriverError, Fault } from './dialect.ts'
import { DIALECTS } from './openDatabase.ts'

export function faultOf(error: unknown): Fault {
  if (isAbortedTransactionError(error)) return 'again'
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string') return isNetworkMessage(error) ? 'unavailable' : 'unknown'
  for (const dialect of DIALECTS) {
    const fault = dialect.faultOf(error as DriverError)
    if (fault !== undefined) return fault
  }
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

/** Drivers say some of these without a code. */
function isNetworkMessage(error: unknown): boolean {
  return error instanceof Error && /connection|timeout|terminat|closed state/i.test(error.message)
}
