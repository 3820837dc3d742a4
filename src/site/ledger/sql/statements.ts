import { LARGEST } from './cells.ts'
import type { Kinds, SqlDialect } from './dialect.ts'
import { type Cell, type Merge, type RowOf, type TableName, tableOf } from './tables.ts'

/** A statement that takes rows, which are written by name. */
export interface RowStatement<Row> {
  readonly text: string
  /** A row's cells in the order that the text has them. */
  readonly cellsOf: (row: Row) => Cell[]
}

/** Part of a row: what finds it, or what changes in it. */
export type Cells = Readonly<Record<string, Cell>>

/** The statements of the ledger in one dialect, over tables with one prefix; texts are built once. */
export class Statements {
  readonly dialect: SqlDialect
  readonly #prefix: string

  constructor(dialect: SqlDialect, prefix = 'pt_') {
    this.dialect = dialect
    this.#prefix = prefix
  }

  table(name: TableName): string {
    return `${this.#prefix}${name}`
  }

  /** Adds rows. A row that exists is an error. */
  insert<Name extends TableName>(name: Name): RowStatement<RowOf<Name>> {
    return { text: this.#insertText(name), cellsOf: cellsOf(kindsOf(name), defaultsOf(name)) }
  }

  /** Adds rows. One that exists takes in the new row as `merges` says; without merges, it stays as it is. */
  upsert<Name extends TableName>(
    name: Name,
    merges: Readonly<Record<string, Merge>> = {},
  ): RowStatement<RowOf<Name>> {
    const sets = Object.entries(merges)
      .toSorted(([, a], [, b]) => Number(typeof b === 'object') - Number(typeof a === 'object')) // MySQL assigns one by one
      .map(([column, merge]) => `${column} = ${this.#merged(this.table(name), column, merge)}`)
    const conflict = this.dialect.onConflict(this.table(name), tableOf(name).primaryKey, sets)
    return { ...this.insert(name), text: `${this.#insertText(name)} ${conflict}` }
  }

  /** The same with the merges of the table's definition. */
  merge<Name extends TableName>(name: Name): RowStatement<RowOf<Name>> {
    const columns = Object.entries(tableOf(name).columns)
    return this.upsert(
      name,
      Object.fromEntries(columns.flatMap(([column, { merge }]) => (merge ? [[column, merge]] : []))),
    )
  }

  /** Sets columns of rows that exist. Columns end with the keys that find the row. */
  update(name: TableName, columns: readonly string[], keys: readonly string[]): RowStatement<Cells> {
    const kinds = kindsOf(name, [...columns, ...keys])
    return { text: this.dialect.update(this.table(name), kinds, keys), cellsOf: cellsOf(kinds) }
  }

  deleteByKey(name: TableName, keys: readonly string[]): RowStatement<Cells> {
    const kinds = kindsOf(name, keys)
    return { text: this.dialect.deleteByKey(this.table(name), kinds), cellsOf: cellsOf(kinds) }
  }

  /**
   * Rows of a table by their primary keys, locked until the transaction ends, in the order of their keys: consumers that
   * meet wait for each other, and do not stand in each other's way. `n` is the place among the keys that were asked for.
   */
  lock(name: TableName, selected: readonly string[]): RowStatement<Cells> {
    const kinds = kindsOf(name, tableOf(name).primaryKey)
    const text = this.dialect.lock(this.table(name), kinds, selected)
    return { text, cellsOf: cellsOf({ n: 'whole', ...kinds }) }
  }

  /** Rows of a table by some of its columns, not locked. */
  find(name: TableName, keys: readonly string[], selected: readonly string[]): RowStatement<Cells> {
    const kinds = kindsOf(name, keys)
    return { text: this.dialect.find(this.table(name), kinds, selected), cellsOf: cellsOf(kinds) }
  }

  /** Adds to a hold: uploaded, downloaded, hold. */
  addToHold(): string {
    const { dialect } = this
    return `update ${this.table('holds')} set uploaded = ${this.#sum('uploaded', dialect.wholeParameter(1))},
      downloaded = ${this.#sum('downloaded', dialect.wholeParameter(2))} where hold = ${dialect.parameter(3)}`
  }

  #insertText(name: TableName): string {
    return this.dialect.insert(this.table(name), kindsOf(name))
  }

  #merged(table: string, column: string, merge: Merge): string {
    const { dialect } = this
    const [mine, other] = [`${table}.${column}`, dialect.incoming(column)]
    if (typeof merge === 'object') {
      const { newerBy } = merge
      return `case when ${dialect.incoming(newerBy)} < ${table}.${newerBy} then ${mine} else ${other} end`
    }
    const merges: Readonly<Record<typeof merge, string>> = {
      add: this.#sum(mine, other),
      addOrTake: `${dialect.greatest}(0, ${this.#sum(mine, other)})`,
      max: `${dialect.greatest}(${mine}, ${other})`,
      min: `${dialect.least}(${mine}, ${other})`,
      set: other,
      earliest: `case when ${other} is null or ${mine} < ${other} then ${mine} else ${other} end`,
      highest: `case when ${dialect.textAsWhole(other)} > ${dialect.textAsWhole(mine)} then ${other} else ${mine} end`,
    }
    return merges[merge]
  }

  /** Stops at the largest number instead of failing the whole batch. */
  #sum(mine: string, other: string): string {
    return `${mine} + ${this.dialect.least}(${other}, ${LARGEST} - ${mine})`
  }
}

/** All columns of a table, or some of them; one that the table has not is a row's number. */
function kindsOf(name: TableName, columns: readonly string[] = Object.keys(tableOf(name).columns)): Kinds {
  return Object.fromEntries(columns.map((column) => [column, tableOf(name).columns[column]?.kind ?? 'whole']))
}

function defaultsOf(name: TableName): Cells {
  return Object.fromEntries(
    Object.entries(tableOf(name).columns).map(([column, { default: value }]) => [column, value ?? null]),
  )
}

function cellsOf(kinds: Kinds, defaults: Cells = {}): (row: object) => Cell[] {
  const columns = Object.keys(kinds)
  return (row) => columns.map((column) => (row as Cells)[column] ?? defaults[column] ?? null)
}
