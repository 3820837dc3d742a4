import { type QueryExecutorProvider, sql } from 'kysely'
import type { DialectName } from './dialect.ts'

/** How each database spells what the tables are made of. Keys compare byte by byte: passkeys are case sensitive. */
interface Spelling {
  readonly key: (length: number) => string
  readonly text: (length: number) => string
  readonly long: string
  /** Whole numbers up to 2^63 - 1. */
  readonly big: string
  /** After the closing bracket; `hot` for tables whose rows change with every batch. */
  readonly end: (kind: 'hot' | 'grows') => string
  /** An index over the few rows of which `column` is 1. */
  readonly indexOfFew: (table: string, column: string) => string
}

export const SPELLINGS: Readonly<Record<DialectName, Spelling>> = {
  sqlite: {
    key: () => 'text',
    text: () => 'text',
    long: 'text',
    big: 'integer',
    // Where rows change all the time, the number of a row is its place and the key an index that no change touches;
    // elsewhere the key is the table.
    end: (kind) => (kind === 'hot' ? '' : 'without rowid'),
    indexOfFew: (table, column) =>
      `create index ${table}_${column} on ${table} (${column}) where ${column} = 1`,
  },
  postgres: {
    key: (length) => `varchar(${length}) collate "C"`,
    text: (length) => `varchar(${length})`,
    long: 'text',
    big: 'bigint',
    // Room in each page, so that a changed row stays in it and no index has to be touched.
    end: (kind) => (kind === 'hot' ? 'with (fillfactor = 80)' : ''),
    indexOfFew: (table, column) =>
      `create index ${table}_${column} on ${table} (${column}) where ${column} = 1`,
  },
  mysql: {
    key: (length) => `varchar(${length}) character set ascii collate ascii_bin`,
    text: (length) => `varchar(${length})`,
    long: 'mediumtext',
    big: 'bigint',
    end: () => 'engine = InnoDB default character set utf8mb4 collate utf8mb4_bin',
    indexOfFew: (table, column) => `create index ${table}_${column} on ${table} (${column})`,
  },
}

/** The tables' names without `pt_`, or whatever stands in its place. */
export const TABLES = [
  'users',
  'user_torrents',
  'sessions',
  'windows',
  'sightings',
  'histories',
  'settled',
  'entries',
  'dead_letters',
  'holds',
  'parked',
  'meta',
] as const

/**
 * The books' tables and indexes. `prefix` stands in front of their names: `pt_`, or another for books beside the books.
 *
 * No index holds a column that changes with every announce: `seen_day` moves once a day.
 */
export async function createTables(
  db: QueryExecutorProvider,
  dialect: DialectName,
  prefix: string,
): Promise<void> {
  for (const statement of statements(SPELLINGS[dialect], prefix)) await sql.raw(statement).execute(db)
}

export async function dropTables(db: QueryExecutorProvider, prefix: string): Promise<void> {
  for (const table of TABLES) await sql.raw(`drop table if exists ${prefix}${table}`).execute(db)
}

function statements({ key, text, long, big, end, indexOfFew }: Spelling, prefix: string): string[] {
  const passkey = `passkey ${key(128)} not null`
  const infohash = `infohash ${key(40)} not null`
  const peerId = `peer_id ${key(40)} not null`
  const count = `${big} not null default 0`
  const required = `${big} not null`
  const id = `ms ${required}, seq ${required}, history ${required}`
  return [
    `create table ${prefix}users (${passkey}, uploaded ${count}, downloaded ${count}, seed_seconds ${count},
      leech_seconds ${count}, completed ${count}, announces ${count}, recovered_uploaded ${count},
      recovered_downloaded ${count}, first_seen ${required}, last_seen ${required},
      primary key (passkey)) ${end('hot')}`,
    `create table ${prefix}user_torrents (${passkey}, ${infohash}, uploaded ${count}, downloaded ${count},
      seed_seconds ${count}, leech_seconds ${count}, announces ${count}, completed_at ${big}, first_seen ${required},
      last_seen ${required}, last_left ${required}, primary key (passkey, infohash)) ${end('hot')}`,
    `create table ${prefix}sessions (${passkey}, ${infohash}, ${peerId}, covered ${long} not null, is_open ${required},
      last_ts ${required}, last_ms ${required}, last_seq ${required}, seen_day ${required}, ip4 ${key(15)} not null,
      ip6 ${key(45)} not null, port ${required}, agent ${text(64)} not null,
      primary key (passkey, infohash, peer_id)) ${end('hot')}`,
    indexOfFew(`${prefix}sessions`, 'is_open'),
    `create index ${prefix}sessions_seen_day on ${prefix}sessions (seen_day)`,
    `create table ${prefix}windows (window_start ${required}, ${passkey}, ${infohash}, uploaded ${count},
      downloaded ${count}, seconds ${count}, announces ${count}, uploaded_no_leechers ${count}, max_leechers ${count},
      max_seeders ${count}, resets ${count}, completed_no_data ${count},
      primary key (window_start, passkey, infohash)) ${end('hot')}`,
    `create index ${prefix}windows_passkey on ${prefix}windows (passkey, window_start)`,
    `create index ${prefix}windows_infohash on ${prefix}windows (infohash, window_start)`,
    `create table ${prefix}sightings (${passkey}, ${infohash}, ${peerId}, ip4 ${key(15)} not null, ip6 ${key(45)} not null,
      port ${required}, seen_ts ${required},
      primary key (passkey, infohash, peer_id, ip4, ip6, port)) ${end('hot')}`,
    `create index ${prefix}sightings_seen_ts on ${prefix}sightings (seen_ts)`,
    `create index ${prefix}sightings_peer_id on ${prefix}sightings (peer_id)`,
    `create index ${prefix}sightings_ip4 on ${prefix}sightings (ip4, port)`,
    `create index ${prefix}sightings_ip6 on ${prefix}sightings (ip6, port)`,
    `create table ${prefix}histories (history ${required}, name ${text(190)} not null, floor_ms ${big}, floor_seq ${big},
      first_seen ${required}, primary key (history)) ${end('grows')}`,
    `create table ${prefix}settled (${id}, fingerprint ${required}, has_totals ${required},
      primary key (ms, seq, history)) ${end('grows')}`,
    // `part` is 0 for an entry; recovered bytes have no entry, and there it names the session.
    `create table ${prefix}entries (${id}, part ${required}, ${passkey}, ${infohash}, ${peerId}, ts ${required},
      event ${key(12)} not null, claimed_uploaded ${required}, claimed_downloaded ${required}, uploaded ${required},
      downloaded ${required}, reason ${key(12)} not null, hold ${key(40)} not null,
      primary key (ms, seq, history, part)) ${end('grows')}`,
    `create index ${prefix}entries_passkey on ${prefix}entries (passkey, ms)`,
    `create table ${prefix}dead_letters (history ${required}, ms ${required}, seq ${required}, kind ${key(12)} not null,
      reason ${text(1000)} not null, attempts ${required}, entries ${required}, fields ${long}, noted_at ${required},
      primary key (history, ms, seq, kind)) ${end('grows')}`,
    `create table ${prefix}holds (hold ${key(40)} not null, ${passkey}, ${infohash}, state ${key(12)} not null,
      uploaded ${count}, downloaded ${count}, placed_at ${required}, placed_by ${text(128)} not null,
      reason ${text(1000)} not null, decided_at ${big}, decided_by ${text(128)}, note ${text(1000)},
      primary key (hold)) ${end('grows')}`,
    `create index ${prefix}holds_passkey on ${prefix}holds (passkey, state)`,
    `create table ${prefix}parked (hold ${key(40)} not null, ${infohash}, uploaded ${count}, downloaded ${count},
      primary key (hold, infohash)) ${end('grows')}`,
    `create table ${prefix}meta (name ${key(64)} not null, value ${text(1000)} not null, primary key (name)) ${end('grows')}`,
  ]
}
