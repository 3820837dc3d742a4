import { CompiledQuery, MysqlDialect } from 'kysely'
import { type Kinds, loadDriver, parseUrl, type SqlDialect, unescaped } from './dialect.ts'
import { boundWaits } from './mysqlPool.ts'
import { joinedBy, type RowsText, serverStatements } from './serverStatements.ts'

const SESSION_SETTINGS = [
  'transaction isolation level read committed', // no locks on the gaps between rows, where consumers would meet for nothing
  "sql_mode = 'STRICT_ALL_TABLES'", // what does not fit is an error, and not cut
]

function targetOf(url: string) {
  const target = parseUrl(url)
  const socketPath = target.searchParams.get('socketPath')
  return {
    ...(socketPath ? { socketPath } : { host: target.hostname, port: Number(target.port || 3306) }),
    user: unescaped(target.username),
    password: unescaped(target.password),
    database: unescaped(target.pathname.slice(1)),
  }
}

// Compared with a column of another character set, a key would be converted and its index not be used.
const CELL_TYPES = {
  key: 'varchar(190) character set ascii collate ascii_bin',
  text: 'longtext character set utf8mb4',
  long: 'longtext character set utf8mb4',
  whole: 'bigint',
} as const

/** Rows travel as the one parameter of a statement: JSON, an array of arrays. */
const rowsOf: RowsText = (columns: Kinds) => {
  const fields = Object.entries(columns).map(
    ([name, kind], at) => `${name} ${CELL_TYPES[kind]} path '$[${at}]'`,
  )
  return `(select * from json_table(?, '$[*]' columns (${fields.join(', ')})) t) r`
}

const AGAIN = new Set([
  1062, // the same ID, written by another consumer first
  1205, // a lock not had in time
  1213, // deadlock
])
const REFUSED = new Set([
  1048, // null
  1264, // out of range
  1690,
  1265, // truncated
  1366, // not a value of the column's kind
  1406, // too long
  1451, // foreign keys
  1452,
  1644, // signalled by a trigger
  3140, // not JSON
  3819, // check constraint, MySQL
  4025, // check constraint, MariaDB
])

/** MySQL and MariaDB. */
export const mysql: SqlDialect = {
  ...serverStatements(rowsOf, 'straight_join'),
  name: 'mysql',
  async open(url, settings) {
    const { createPool } = await loadDriver('mysql2', () => import('mysql2'))
    const pool = createPool({
      ...targetOf(url),
      connectionLimit: settings.maxConnections,
      connectTimeout: settings.connectTimeoutMs,
      charset: 'utf8mb4',
      supportBigNumbers: true,
      bigNumberStrings: true,
      enableKeepAlive: true,
    })
    boundWaits(pool, settings.statementTimeoutMs)
    return new MysqlDialect({
      pool,
      onCreateConnection: async (connection) => {
        for (const setting of SESSION_SETTINGS)
          await connection.executeQuery(CompiledQuery.raw(`set session ${setting}`))
      },
    })
  },
  faultOf({ errno, sqlState }) {
    if (typeof sqlState !== 'string' && typeof errno !== 'number') return undefined
    if (AGAIN.has(Number(errno))) return 'again'
    return REFUSED.has(Number(errno)) ? 'refused' : 'unavailable'
  },

  columnType(kind, length) {
    const types = {
      key: `varchar(${length}) character set ascii collate ascii_bin`,
      text: `varchar(${length})`,
      long: 'mediumtext',
      whole: 'bigint',
    }
    return types[kind]
  },
  tableEnd: () => 'engine = InnoDB default character set utf8mb4 collate utf8mb4_bin',
  whereOne: () => '',

  parameter: () => '?',
  wholeParameter: () => 'cast(? as signed)',
  textAsWhole: (expression) => `cast(${expression} as signed)`,

  onConflict: (table, [key], sets) =>
    `on duplicate key update ${sets.join(', ') || `${key} = ${table}.${key}`}`,
  incoming: (column) => `values(${column})`,
  update(table, columns, keys) {
    const sets = Object.keys(columns).filter((column) => !keys.includes(column))
    return `update ${rowsOf(columns)} straight_join ${table} on ${joinedBy(table, keys)}
      set ${sets.map((column) => `${table}.${column} = r.${column}`).join(', ')}`
  },
  deleteByKey: (table, keys) =>
    `delete ${table} from ${rowsOf(keys)} straight_join ${table} on ${joinedBy(table, Object.keys(keys))}`,
  lock(table, keys, selected) {
    const list = ['r.n', ...selected.map((column) => `s.${column}`)]
    // Rows come in the order of their keys and are looked up in it.
    return `select ${list.join(', ')} from ${rowsOf({ n: 'whole', ...keys })}
      straight_join ${table} s on ${joinedBy('s', Object.keys(keys))} for update`
  },
}
