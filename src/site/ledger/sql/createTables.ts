import { type QueryExecutorProvider, sql } from 'kysely'
import type { SqlDialect } from './dialect.ts'
import { type Column, TABLES, type Table, type TableName, tableOf } from './tables.ts'

const NAMES = Object.keys(TABLES) as TableName[]

/** Tables of the settlement itself, which a second ledger beside the first needs. */
const LEDGER_MIGRATION = TABLES.users.since

/** Creates tables as they are now. `prefix` stands before their names in place of `pt_`. */
export async function createShadowTables(
  db: QueryExecutorProvider,
  dialect: SqlDialect,
  prefix: string,
): Promise<void> {
  await execute(
    db,
    shadowed().flatMap((name) => createTable(dialect, prefix, name, () => true)),
  )
}

export async function dropShadowTables(db: QueryExecutorProvider, prefix: string): Promise<void> {
  await execute(
    db,
    shadowed().map((name) => `drop table if exists ${prefix}${name}`),
  )
}

function shadowed(): TableName[] {
  return NAMES.filter((name) => tableOf(name).since === LEDGER_MIGRATION)
}

/** Names of the migrations that the definition mentions. */
export function definedMigrations(): string[] {
  return [
    ...new Set(
      NAMES.map(tableOf).flatMap((table) => [
        table.since,
        ...Object.values(table.columns).flatMap(({ since = [] }) => since),
      ]),
    ),
  ]
}

/** Creates the tables and adds the columns whose `since` is this migration. */
export async function applyMigration(
  db: QueryExecutorProvider,
  dialect: SqlDialect,
  migration: string,
): Promise<void> {
  const isNew = ({ since = migration }: Column) => since === migration
  await execute(
    db,
    NAMES.flatMap((name) => {
      const table = tableOf(name)
      if (table.since === migration) return createTable(dialect, 'pt_', name, isNew)
      return Object.entries(table.columns)
        .filter(([, { since }]) => since === migration)
        .map(([column, type]) => `alter table pt_${name} add column ${columnText(dialect, column, type)}`)
    }),
  )
}

function createTable(
  dialect: SqlDialect,
  prefix: string,
  name: TableName,
  isIncluded: (column: Column) => boolean,
): string[] {
  const { columns, primaryKey, indexes = {}, storage }: Table = tableOf(name)
  const list = Object.entries(columns)
    .filter(([, column]) => isIncluded(column))
    .map(([column, type]) => columnText(dialect, column, type))
  const create = `create table ${prefix}${name} (${list.join(', ')},
    primary key (${primaryKey.join(', ')})) ${dialect.tableEnd(storage)}`
  const indexed = Object.entries(indexes).map(([index, on]) => {
    const [of, where] = 'onlyOnes' in on ? [on.onlyOnes, dialect.whereOne(on.onlyOnes)] : [on.join(', '), '']
    return `create index ${prefix}${name}_${index} on ${prefix}${name} (${of}) ${where}`.trimEnd()
  })
  return [create, ...indexed]
}

function columnText(
  dialect: SqlDialect,
  name: string,
  { kind, length, isNullable, default: value }: Column,
): string {
  const rest = `${isNullable ? '' : ' not null'}${value === undefined ? '' : ` default ${value === '' ? "''" : value}`}`
  return `${name} ${dialect.columnType(kind, length)}${rest}`
}

async function execute(db: QueryExecutorProvider, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}
