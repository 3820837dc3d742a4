import type { Statements } from './statements.ts'
import { TABLES } from './tables.ts'

export type Writes = ReturnType<typeof writesOf>

/** What a transaction writes: a statement for each table, built once. */
export function writesOf(statements: Statements) {
  const { rowNumber } = statements.dialect
  const sessionKey = TABLES.sessions.primaryKey
  return {
    settled: statements.insert('settled'),
    lockSessions: statements.lock('sessions', [
      ...(rowNumber === undefined ? [] : [`${rowNumber} as place`]),
      ...['covered', 'last_ms', 'last_seq', 'ip4', 'ip6', 'port', 'agent'],
    ]),
    addSessions: statements.upsert('sessions'),
    sessions: statements.merge('sessions'),
    /** What every announce changes. */
    sessionsInPlace: statements.update(
      'sessions',
      ['covered', 'last_ts', 'last_ms', 'last_seq'],
      rowNumber === undefined ? sessionKey : [rowNumber],
    ),
    lockUserTorrents: statements.lock('user_torrents', ['completed_at']),
    addUserTorrents: statements.upsert('user_torrents'),
    userTorrents: statements.merge('user_torrents'),
    recoveredTorrents: statements.upsert('user_torrents', { uploaded: 'add', downloaded: 'add' }),
    users: statements.merge('users'),
    windows: statements.merge('windows'),
    entries: statements.upsert('entries'),
    /** Names and whole numbers as text; a mark only rises. */
    marks: statements.merge('meta'),
    redisEpochs: statements.insert('histories'),
    addToHold: statements.addToHold(),
    parked: statements.merge('parked'),
    sightings: statements.upsert('sightings'),
    deadLetters: statements.upsert('dead_letters'),
  }
}
