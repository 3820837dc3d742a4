import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  Kysely,
  MysqlDialect,
  PostgresDialect,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  type SqliteStatement,
} from 'kysely'
import { rootMessage } from '../../../runtime/errors.ts'
import type { LedgerTables } from './tables.ts'

/** Kinds of SQL database. */
export type DialectName = 'sqlite' | 'postgres' | 'mysql'

/** An open database: the books and whatever the site keeps beside them. */
export interface Database {
  readonly db: Kysely<LedgerTables>
  /** `mysql` is MariaDB as well. */
  readonly dialect: DialectName
}

/** How a database is reached, and how long it may take. */
export interface DatabaseOptions {
  /** Connections of one process; SQLite has one. */
  readonly maxConnections?: number
  readonly connectTimeoutMs?: number
  /** A statement that takes longer is given up, and its transaction rolled back; not for SQLite. */
  readonly statementTimeoutMs?: number
  /** Do not make a SQLite file that is not there; false unless told. */
  readonly mustExist?: boolean
}

const DEFAULTS = { maxConnections: 4, connectTimeoutMs: 5_000, statementTimeoutMs: 60_000, mustExist: false }

/** Short: SQLite waits inside the process, and nothing else goes on meanwhile. Who still finds the lock taken comes again. */
const SQLITE_WAIT_MS = 250

const FORMS =
  'sqlite:///path/to/file, postgres://user:password@host/database or mysql://user:password@host/database'

/**
 * A database by its URL: `sqlite:///path/to/file`, `sqlite::memory:`, `postgres://…`, `mysql://…`, `mariadb://…`. Opening
 * connects to nothing yet. Throws Error with one line for a URL of no known form and for a driver that is not installed;
 * no message shows the URL, since it carries a password.
 */
export async function openDatabase(url: string, options: DatabaseOptions = {}): Promise<Database> {
  const settings = { ...DEFAULTS, ...options }
  const scheme = /^[a-z0-9]+(?=:)/i.exec(url)?.[0].toLowerCase()
  switch (scheme) {
    case 'sqlite':
      return database('sqlite', await sqlite(sqlitePath(url), settings))
    case 'postgres':
    case 'postgresql':
      return database('postgres', await postgres(url, settings))
    case 'mysql':
    case 'mariadb':
      return database('mysql', await mysql(url, settings))
    default:
      throw new Error(`not the URL of a database: ${FORMS}`)
  }
}

function database(dialect: DialectName, kyselyDialect: Dialect): Database {
  return { dialect, db: new Kysely<LedgerTables>({ dialect: kyselyDialect }) }
}

type Settings = Required<DatabaseOptions>

function sqlitePath(url: string): string {
  if (url === 'sqlite::memory:') return ':memory:'
  const [, path] = /^sqlite:\/\/(\/[^?#]+)$/i.exec(url) ?? []
  if (path === undefined)
    throw new Error('a SQLite database is sqlite:///path/to/file, with an absolute path')
  return plain(path)
}

/** A part of a URL without its escapes. */
function plain(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Error('not the URL of a database: a % in it is written %25')
  }
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch {
    throw new Error(`not the URL of a database: ${FORMS}`)
  }
}

/** Transactions take the write lock at once: one that begins by reading could not upgrade while another writes. */
class ImmediateDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
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

const SQLITE_SETTINGS = [
  'page_size = 8192', // of a new file: half as many pages to a batch whose rows are all over the place
  'journal_mode = WAL',
  'synchronous = FULL', // a commit that was acknowledged must outlive the machine
  'cache_size = -262144', // KiB; a batch must not be written twice because its pages found no room
  'wal_autocheckpoint = 32768', // pages; those of one batch are many, and most change again soon
]

const MAX_STATEMENTS = 200

/**
 * The ledger's statements are few and their texts never change: each is prepared once. One whose only parameter is a list of
 * rows is made for each of them; so none changes many rows, for which SQLite would keep a journal of its own beside.
 */
class PreparedOnce implements SqliteDatabase {
  readonly #file: SqliteDatabase
  readonly #statements = new Map<string, SqliteStatement>()

  constructor(file: SqliteDatabase) {
    this.#file = file
  }

  prepare(text: string): SqliteStatement {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    const statement = new EachRow(this.#file.prepare(text))
    this.#statements.set(text, statement)
    return statement
  }

  close(): void {
    this.#file.close()
  }
}

type Row = readonly unknown[]

class EachRow implements SqliteStatement {
  readonly reader: boolean
  readonly #statement: SqliteStatement

  constructor(statement: SqliteStatement) {
    this.#statement = statement
    this.reader = statement.reader
  }

  all(parameters: Row): unknown[] {
    const rows = rowsAmong(parameters)
    return rows === undefined
      ? this.#statement.all(parameters)
      : rows.flatMap((row) => this.#statement.all(row))
  }

  run(parameters: Row): ReturnType<SqliteStatement['run']> {
    let changes = 0
    for (const row of rowsAmong(parameters) ?? [parameters])
      changes += Number(this.#statement.run(row).changes)
    return { changes, lastInsertRowid: 0 }
  }

  iterate(parameters: Row): IterableIterator<unknown> {
    return this.#statement.iterate(parameters)
  }
}

function rowsAmong(parameters: Row): readonly Row[] | undefined {
  return Array.isArray(parameters[0]) ? parameters[0] : undefined
}

async function sqlite(path: string, { mustExist }: Settings): Promise<Dialect> {
  const { default: BetterSqlite3 } = await driver('better-sqlite3', () => import('better-sqlite3'))
  return new ImmediateSqliteDialect({
    database: async () => {
      const file = new BetterSqlite3(path, {
        timeout: SQLITE_WAIT_MS,
        fileMustExist: mustExist && path !== ':memory:',
      })
      file.defaultSafeIntegers(true)
      for (const setting of SQLITE_SETTINGS) file.pragma(setting)
      return new PreparedOnce(file)
    },
  })
}

async function postgres(url: string, settings: Settings): Promise<Dialect> {
  parseUrl(url) // the driver says it of a connection, and again of each
  const { default: pg } = await driver('pg', () => import('pg'))
  const pool = new pg.Pool({
    connectionString: url,
    max: settings.maxConnections,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    statement_timeout: settings.statementTimeoutMs,
    query_timeout: settings.statementTimeoutMs + 5_000, // for a server that answers nothing any more
    application_name: 'redswarm',
    keepAlive: true,
  })
  // A connection that is lost says so by itself, and by the query that was or will be made on it.
  pool.on('error', ignore)
  pool.on('connect', (client) => client.on('error', ignore))
  return new PostgresDialect({ pool })
}

async function mysql(url: string, settings: Settings): Promise<Dialect> {
  const { createPool } = await driver('mysql2', () => import('mysql2'))
  const pool = createPool({
    ...mysqlTarget(url),
    connectionLimit: settings.maxConnections,
    connectTimeout: settings.connectTimeoutMs,
    charset: 'utf8mb4',
    supportBigNumbers: true,
    bigNumberStrings: true,
    enableKeepAlive: true,
  })
  pool.on('connection', (connection) => {
    connection.on('error', ignore)
    giveUpAfter(connection, settings.statementTimeoutMs)
  })
  return new MysqlDialect({
    pool,
    onCreateConnection: async (connection) => {
      for (const setting of MYSQL_SETTINGS)
        await connection.executeQuery(CompiledQuery.raw(`set session ${setting}`))
    },
  })
}

const ignore = () => {}

type MysqlQuery = (
  options: object,
  done: (error: { code?: string } | null, result: unknown) => void,
) => unknown

/** A server that answers nothing any more: the connection is of no use then, and must not go back into the pool. */
function giveUpAfter(connection: { query: unknown; destroy(): void }, timeout: number): void {
  const query = (connection.query as MysqlQuery).bind(connection)
  connection.query = (sql: string, values: unknown, done: Parameters<MysqlQuery>[1]) =>
    query({ sql, values, timeout }, (error, result) => {
      if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy()
      done(error, result)
    })
}

const MYSQL_SETTINGS = [
  'transaction isolation level read committed', // no locks on the gaps between rows, where consumers would meet for nothing
  "sql_mode = 'STRICT_ALL_TABLES'", // what does not fit is an error, and not cut
]

function mysqlTarget(url: string) {
  const target = parseUrl(url)
  const socketPath = target.searchParams.get('socketPath')
  return {
    ...(socketPath ? { socketPath } : { host: target.hostname, port: Number(target.port || 3306) }),
    user: plain(target.username),
    password: plain(target.password),
    database: plain(target.pathname.slice(1)),
  }
}

/** Drivers are optional peers of the package: a site installs the one it uses. */
async function driver<Module>(name: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load()
  } catch (error) {
    throw new Error(`the driver ${name} cannot be loaded (npm install ${name}): ${rootMessage(error)}`, {
      cause: error,
    })
  }
}
