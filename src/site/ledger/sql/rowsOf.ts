import type { DialectName } from './dialect.ts'

/** What a column of the rows holds: a key (ASCII), any text, or a whole number. */
export type ColumnKind = 'key' | 'text' | 'big'
export type Columns = Readonly<Record<string, ColumnKind>>
export type Cell = string | number | null

/** Databases on the far side of a connection. */
export type ServerDialect = Exclude<DialectName, 'sqlite'>

/**
 * Thousands of rows travel to a server as the one parameter of a statement: JSON, an array of arrays, read as a table by
 * the database. So a statement's text is always the same, and no limit on parameters is met. SQLite is called for each row.
 *
 * @returns the table for a FROM clause; `r.<column>` are its columns, in the order of the cells
 */
export function rowsOf(dialect: ServerDialect, columns: Columns): string {
  return `(${SELECTS[dialect](Object.entries(columns))}) r`
}

type Select = (columns: readonly (readonly [string, ColumnKind])[]) => string

const SELECTS: Readonly<Record<ServerDialect, Select>> = {
  postgres: (columns) => {
    const list = columns.map(([name, kind], at) => {
      const cell = `(v ->> ${at})`
      return `${kind === 'big' ? `${cell}::bigint` : kind === 'key' ? `${cell} collate "C"` : cell} as ${name}`
    })
    return `select ${list.join(', ')} from jsonb_array_elements($1::jsonb) as rows(v)`
  },
  mysql: (columns) => {
    // Compared with a column of another character set, a key would be converted and its index not be used.
    const types = {
      key: 'varchar(190) character set ascii collate ascii_bin',
      text: 'longtext character set utf8mb4',
      big: 'bigint',
    }
    const fields = columns.map(([name, kind], at) => `${name} ${types[kind]} path '$[${at}]'`)
    return `select * from json_table(?, '$[*]' columns (${fields.join(', ')})) t`
  },
}

/** The most a column holds. */
export const LARGEST = 2n ** 63n - 1n

/**
 * A sum, or what is taken away, as a cell. It stops at the largest number that a column holds. JSON has no whole numbers
 * past 2^53 that every reader keeps, so those are text.
 */
export function amount(value: bigint): Cell {
  if (value >= -MAX_SAFE && value <= MAX_SAFE) return Number(value)
  if (value > LARGEST) return LARGEST.toString()
  return (value < -LARGEST ? -LARGEST : value).toString()
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/** Text that every database takes: no zero bytes, no halves of a character. */
export function plainText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}
