import { setTimeout as delay } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { rootMessage } from '../../../runtime/errors.ts'
import { applyMigration, definedMigrations } from './createTables.ts'
import type { Database } from './dialect.ts'
import { databaseFault, faultOf } from './faults.ts'

/** Which window is judged next, Unix seconds; 0 before the first. Whoever writes flags locks this row first. */
export const RISK_CURSOR = 'risk_next_window'

/** What a migration does after it has created its tables and columns. A released migration never changes. */
const FOLLOW_UPS: Readonly<Record<string, (db: Kysely<unknown>) => Promise<unknown>>> = {
  '0002_risk': (db) => sql`insert into pt_meta (name, value) values (${RISK_CURSOR}, '0')`.execute(db),
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
    definedMigrations().map((name): [string, Migration] => [
      name,
      {
        up: async (trx: Kysely<unknown>) => {
          await applyMigration(trx, dialect, name)
          await FOLLOW_UPS[name]?.(trx)
        },
      },
    ]),
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
