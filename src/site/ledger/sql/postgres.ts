import { PostgresDialect } from 'kysely'
import { type Kinds, loadDriver, parseUrl, type SqlDialect } from './dialect.ts'
import { joinedBy, type RowsText, serverStatements } from './serverStatements.ts'

/** Rows travel as the one parameter of a statement: JSON, an array of arrays. */
const rowsOf: RowsText = (columns: Kinds) => {
  const list = Object.entries(columns).map(([name, kind], at) => {
    const cell = `(v ->> ${at})`
    return `${kind === 'whole' ? `${cell}::bigint` : kind === 'key' ? `${cell} collate "C"` : cell} as ${name}`
  })
  return `(select ${list.join(', ')} from jsonb_array_elements($1::jsonb) as rows(v)) r`
}

export const postgres: SqlDialect = {
  ...serverStatements(rowsOf, 'join'),
  name: 'postgres',
  async open(url, settings) {
    parseUrl(url) // the driver says it of a connection, and again of each
    const { default: pg } = await loadDriver('pg', () => import('pg'))
    const pool = new pg.Pool({
      connectionString: url,
      max: settings.maxConnections,
      connectionTimeoutMillis: settings.connectTimeoutMs,
      statement_timeout: settings.statementTimeoutMs,
      query_timeout: settings.statementTimeoutMs + 5_000, // for a server that answers nothing any more
      application_name: 'redswarm',
      keepAlive: true,
    })
    // A lost connection raises an event, and fails the query that is made on it.
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    return new PostgresDialect({ pool })
  },
  faultOf({ code }) {
    if (!/^[0-9A-Z]{5}$/.test(code) || code.startsWith('E')) return undefined
    // 40: serialization and deadlock; 23505: another consumer wrote the same ID first; 55P03: a lock not had in time.
    if (code.startsWith('40') || code === '23505' || code === '55P03') return 'again'
    return /^(22|23|P0)/.test(code) ? 'refused' : 'unavailable' // 22: data, 23: constraint, P0: raised by a trigger
  },

  columnType(kind, length) {
    const types = {
      key: `varchar(${length}) collate "C"`,
      text: `varchar(${length})`,
      long: 'text',
      whole: 'bigint',
    }
    return types[kind]
  },
  // Room in each page, so that a changed row stays in it and no index has to be touched.
  tableEnd: (storage) => (storage === 'hot' ? 'with (fillfactor = 80)' : ''),
  whereOne: (column) => `where ${column} = 1`,

  parameter: (number) => `$${number}`,
  wholeParameter: (number) => `$${number}::bigint`,
  textAsWhole: (expression) => `cast(${expression} as bigint)`,

  onConflict: (_table, keys, sets) =>
    `on conflict (${keys.join(', ')}) ${sets.length === 0 ? 'do nothing' : `do update set ${sets.join(', ')}`}`,
  incoming: (column) => `excluded.${column}`,
  update(table, columns, keys) {
    const sets = Object.keys(columns).filter((column) => !keys.includes(column))
    return `update ${table} set ${sets.map((column) => `${column} = r.${column}`).join(', ')}
      from ${rowsOf(columns)} where ${joinedBy(table, keys)}`
  },
  deleteByKey: (table, keys) =>
    `delete from ${table} using ${rowsOf(keys)} where ${joinedBy(table, Object.keys(keys))}`,
  lock(table, keys, selected) {
    const list = ['r.n', ...selected.map((column) => `s.${column}`)]
    const order = Object.keys(keys).map((key) => `s.${key}`)
    return `select ${list.join(', ')} from ${rowsOf({ n: 'whole', ...keys })}
      join ${table} s on ${joinedBy('s', Object.keys(keys))} order by ${order.join(', ')} for update of s`
  },
}
