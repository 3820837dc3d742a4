import type { Dialect, Kysely } from 'kysely'
import { rootMessage } from '../../../runtime/errors.ts'
import type { Cell, Kind, LedgerTables, Table } from './tables.ts'

/** Kinds of SQL database. `mysql` is MariaDB as well. */
export type DialectName = 'sqlite' | 'postgres' | 'mysql'

/** An open database: the ledger and whatever the site keeps beside it. */
export interface Database {
  readonly db: Kysely<LedgerTables>
  readonly dialect: SqlDialect
}

/** How a database is reached, and how long it may take. */
export interface DatabaseOptions {
  /** Connections of one process; SQLite has one. */
  readonly maxConnections?: number
  readonly connectTimeoutMs?: number
  /** A statement that takes longer is given up, and its transaction rolled back; not for SQLite. */
  readonly statementTimeoutMs?: number
  /** Refuse a SQLite file that does not exist, in place of creating it. Default: false. */
  readonly mustExist?: boolean
  /** Told what is wrong with the database and does not keep it from being used. Default: nothing is said. */
  readonly warn?: (text: string) => void
}

export type DatabaseSettings = Required<DatabaseOptions>

/** Columns of the rows that a statement takes. */
export type Kinds = Readonly<Record<string, Kind>>

/**
 * What a database's error means: `again`, the same transaction may well succeed (two writers met); `refused`, the data is
 * to blame, and the next attempt fails too; `unavailable`, everything else that the database or the network says;
 * `unknown` is none of theirs, so a bug of ours.
 */
export type Fault = 'again' | 'refused' | 'unavailable' | 'unknown'

/** What a driver throws. */
export interface DriverError {
  readonly code: string
  readonly errno?: unknown
  readonly sqlState?: unknown
}

/** Everything that differs between databases. A database is one implementation and a line in `openDatabase.ts`. */
export interface SqlDialect {
  readonly name: DialectName
  /** @returns how kysely reaches it; throws Error with one line for a URL it cannot take and for a missing driver */
  open(url: string, settings: DatabaseSettings): Promise<Dialect>
  /** @returns undefined for an error of another database's driver */
  faultOf(error: DriverError): Fault | undefined

  // DDL
  columnType(kind: Kind, length: number | undefined): string
  /** After the closing bracket of CREATE TABLE. */
  tableEnd(storage: Table['storage']): string
  /** After CREATE INDEX, for an index over the few rows in which `column` is 1; empty where it covers all rows. */
  whereOne(column: string): string

  // Expressions
  parameter(number: number): string
  /** A whole number as a parameter, which may come as text. */
  wholeParameter(number: number): string
  /** A text column that holds a whole number, to compare it as one. */
  textAsWhole(expression: string): string
  readonly least: string
  readonly greatest: string
  /** A sum that does not fail above 2^63. */
  readonly sum: string

  // Locks
  /** The whole database is locked by one writer: no row has to be locked, or made to be locked. */
  readonly hasOneWriter: boolean
  /** At the end of a SELECT; empty where the transaction has locked everything. */
  readonly forUpdate: string
  /** A column with the number of a row, which finds it at half the price of a key; undefined where there is none. */
  readonly rowNumber: string | undefined

  // Statements that take rows
  /** The rows as the one parameter of a statement. */
  rowsParameter(rows: readonly (readonly Cell[])[]): unknown
  insert(table: string, columns: Kinds): string
  /** After `insert`; `sets` are the assignments, none to keep the row that is there. */
  onConflict(table: string, keys: readonly string[], sets: readonly string[]): string
  /** In an assignment of `onConflict`: the value of the row that was to be inserted. */
  incoming(column: string): string
  /** Sets the columns that are not among `keys`; `columns` end with `keys`. */
  update(table: string, columns: Kinds, keys: readonly string[]): string
  deleteByKey(table: string, keys: Kinds): string
  /** `n`, a number that stands beside each key, and the selected columns, locked in the order of the keys. */
  lock(table: string, keys: Kinds, selected: readonly string[]): string
  find(table: string, keys: Kinds, selected: readonly string[]): string
  /** Is the column among the rows, which have one cell? */
  isOneOf(column: string, kind: Kind): string
}

/** Drivers are optional peers of the package: a site installs the one it uses. */
export async function loadDriver<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    throw new Error(`the driver ${name} cannot be loaded (npm install ${name}): ${rootMessage(error)}`, {
      cause: error,
    })
  }
}

const FORMS =
  'sqlite:///path/to/file, postgres://user:password@host/database or mysql://user:password@host/database'

export function notAUrl(): Error {
  return new Error(`not the URL of a database: ${FORMS}`)
}

export function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch {
    throw notAUrl()
  }
}

/** A part of a URL without its escapes. */
export function unescaped(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Error('not the URL of a database: a % in it is written %25')
  }
}
