import { loadConfig } from '../../../src/config/load.ts'
import type {
  GroupFacts,
  KeyFacts,
  PasskeyFacts,
  RedisFacts,
  StreamFacts,
} from '../../../src/doctor/facts.ts'
import type { Finding } from '../../../src/doctor/finding.ts'

/** A configuration with both frontends, the whitelist and traffic push, unless told otherwise. */
export function aConfig(chihaya: object = {}) {
  const file = {
    http: { addr: ':6969' },
    udp: { addr: ':6969', private_key: 'a key of more than thirty-two characters' },
    storage: { name: 'redis', config: { redis_broker: 'redis://127.0.0.1:6379/0' } },
    prehooks: [{ name: 'passkey approval' }, { name: 'traffic push' }],
    ...chihaya,
  }
  return loadConfig(JSON.stringify({ chihaya: file }), {}).config
}

const HEALTHY = {
  redis_version: '7.0.15',
  config_file: '',
  cluster_enabled: '0',
  role: 'master',
  connected_slaves: '0',
  used_memory: '1000000000',
  maxmemory: '4000000000',
  maxmemory_policy: 'noeviction',
  total_system_memory: '8000000000',
  evicted_keys: '0',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  aof_last_bgrewrite_status: 'ok',
  rdb_last_bgsave_status: 'ok',
  rdb_last_save_time: '1000',
  server_time_usec: '4600000000',
  loading: '0',
  maxclients: '10000',
  connected_clients: '10',
}
const DEFAULTS = {
  maxmemory: '4000000000',
  save: '',
  appendfsync: 'everysec',
  'stop-writes-on-bgsave-error': 'yes',
  'min-replicas-to-write': '0',
  'hash-max-listpack-entries': '128',
  'hash-max-listpack-value': '64',
  'zset-max-listpack-entries': '128',
  'zset-max-listpack-value': '64',
  'stream-node-max-bytes': '4096',
  'stream-node-max-entries': '100',
}

export const anInfo = (overrides: Readonly<Record<string, string>> = {}) =>
  new Map(Object.entries({ ...HEALTHY, ...overrides }))
export const someSettings = (overrides: Readonly<Record<string, string>> = {}) =>
  new Map(Object.entries({ ...DEFAULTS, ...overrides }))

export const aKey = (overrides: Partial<KeyFacts> = {}): KeyFacts => ({
  key: 'tracker:stats',
  wanted: 'hash',
  type: 'hash',
  ttlSeconds: -1,
  size: 2,
  bytes: 80,
  ...overrides,
})

export const aGroup = (overrides: Partial<GroupFacts> = {}): GroupFacts => ({
  name: 'group-pt',
  lastDeliveredId: '2000-0',
  entriesRead: 2,
  pending: 0,
  oldestPendingId: undefined,
  isOldestPendingThere: true,
  oldestUnsettledSeconds: undefined,
  consumers: [{ name: 'one', pending: 0, idleSeconds: 1 }],
  ...overrides,
})

export const aStream = (overrides: Partial<StreamFacts> = {}): StreamFacts => ({
  key: 'tracker:traffic',
  length: 2,
  firstId: '1000-0',
  lastId: '2000-0',
  entriesAdded: 2,
  oldestSeconds: 60,
  bytes: 520,
  perSecond: 1,
  groups: [aGroup()],
  trimmed: 0,
  ...overrides,
})

export const aList = (overrides: Partial<PasskeyFacts> = {}): PasskeyFacts => ({
  key: 'pt:passkeys',
  count: 3,
  capitals: 0,
  malformed: 0,
  looked: 3,
  staged: { key: 'pt:passkeys:new', count: 0 },
  replaced: { key: 'pt:passkeys:old', count: 0 },
  before: { key: 'pt:passkeys:before', count: 0 },
  touched: { key: 'pt:passkeys:touched', count: 0 },
  isImporting: false,
  ...overrides,
})

/** A Redis with which nothing is wrong. */
export const aRedis = (overrides: Partial<RedisFacts> = {}): RedisFacts => ({
  config: aConfig(),
  user: 'tracker',
  info: anInfo(),
  settings: someSettings(),
  clock: { offsetMs: 3, roundTripMs: 10 },
  scripts: [{ file: 'announce.lua', failure: undefined }],
  scrapeFailure: undefined,
  keys: [aKey()],
  swarms: [],
  sessions: [],
  sweep: { overdueSeconds: -10, hasLease: true },
  stream: aStream(),
  passkeys: aList(),
  deadLetters: { waiting: 0, failed: 0 },
  trackers: ['192.0.2.1'],
  rights: { user: 'tracker', missing: [] },
  isReplayAllowed: true,
  refused: [],
  ...overrides,
})

/** `error maxmemory-policy`, one for each finding that is not fine. */
export const amiss = (findings: readonly Finding[]) =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ severity, id }) => `${severity} ${id}`)

/** The commands of all findings, each as one line. */
export const advised = (findings: readonly Finding[]) =>
  findings.flatMap(({ commands = [] }) => commands.map((words) => words.join(' ')))
