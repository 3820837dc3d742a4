import type { Kinds, SqlDialect } from './dialect.ts'

/** The rows of a statement's one parameter as a table for a FROM clause; `r.<column>` are its columns. */
export type RowsText = (columns: Kinds) => string

/** Compares the keys of a table with those of the rows. */
export function joinedBy(table: string, keys: readonly string[]): string {
  return keys.map((key) => `${table}.${key} = r.${key}`).join(' and ')
}

/**
 * What databases on the far side of a connection have in common. Thousands of rows travel as one parameter, so that a
 * statement's text is always the same and no limit on parameters is met.
 *
 * @param join keeps the rows as the outer table, since they are few
 */
export function serverStatements(rowsOf: RowsText, join: string) {
  return {
    least: 'least',
    greatest: 'greatest',
    sum: 'sum',
    hasOneWriter: false,
    forUpdate: 'for update',
    rowNumber: undefined,
    rowsParameter: (rows) => JSON.stringify(rows),
    insert(table, columns) {
      const list = Object.keys(columns).join(', ')
      // `where true`: else PostgreSQL and MySQL take the ON CONFLICT that follows for a join condition
      return `insert into ${table} (${list}) select ${list} from ${rowsOf(columns)} where true`
    },
    find(table, keys, selected) {
      const list = selected.map((column) => `s.${column}`)
      return `select ${list.join(', ')} from ${rowsOf(keys)} ${join} ${table} s on ${joinedBy('s', Object.keys(keys))}`
    },
    isOneOf: (column, kind) => `${column} in (select r.${column} from ${rowsOf({ [column]: kind })})`,
  } as const satisfies Partial<SqlDialect>
}
