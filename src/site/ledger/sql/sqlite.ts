import {
  CompiledQuery,
  type DatabaseConnection,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'
import { type Kinds, loadDriver, type SqlDialect } from './dialect.ts'
import {
  createPrivateFile,
  IN_MEMORY,
  logBytes,
  roomBeside,
  sayDiskFull,
  sqlitePath,
  warningOfMode,
} from './sqliteFile.ts'
import type { Kind } from './tables.ts'

/** Short: SQLite waits inside the process, which does nothing else meanwhile. The transaction is retried after it. */
const WAIT_MS = 250

/** Transactions take the write lock at once: one that begins by reading could not upgrade while another writes. */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  /** SQLite rolls back by itself when the disk is full or fails; the error that says so must not be lost. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await super.rollbackTransaction(connection)
    } catch (error) {
      if (!/no transaction is active/.test(String(error))) throw error
    }
  }
}

/** Migrations are whole or not at all, and one program's at a time. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0]

  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config)
    this.#config = config
  }

  override createDriver(): SqliteDriver {
    return new ImmediateDriver(this.#config)
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

const PAGE_BYTES = 8192
const SQLITE_SETTINGS = [
  `page_size = ${PAGE_BYTES}`, // of a new file: half as many pages to a batch whose rows are all over the place
  'journal_mode = WAL',
  'synchronous = FULL', // a commit that was acknowledged must outlive the machine
  'cache_size = -262144', // KiB; a batch must not be written twice because its pages found no room
]

/** What the log keeps of the disk after a checkpoint. */
const MOST_KEPT_BYTES = 64 * 1024 * 1024

/** Pages of one batch are many, and most change again soon; but the log must not fill a small volume. */
function logSettings(path: string): string[] {
  const bytes = logBytes(roomBeside(path))
  const kept = Math.min(bytes, MOST_KEPT_BYTES)
  return [`wal_autocheckpoint = ${Math.ceil(bytes / PAGE_BYTES)}`, `journal_size_limit = ${kept}`]
}

const MAX_STATEMENTS = 200

/**
 * The ledger's statements are few and their texts never change: each is prepared once. One whose only parameter is a list of
 * rows is made for each of them; so none changes many rows, for which SQLite would keep a journal of its own beside.
 */
class PreparedOnce implements SqliteDatabase {
  readonly #file: SqliteDatabase
  readonly #path: string
  readonly #statements = new Map<string, SqliteStatement>()
  #wasFull = false

  constructor(file: SqliteDatabase, path: string) {
    this.#file = file
    this.#path = path
  }

  prepare(text: string): SqliteStatement {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statement = new EachRow(this.#file.prepare(text), this.#attempt)
    this.#statements.set(text, statement)
    return statement
  }

  /** Runs a statement. A full disk is said to be full, and the log is emptied before the next attempt: it may be what fills it. */
  readonly #attempt = <Result>(run: () => Result): Result => {
    if (this.#wasFull) this.#emptyLog()
    try {
      return run()
    } catch (error) {
      const meant = sayDiskFull(error, this.#path)
      this.#wasFull = meant !== error
      throw meant
    }
  }

  #emptyLog(): void {
    this.#wasFull = false
    try {
      this.#file.prepare('pragma wal_checkpoint(truncate)').all([])
    } catch {
      // there is still no room, or a transaction is under way: the statement itself will tell
    }
  }

  close(): void {
    this.#file.close()
  }
}

type Row = readonly unknown[]
/** Runs a statement, and says what its failure means. */
type Attempt = <Result>(run: () => Result) => Result

class EachRow implements SqliteStatement {
  readonly reader: boolean
  readonly #statement: SqliteStatement
  readonly #attempt: Attempt

  constructor(statement: SqliteStatement, attempt: Attempt) {
    this.#statement = statement
    this.#attempt = attempt
    this.reader = statement.reader
  }

  all(parameters: Row): unknown[] {
    const rows = rowsAmong(parameters)
    return this.#attempt(() =>
      rows === undefined ? this.#statement.all(parameters) : rows.flatMap((row) => this.#statement.all(row)),
    )
  }

  run(parameters: Row): ReturnType<SqliteStatement['run']> {
    return this.#attempt(() => {
      let changes = 0
      for (const row of rowsAmong(parameters) ?? [parameters])
        changes += Number(this.#statement.run(row).changes)
      return { changes, lastInsertRowid: 0 }
    })
  }

  iterate(parameters: Row): IterableIterator<unknown> {
    return this.#statement.iterate(parameters)
  }
}

function rowsAmong(parameters: Row): readonly Row[] | undefined {
  return Array.isArray(parameters[0]) ? parameters[0] : undefined
}

/** A whole number may come as text, since JSON and JavaScript hold none past 2^53. */
function cell(kind: Kind | undefined): string {
  return kind === 'whole' ? 'cast(? as integer)' : '?'
}

function equal(keys: Kinds): string {
  return Object.entries(keys)
    .map(([key, kind]) => `${key} = ${cell(kind)}`)
    .join(' and ')
}

/** Statements that take rows are executed once for each row. */
export const sqlite: SqlDialect = {
  name: 'sqlite',
  async open(url, { mustExist, warn }) {
    const path = sqlitePath(url)
    const { default: BetterSqlite3 } = await loadDriver('better-sqlite3', () => import('better-sqlite3'))
    return new ImmediateSqliteDialect({
      database: async () => {
        const fileMustExist = mustExist && path !== IN_MEMORY
        const warning =
          path === IN_MEMORY ? undefined : mustExist ? warningOfMode(path) : createPrivateFile(path)
        try {
          const file = new BetterSqlite3(path, { timeout: WAIT_MS, fileMustExist })
          file.defaultSafeIntegers(true)
          for (const setting of [...SQLITE_SETTINGS, ...logSettings(path)]) file.pragma(setting)
          if (warning !== undefined) warn(warning) // only now is it known to be a database
          return new PreparedOnce(file, path)
        } catch (error) {
          throw sayDiskFull(error, path)
        }
      },
    })
  },
  faultOf({ code }) {
    if (!code.startsWith('SQLITE_')) return undefined
    if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return 'again'
    return /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(code) ? 'refused' : 'unavailable'
  },

  columnType: (kind) => (kind === 'whole' ? 'integer' : 'text'),
  // Where rows change all the time, the number of a row is its place and the key an index that no change touches;
  // elsewhere the key is the table.
  tableEnd: (storage) => (storage === 'hot' ? '' : 'without rowid'),
  whereOne: (column) => `where ${column} = 1`,

  parameter: () => '?',
  wholeParameter: () => 'cast(? as integer)',
  textAsWhole: (expression) => `cast(${expression} as bigint)`,
  least: 'min',
  greatest: 'max',
  sum: 'total', // exact up to 2^53; sum() fails above 2^63, which forged amounts reach

  hasOneWriter: true,
  forUpdate: '',
  rowNumber: 'rowid',

  rowsParameter: (rows) => rows,
  insert: (table, columns) =>
    `insert into ${table} (${Object.keys(columns).join(', ')}) values (${Object.values(columns).map(cell).join(', ')})`,
  onConflict: (_table, keys, sets) =>
    `on conflict (${keys.join(', ')}) ${sets.length === 0 ? 'do nothing' : `do update set ${sets.join(', ')}`}`,
  incoming: (column) => `excluded.${column}`,
  update(table, columns, keys) {
    const sets = Object.keys(columns).filter((column) => !keys.includes(column))
    return `update ${table} set ${sets.map((column) => `${column} = ?`).join(', ')}
      where ${keys.map((key) => `${key} = ?`).join(' and ')}`
  },
  deleteByKey: (table, keys) => `delete from ${table} where ${equal(keys)}`,
  lock: (table, keys, selected) =>
    `select cast(? as integer) as n, ${selected.join(', ')} from ${table} where ${equal(keys)}`,
  find: (table, keys, selected) => `select ${selected.join(', ')} from ${table} where ${equal(keys)}`,
  isOneOf: (column, kind) => `${column} = ${cell(kind)}`,
}
