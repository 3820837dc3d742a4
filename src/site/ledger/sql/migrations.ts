import { setTimeout as delay } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { rootMessage } from '../../../runtime/errors.ts'
import { createTables, dropTables } from './createTables.ts'
import type { Database, DialectName } from './dialect.ts'
import { databaseFault, faultOf } from './faults.ts'
import { createRiskTables, dropRiskTables } from './riskTables.ts'

/** In order of their names. One that has been released never changes: what comes later is the next one. */
const MIGRATIONS: Readonly<Record<string, (dialect: DialectName) => Migration>> = {
  '0001_books': (dialect) => ({
    up: (db: Kysely<unknown>) => createTables(db, dialect, 'pt_'),
    down: (db: Kysely<unknown>) => dropTables(db, 'pt_'),
  }),
  '0002_risk': (dialect) => ({
    up: (db: Kysely<unknown>) => createRiskTables(db, dialect),
    down: dropRiskTables,
  }),
}

/** SQLite's lock is not waited for in turn. */
const MAX_RETRIES = 50
const RETRY_MS = 200

/**
 * Brings the database's tables to this program's release; does nothing when they are there. Several programs may do it
 * at once. Throws LedgerUnavailable when the database does not answer, and Error when a newer release made the tables.
 */
export async function migrate({ db, dialect }: Database): Promise<void> {
  const migrations = Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, migration]) => [name, migration(dialect)]),
  )
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
    migrationTableName: 'pt_migrations',
    migrationLockTableName: 'pt_migrations_lock',
  })
  for (let retries = 0; ; retries++) {
    try {
      await sql`select 1`.execute(db)
      const { error } = await migrator.migrateToLatest()
      if (error === undefined) return
      throw error
    } catch (error) {
      if (/previously executed migration .* is missing/.test(rootMessage(error))) {
        const message = 'the tables of this database were made by a newer release of redswarm'
        throw new Error(message, { cause: error })
      }
      if (faultOf(error) !== 'again' || retries === MAX_RETRIES) throw databaseFault(error)
      await delay(Math.random() * RETRY_MS)
    }
  }
}
