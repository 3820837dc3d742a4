import type { Statements } from './statements.ts'
import { TABLES, type TableName } from './tables.ts'

export type Reads = ReturnType<typeof readsOf>

/** Texts of what a transaction reads before it writes. */
export function readsOf(statements: Statements) {
  const { dialect } = statements
  const p = (number: number) => dialect.parameter(number)
  const t = (name: TableName) => statements.table(name)
  const { forUpdate } = dialect
  const prune = (name: TableName) => ({
    end: `select count(*) as count, max(ms) as last
      from (select ms from ${t(name)} where ms < ${p(1)} order by ms limit ${p(2)}) part`,
    drop: `delete from ${t(name)} where ms < ${p(1)}`,
  })
  return {
    redisEpoch: `select floor_ms, floor_seq from ${t('histories')} where history = ${p(1)}`,
    hasSettled: `select 1 as found from ${t('settled')}
      where ms >= ${p(1)} and ms <= ${p(2)} and (ms > ${p(3)} or seq >= ${p(4)}) limit 1`,
    settled: statements.find('settled', ['ms', 'seq'], ['ms', 'seq', 'history', 'fingerprint']),
    hasDead: `select 1 as found from ${t('dead_letters')} where history = ${p(1)} and kind = 'entry' limit 1`,
    dead: statements.find('dead_letters', TABLES.dead_letters.primaryKey, ['ms', 'seq']),
    forgetDead: `delete from ${t('dead_letters')} where history = ${p(1)} and ms = ${p(2)} and seq = ${p(3)} and kind = 'entry'`,
    hasHolds: `select 1 as found from ${t('holds')} where state = 'active' limit 1`,
    holds: {
      text: `select hold, passkey, infohash from ${t('holds')}
        where state = 'active' and ${dialect.isOneOf('passkey', 'key')} order by hold ${forUpdate}`,
      cellsOf: ({ passkey }: { readonly passkey: string }) => [passkey],
    },
    redisEpochLocked: `select floor_ms, floor_seq from ${t('histories')} where history = ${p(1)} ${forUpdate}`,
    raiseLowWatermark: `update ${t('histories')} set floor_ms = ${p(1)}, floor_seq = ${p(2)} where history = ${p(3)}`,
    // Those without totals stay: nothing else tells them from new ones when a restarted Redis delivers them again.
    forgetSettled: `delete from ${t('settled')} where history = ${p(1)} and has_totals = 1 and ms >= ${p(2)}
      and (ms < ${p(3)} or (ms = ${p(4)} and seq <= ${p(5)}))`,
    openSessions: `select passkey, infohash, peer_id, covered, last_ms, last_seq, ip4, ip6, port, agent
      from ${t('sessions')} where is_open = 1 and (last_ms < ${p(1)} or (last_ms = ${p(2)} and last_seq <= ${p(3)}))
      order by passkey, infohash, peer_id limit ${p(4)} ${forUpdate}`,
    oldSessions: `select passkey, infohash, peer_id, last_ts from ${t('sessions')}
      where seen_day < ${p(1)} and is_open = 0 and last_ts < ${p(2)}
      order by passkey, infohash, peer_id limit ${p(3)} ${forUpdate}`,
    dropSessions: statements.deleteByKey('sessions', TABLES.sessions.primaryKey),
    dropSightings: statements.deleteByKey('sightings', TABLES.sessions.primaryKey),
    pruneSettled: prune('settled'),
    pruneEntries: prune('entries'),
    oldestWindow: `select min(window_start) as start from ${t('windows')}`,
    dropWindow: `delete from ${t('windows')} where window_start = ${p(1)}`,
    // Of the newest day, by an index: a Redis epoch is new only now and then.
    newestSession: `select max(last_ts) as last_ts from ${t('sessions')}
      where seen_day = (select max(seen_day) from ${t('sessions')})`,
    redisEpochs: `select first_seen from ${t('histories')} order by first_seen, history`,
    // Many entries may be dead within a second: ten seconds at a time are enough to know when something was lost.
    losses: `select kind, next_ts, min(ms) as first_ms, max(ms) as last_ms, max(noted_at) as noted_at
      from ${t('dead_letters')} group by kind, next_ts, ms - ms % 10000`,
    meta: `select name, value from ${t('meta')}`,
  }
}
