import type { Columns } from './rowsOf.ts'
import type { Statements } from './statements.ts'

/** What a transaction writes: a statement's text for each table, built once. The order of the cells is the order here. */
export const SETTLED: Columns = {
  ms: 'big',
  seq: 'big',
  history: 'big',
  fingerprint: 'big',
  has_totals: 'big',
}
export const SESSION_KEY: Columns = { passkey: 'key', infohash: 'key', peer_id: 'key' }
export const SESSION: Columns = {
  ...SESSION_KEY,
  covered: 'text',
  is_open: 'big',
  last_ts: 'big',
  last_ms: 'big',
  last_seq: 'big',
  seen_day: 'big',
  ip4: 'key',
  ip6: 'key',
  port: 'big',
  agent: 'text',
}
export const USER_TORRENT_KEY: Columns = { passkey: 'key', infohash: 'key' }
export const USER_TORRENT: Columns = {
  ...USER_TORRENT_KEY,
  uploaded: 'big',
  downloaded: 'big',
  seed_seconds: 'big',
  leech_seconds: 'big',
  announces: 'big',
  completed_at: 'big',
  first_seen: 'big',
  last_left: 'big',
  last_seen: 'big',
}
export const USER: Columns = {
  passkey: 'key',
  uploaded: 'big',
  downloaded: 'big',
  seed_seconds: 'big',
  leech_seconds: 'big',
  completed: 'big',
  announces: 'big',
  recovered_uploaded: 'big',
  recovered_downloaded: 'big',
  first_seen: 'big',
  last_seen: 'big',
}
export const WINDOW: Columns = {
  window_start: 'big',
  passkey: 'key',
  infohash: 'key',
  uploaded: 'big',
  downloaded: 'big',
  seconds: 'big',
  announces: 'big',
  uploaded_no_leechers: 'big',
  max_leechers: 'big',
  max_seeders: 'big',
  resets: 'big',
  completed_no_data: 'big',
}
export const SIGHTING: Columns = {
  ...SESSION_KEY,
  ip4: 'key',
  ip6: 'key',
  port: 'big',
  seen_ts: 'big',
}
export const PARKED: Columns = { hold: 'key', infohash: 'key', uploaded: 'big', downloaded: 'big' }
export const ENTRY: Columns = {
  ms: 'big',
  seq: 'big',
  history: 'big',
  part: 'big',
  passkey: 'key',
  infohash: 'key',
  peer_id: 'key',
  ts: 'big',
  event: 'key',
  claimed_uploaded: 'big',
  claimed_downloaded: 'big',
  uploaded: 'big',
  downloaded: 'big',
  reason: 'key',
  hold: 'key',
}
export const DEAD_LETTER: Columns = {
  history: 'big',
  ms: 'big',
  seq: 'big',
  kind: 'key',
  reason: 'text',
  attempts: 'big',
  entries: 'big',
  fields: 'text',
  noted_at: 'big',
}
const META: Columns = { name: 'key', value: 'text' }
const HISTORY: Columns = {
  history: 'big',
  name: 'text',
  floor_ms: 'big',
  floor_seq: 'big',
  first_seen: 'big',
}

const SUMS = {
  uploaded: 'add',
  downloaded: 'add',
  seed_seconds: 'add',
  leech_seconds: 'add',
  announces: 'add',
} as const

const { passkey: _passkey, infohash: _infohash, peer_id: _peerId, ...OTHERS_OF_SESSION } = SESSION
/** What every announce changes. */
const ADVANCE: Columns = { covered: 'text', last_ts: 'big', last_ms: 'big', last_seq: 'big' }

export type Writes = ReturnType<typeof writesOf>

export function writesOf(statements: Statements) {
  const isSqlite = statements.dialect === 'sqlite'
  const { completed_at: _, ...newUserTorrent } = USER_TORRENT
  return {
    settled: statements.insert('settled', SETTLED),
    lockSessions: statements.lock('sessions', SESSION_KEY, [
      ...(isSqlite ? ['rowid as place'] : []),
      'covered',
      'last_ms',
      'last_seq',
      'ip4',
      'ip6',
      'port',
      'agent',
    ]),
    addSessions: statements.upsert('sessions', SESSION, Object.keys(SESSION_KEY), {}),
    sessions: statements.upsert('sessions', SESSION, Object.keys(SESSION_KEY), {
      ...allOf(OTHERS_OF_SESSION, 'set'),
    }),
    sessionsInPlace: statements.setInPlace(
      'sessions',
      { ...ADVANCE, ...(isSqlite ? { place: 'big' } : SESSION_KEY) },
      isSqlite ? ['place'] : Object.keys(SESSION_KEY),
    ),
    lockUserTorrents: statements.lock('user_torrents', USER_TORRENT_KEY, ['completed_at']),
    addUserTorrents: statements.upsert('user_torrents', newUserTorrent, Object.keys(USER_TORRENT_KEY), {}),
    userTorrents: statements.upsert('user_torrents', USER_TORRENT, Object.keys(USER_TORRENT_KEY), {
      ...SUMS,
      completed_at: 'earliest',
      first_seen: 'min',
      last_left: (mine, theirs) =>
        `case when ${theirs('last_seen')} < ${statements.table('user_torrents')}.last_seen then ${mine} else ${theirs('last_left')} end`,
      last_seen: 'max', // after last_left: MySQL assigns one after the other
    }),
    recoveredTorrents: statements.upsert('user_torrents', USER_TORRENT, Object.keys(USER_TORRENT_KEY), {
      uploaded: 'add',
      downloaded: 'add',
    }),
    users: statements.upsert('users', USER, ['passkey'], {
      ...SUMS,
      completed: 'add',
      recovered_uploaded: 'add',
      recovered_downloaded: 'add',
      first_seen: 'min',
      last_seen: 'max',
    }),
    windows: statements.upsert('windows', WINDOW, ['window_start', 'passkey', 'infohash'], {
      uploaded: 'add',
      downloaded: 'add',
      seconds: 'add',
      announces: 'add',
      uploaded_no_leechers: 'add',
      max_leechers: 'max',
      max_seeders: 'max',
      resets: 'add',
      completed_no_data: 'add',
    }),
    entries: statements.upsert('entries', ENTRY, ['ms', 'seq', 'history', 'part'], {}),
    /** Names and whole numbers as text; a mark only rises. */
    marks: statements.upsert('meta', META, ['name'], { value: 'highest' }),
    histories: statements.insert('histories', HISTORY),
    park: statements.park(),
    parked: statements.upsert('parked', PARKED, ['hold', 'infohash'], { uploaded: 'add', downloaded: 'add' }),
    sightings: statements.upsert(
      'sightings',
      SIGHTING,
      Object.keys(SIGHTING).filter((column) => column !== 'seen_ts'),
      {},
    ),
    deadLetters: statements.upsert('dead_letters', DEAD_LETTER, ['history', 'ms', 'seq', 'kind'], {}),
  }
}

function allOf<Kind>(columns: Columns, kind: Kind): Record<string, Kind> {
  return Object.fromEntries(Object.keys(columns).map((column) => [column, kind]))
}
