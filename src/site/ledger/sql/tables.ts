import type { ColumnType } from 'kysely'

/**
 * How the row that a table holds takes in a new row of the same key. `add`: stops at the largest number. `addOrTake`: a
 * negative amount is taken away, down to 0. `earliest`: the lower one, or the one that is not null. `highest`: the higher
 * one of two whole numbers kept as text. `newerBy`: the value of the row whose other column is higher.
 */
export type Merge =
  | 'add'
  | 'addOrTake'
  | 'max'
  | 'min'
  | 'set'
  | 'earliest'
  | 'highest'
  | { readonly newerBy: string }

/** What a column holds: a key (ASCII, compared byte by byte), text, long text, or a whole number up to 2^63 - 1. */
export type Kind = 'key' | 'text' | 'long' | 'whole'

export interface Column {
  readonly kind: Kind
  /** Characters of a key or text. */
  readonly length?: number
  readonly isNullable?: true
  readonly default?: 0 | ''
  /** Without it, the column keeps its first value. */
  readonly merge?: Merge
  /** Migration that adds the column; the table's own migration if missing. Needs a default, or to be nullable. */
  readonly since?: string
}

export interface Table {
  /** Migration that creates the table. */
  readonly since: string
  /** `hot`: rows change with every batch. */
  readonly storage: 'hot' | 'grows'
  readonly columns: Readonly<Record<string, Column>>
  readonly primaryKey: readonly string[]
  /** By their names without the table's. `onlyOnes`: covers the few rows in which the column is 1, where supported. */
  readonly indexes?: Readonly<Record<string, readonly string[] | { readonly onlyOnes: string }>>
}

const key = <const Length extends number>(length: Length) => ({ kind: 'key', length }) as const
const text = (length: number) => ({ kind: 'text', length }) as const
const long = { kind: 'long' } as const
const whole = { kind: 'whole' } as const
/** A counter that begins at 0. */
const count = { kind: 'whole', default: 0, merge: 'add' } as const
const most = { ...count, merge: 'max' } as const
const nullable = <const Of extends Column>(column: Of) => ({ ...column, isNullable: true }) as const
const merged = <const Of extends Column, const By extends Merge>(column: Of, merge: By) =>
  ({ ...column, merge }) as const
const set = <const Of extends Column>(column: Of) => merged(column, 'set')

const passkey = key(128)
const infohash = key(40)
const session = { passkey, infohash, peer_id: key(40) } as const
const address = { ip4: key(15), ip6: key(45), port: whole } as const
const streamId = { ms: whole, seq: whole, history: whole } as const
const lifetime = { first_seen: merged(whole, 'min'), last_seen: merged(whole, 'max') } as const
const decision = {
  decided_at: nullable(whole),
  decided_by: nullable(text(128)),
  note: nullable(text(1000)),
} as const

const FIRST = '0001_books'
const RISK = '0002_risk'
const LOSSES = '0003_losses'

/**
 * The tables of the ledger, without the `pt_` before their names. Row types, DDL, migrations and column lists follow from
 * this; docs/ledger.md explains the columns. `history` is the number of a Redis epoch, `floor` its low watermark.
 *
 * No index holds a column that changes with every announce: `seen_day` moves once a day.
 */
export const TABLES = {
  users: {
    since: FIRST,
    storage: 'hot',
    columns: {
      passkey,
      uploaded: count,
      downloaded: count,
      seed_seconds: count,
      leech_seconds: count,
      completed: count,
      announces: count,
      recovered_uploaded: count,
      recovered_downloaded: count,
      ...lifetime,
    },
    primaryKey: ['passkey'],
  },
  user_torrents: {
    since: FIRST,
    storage: 'hot',
    columns: {
      passkey,
      infohash,
      uploaded: count,
      downloaded: count,
      seed_seconds: count,
      leech_seconds: count,
      announces: count,
      completed_at: merged(nullable(whole), 'earliest'),
      ...lifetime,
      last_left: merged(whole, { newerBy: 'last_seen' }),
    },
    primaryKey: ['passkey', 'infohash'],
  },
  sessions: {
    since: FIRST,
    storage: 'hot',
    columns: {
      ...session,
      covered: set(long),
      is_open: set(whole),
      last_ts: set(whole),
      last_ms: set(whole),
      last_seq: set(whole),
      seen_day: set(whole),
      ip4: set(address.ip4),
      ip6: set(address.ip6),
      port: set(address.port),
      agent: set(text(64)),
    },
    primaryKey: ['passkey', 'infohash', 'peer_id'],
    indexes: { is_open: { onlyOnes: 'is_open' }, seen_day: ['seen_day'] },
  },
  windows: {
    since: FIRST,
    storage: 'hot',
    columns: {
      window_start: whole,
      passkey,
      infohash,
      uploaded: count,
      downloaded: count,
      seconds: count,
      announces: count,
      uploaded_no_leechers: count,
      max_leechers: most,
      max_seeders: most,
      resets: count,
      completed_no_data: count,
      recovered_uploaded: { ...count, since: LOSSES },
      recovered_downloaded: { ...count, since: LOSSES },
    },
    primaryKey: ['window_start', 'passkey', 'infohash'],
    indexes: { passkey: ['passkey', 'window_start'], infohash: ['infohash', 'window_start'] },
  },
  sightings: {
    since: FIRST,
    storage: 'hot',
    columns: { ...session, ...address, seen_ts: whole },
    primaryKey: ['passkey', 'infohash', 'peer_id', 'ip4', 'ip6', 'port'],
    indexes: { seen_ts: ['seen_ts'], peer_id: ['peer_id'], ip4: ['ip4', 'port'], ip6: ['ip6', 'port'] },
  },
  histories: {
    since: FIRST,
    storage: 'grows',
    columns: {
      history: whole,
      name: text(190),
      floor_ms: nullable(whole),
      floor_seq: nullable(whole),
      first_seen: whole,
    },
    primaryKey: ['history'],
  },
  settled: {
    since: FIRST,
    storage: 'grows',
    columns: { ...streamId, fingerprint: whole, has_totals: whole },
    primaryKey: ['ms', 'seq', 'history'],
  },
  entries: {
    since: FIRST,
    storage: 'grows',
    columns: {
      ...streamId,
      part: whole, // 0 for an entry; recovered bytes have no entry, and there it is the number of the session
      ...session,
      ts: whole,
      event: key(12),
      claimed_uploaded: whole,
      claimed_downloaded: whole,
      uploaded: whole,
      downloaded: whole,
      reason: key(12),
      hold: key(40),
    },
    primaryKey: ['ms', 'seq', 'history', 'part'],
    indexes: { passkey: ['passkey', 'ms'] },
  },
  dead_letters: {
    since: FIRST,
    storage: 'grows',
    columns: {
      history: whole,
      ms: whole,
      seq: whole,
      kind: key(12),
      reason: text(1000),
      attempts: whole,
      entries: whole,
      fields: nullable(long),
      noted_at: whole,
      next_ts: { ...nullable(whole), since: LOSSES }, // time of the first entry after a loss
    },
    primaryKey: ['history', 'ms', 'seq', 'kind'],
  },
  holds: {
    since: FIRST,
    storage: 'grows',
    columns: {
      hold: key(40),
      passkey,
      infohash,
      state: key(12),
      uploaded: count,
      downloaded: count,
      placed_at: whole,
      placed_by: text(128),
      reason: text(1000),
      ...decision,
    },
    primaryKey: ['hold'],
    indexes: { passkey: ['passkey', 'state'] },
  },
  parked: {
    since: FIRST,
    storage: 'grows',
    columns: { hold: key(40), infohash, uploaded: count, downloaded: count },
    primaryKey: ['hold', 'infohash'],
  },
  meta: {
    since: FIRST,
    storage: 'grows',
    columns: { name: key(64), value: merged(text(1000), 'highest') },
    primaryKey: ['name'],
  },
  risk_flags: {
    since: RISK,
    storage: 'grows',
    columns: {
      flag: key(40),
      rule: key(32),
      version: whole,
      severity: key(12),
      action: key(12),
      state: key(12),
      passkey,
      infohash,
      window_start: whole,
      last_window: whole,
      windows: whole,
      summary: text(1000),
      evidence: long,
      hold: key(40),
      denied_at: nullable(whole),
      noted_at: whole,
      ...decision,
    },
    primaryKey: ['flag'],
    indexes: { subject: ['passkey', 'infohash', 'rule'], state: ['state', 'last_window'] },
  },
} as const satisfies Readonly<Record<string, Table>>

type Tables = typeof TABLES
export type TableName = keyof Tables
type ColumnsOf<Name extends TableName> = Tables[Name]['columns']

/**
 * Whole numbers, as the driver gives them: `bigint` from SQLite, text from PostgreSQL and MySQL. `asBigint` and
 * `asNumber` read both.
 */
export type WholeNumber = bigint | string | number
type OrNull<Of> = Of extends { readonly isNullable: true } ? null : never
type OrDefault<Of> = Of extends { readonly default: unknown } ? undefined : never
type Value<Of> = Of extends { readonly kind: 'whole' } ? WholeNumber : string
type Field<Of> = ColumnType<
  Value<Of> | OrNull<Of>,
  Value<Of> | OrNull<Of> | OrDefault<Of>,
  Value<Of> | OrNull<Of>
>

/** The ledger's tables, for kysely. docs/ledger.md says what each column holds. */
export type LedgerTables = {
  [Name in TableName as `pt_${Name}`]: { [Of in keyof ColumnsOf<Name>]: Field<ColumnsOf<Name>[Of]> }
}

export type Cell = string | number | null
type CellOf<Of> = Of extends { readonly kind: 'whole' } ? string | number | OrNull<Of> : string | OrNull<Of>
type Optional<Columns> = {
  [Of in keyof Columns]: Columns[Of] extends { readonly isNullable: true } | { readonly default: unknown }
    ? Of
    : never
}[keyof Columns]

/** A row to write. What is left out gets the column's default, or null. */
export type RowOf<Name extends TableName, Columns = ColumnsOf<Name>> = {
  readonly [Of in Exclude<keyof Columns, Optional<Columns>>]: CellOf<Columns[Of]>
} & { readonly [Of in Optional<Columns>]?: CellOf<Columns[Of]> }

export function tableOf(name: TableName): Table {
  return TABLES[name]
}

/** Reads a whole number however the driver gives it. */
export function asBigint(value: WholeNumber | null | undefined): bigint {
  return BigInt(value ?? 0)
}

/** The same for what is known to be at most 2^53 - 1. */
export function asNumber(value: WholeNumber | null | undefined): number {
  return Number(value ?? 0)
}
