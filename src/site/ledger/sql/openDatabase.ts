import { Kysely } from 'kysely'
import { type Database, type DatabaseOptions, notAUrl, type SqlDialect } from './dialect.ts'
import { mysql } from './mysql.ts'
import { postgres } from './postgres.ts'
import { sqlite } from './sqlite.ts'
import type { LedgerTables } from './tables.ts'

export const DIALECTS: readonly SqlDialect[] = [sqlite, postgres, mysql]

const BY_SCHEME: Readonly<Record<string, SqlDialect>> = {
  sqlite,
  postgres,
  postgresql: postgres,
  mysql,
  mariadb: mysql,
}

const DEFAULTS = {
  maxConnections: 4,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 60_000,
  mustExist: false,
  warn: () => undefined,
}

/**
 * A database by its URL: `sqlite:///path/to/file`, `sqlite::memory:`, `postgres://…`, `mysql://…`, `mariadb://…`. Opening
 * connects to nothing yet. Throws Error with one line for a URL of no known form and for a driver that is not installed;
 * no message shows the URL, since it carries a password.
 */
export async function openDatabase(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const scheme = /^[a-z0-9]+(?=:)/i.exec(url)?.[0].toLowerCase() ?? ''
  const dialect = Object.hasOwn(BY_SCHEME, scheme) ? BY_SCHEME[scheme] : undefined
  if (dialect === undefined) throw notAUrl()
  const driver = await dialect.open(url, { ...DEFAULTS, ...options })
  return { dialect, db: new Kysely<LedgerTables>({ dialect: driver }) }
}
