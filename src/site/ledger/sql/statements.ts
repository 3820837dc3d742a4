import type { DialectName } from './dialect.ts'
import { type ColumnKind, type Columns, LARGEST, rowsOf } from './rowsOf.ts'

/**
 * How a row that is there already takes in the new one, column by column. `addOrTake`: what is negative is taken away, as far
 * as there is something. A function gets both spellings.
 */
type Merge =
  | 'add'
  | 'addOrTake'
  | 'max'
  | 'min'
  | 'set'
  | 'earliest'
  | 'highest'
  | ((mine: string, theirs: (column: string) => string) => string)

/**
 * The texts of the ledger's statements in one dialect. Each takes rows, whose cells stand in the order of the columns, unless
 * it says more: a server gets all of them in one parameter, SQLite one row at a time.
 */
export class Statements {
  readonly dialect: DialectName
  readonly #prefix: string

  constructor(dialect: DialectName, prefix = 'pt_') {
    this.dialect = dialect
    this.#prefix = prefix
  }

  table(name: string): string {
    return `${this.#prefix}${name}`
  }

  /** A parameter by its number; only PostgreSQL counts. */
  parameter(number: number): string {
    return this.dialect === 'postgres' ? `$${number}` : '?'
  }

  /** Adds the rows; one that is there already takes the new one in as `merges` says, or keeps what `merges` leaves out. */
  upsert(
    name: string,
    columns: Columns,
    keys: readonly string[],
    merges: Readonly<Record<string, Merge>>,
  ): string {
    const table = this.table(name)
    const insert = this.insert(name, columns)
    const sets = Object.entries(merges).map(
      ([column, merge]) => `${column} = ${this.#merged(table, column, merge)}`,
    )
    if (this.dialect === 'mysql') {
      return `${insert} on duplicate key update ${sets.join(', ') || `${keys[0]} = ${table}.${keys[0]}`}`
    }
    const action = sets.length === 0 ? 'do nothing' : `do update set ${sets.join(', ')}`
    return `${insert} on conflict (${keys.join(', ')}) ${action}`
  }

  #merged(table: string, column: string, merge: Merge): string {
    const theirs = (name: string) => (this.dialect === 'mysql' ? `values(${name})` : `excluded.${name}`)
    const [mine, other] = [`${table}.${column}`, theirs(column)]
    const { least, greatest } = this.#words()
    switch (merge) {
      case 'add':
        return this.#sum(mine, other)
      case 'addOrTake':
        return `${greatest}(0, ${this.#sum(mine, other)})`
      case 'max':
        return `${greatest}(${mine}, ${other})`
      case 'highest':
        return `case when ${this.#asWhole(other)} > ${this.#asWhole(mine)} then ${other} else ${mine} end`
      case 'min':
        return `${least}(${mine}, ${other})`
      case 'set':
        return other
      case 'earliest':
        return `case when ${other} is null or ${mine} < ${other} then ${mine} else ${other} end`
      default:
        return merge(mine, theirs)
    }
  }

  /** Stops at the largest number instead of failing the whole batch. */
  #sum(mine: string, other: string): string {
    return `${mine} + ${this.#words().least}(${other}, ${LARGEST} - ${mine})`
  }

  /** A text column that holds a whole number, to compare it as one. */
  #asWhole(expression: string): string {
    return `cast(${expression} as ${this.dialect === 'mysql' ? 'signed' : 'bigint'})`
  }

  #words() {
    return this.dialect === 'sqlite'
      ? { least: 'min', greatest: 'max' }
      : { least: 'least', greatest: 'greatest' }
  }

  /** Adds to a hold: uploaded, downloaded, hold. */
  park(): string {
    return `update ${this.table('holds')} set uploaded = ${this.#sum('uploaded', this.whole(1))},
      downloaded = ${this.#sum('downloaded', this.whole(2))} where hold = ${this.parameter(3)}`
  }

  /** A whole number as a parameter, which may come as text. */
  whole(number: number): string {
    switch (this.dialect) {
      case 'sqlite':
        return 'cast(? as integer)'
      case 'postgres':
        return `$${number}::bigint`
      case 'mysql':
        return 'cast(? as signed)'
    }
  }

  /**
   * Sets columns of rows that are there. Columns end with where they are: `place`, SQLite's own number of a row, which is
   * found at half the price of a key; elsewhere the keys.
   */
  setInPlace(name: string, columns: Columns, where: readonly string[]): string {
    const table = this.table(name)
    const changed = Object.keys(columns).filter((column) => !where.includes(column))
    switch (this.dialect) {
      case 'sqlite':
        return `update ${table} set ${changed.map((column) => `${column} = ?`).join(', ')} where rowid = ?`
      case 'postgres':
        return `update ${table} set ${changed.map((column) => `${column} = r.${column}`).join(', ')}
          from ${rowsOf(this.dialect, columns)} where ${where.map((key) => `${table}.${key} = r.${key}`).join(' and ')}`
      case 'mysql':
        return `update ${rowsOf(this.dialect, columns)} straight_join ${table} on ${where.map((key) => `${table}.${key} = r.${key}`).join(' and ')}
          set ${changed.map((column) => `${table}.${column} = r.${column}`).join(', ')}`
    }
  }

  /** Removes rows by their keys. */
  dropByKey(name: string, keys: Columns): string {
    const table = this.table(name)
    const on = Object.keys(keys).map((key) => `${table}.${key} = r.${key}`)
    switch (this.dialect) {
      case 'sqlite':
        return `delete from ${table} where ${equal(keys)}`
      case 'postgres':
        return `delete from ${table} using ${rowsOf(this.dialect, keys)} where ${on.join(' and ')}`
      case 'mysql':
        return `delete ${table} from ${rowsOf(this.dialect, keys)} straight_join ${table} on ${on.join(' and ')}`
    }
  }

  /** Adds the rows as they are; one that is there already is an error. */
  insert(name: string, columns: Columns): string {
    const list = Object.keys(columns).join(', ')
    const into = `insert into ${this.table(name)} (${list})`
    if (this.dialect === 'sqlite') return `${into} values (${Object.values(columns).map(cell).join(', ')})`
    return `${into} select ${list} from ${rowsOf(this.dialect, columns)} where true` // `where`: for an ON CONFLICT behind it
  }

  /**
   * Rows of a table by their keys, locked until the transaction ends, in the order of their keys: consumers that meet wait
   * for each other, and do not stand in each other's way. `n` is the place among the keys that were asked for.
   */
  lock(name: string, keys: Columns, selected: readonly string[]): string {
    const names = Object.keys(keys)
    const on = names.map((key) => `s.${key} = r.${key}`).join(' and ')
    const list = ['r.n', ...selected.map((column) => `s.${column}`)].join(', ')
    const table = this.table(name)
    const columns: Columns = { n: 'big', ...keys }
    switch (this.dialect) {
      case 'sqlite': // the whole file is locked
        return `select cast(? as integer) as n, ${selected.join(', ')} from ${table} where ${equal(keys)}`
      case 'postgres':
        return `select ${list} from ${rowsOf(this.dialect, columns)} join ${table} s on ${on}
          order by ${names.map((key) => `s.${key}`).join(', ')} for update of s`
      case 'mysql': // rows come in the order of their keys and are looked up in it
        return `select ${list} from ${rowsOf(this.dialect, columns)} straight_join ${table} s on ${on} for update`
    }
  }

  /** Rows of a table by keys of it, not locked. */
  find(name: string, keys: Columns, selected: readonly string[]): string {
    const table = this.table(name)
    if (this.dialect === 'sqlite') return `select ${selected.join(', ')} from ${table} where ${equal(keys)}`
    const join = this.dialect === 'postgres' ? 'join' : 'straight_join' // the rows drive
    const on = Object.keys(keys).map((key) => `s.${key} = r.${key}`)
    const list = selected.map((column) => `s.${column}`)
    return `select ${list.join(', ')} from ${rowsOf(this.dialect, keys)} ${join} ${table} s on ${on.join(' and ')}`
  }

  /** Is the column among the rows? They have one cell. */
  isOneOf(column: string, kind: ColumnKind): string {
    if (this.dialect === 'sqlite') return `${column} = ${cell(kind)}`
    return `${column} in (select r.${column} from ${rowsOf(this.dialect, { [column]: kind })})`
  }
}

/** A whole number may come as text, since JSON and JavaScript hold none past 2^53. */
function cell(kind: ColumnKind): string {
  return kind === 'big' ? 'cast(? as integer)' : '?'
}

function equal(keys: Columns): string {
  return Object.entries(keys)
    .map(([key, kind]) => `${key} = ${cell(kind)}`)
    .join(' and ')
}
