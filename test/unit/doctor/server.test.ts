import { describe, expect, test } from 'vitest'
import { checkClock } from '../../../src/doctor/checks/clock.ts'
import { checkConnection } from '../../../src/doctor/checks/connection.ts'
import { checkMachine } from '../../../src/doctor/checks/machine.ts'
import { checkMemory } from '../../../src/doctor/checks/memory.ts'
import { checkPersistence } from '../../../src/doctor/checks/persistence.ts'
import { checkReplayUser } from '../../../src/doctor/checks/replayUser.ts'
import { checkReplication } from '../../../src/doctor/checks/replication.ts'
import { checkScripts } from '../../../src/doctor/checks/scripts.ts'
import { checkVersion } from '../../../src/doctor/checks/version.ts'
import { aConfig, advised, amiss, anInfo, someSettings } from '../../support/builders/aFleet.ts'

const NOT_SAID: Readonly<Record<string, string>> = {}

describe('version', () => {
  test.each([
    [{ redis_version: '7.0.15' }, []],
    [{ redis_version: '8.2.1' }, []],
    [{ redis_version: '7.2.4', valkey_version: '8.1.0' }, []],
    [{ redis_version: '6.2.14' }, ['error version']],
    [{ redis_version: '10.0.0' }, []],
    [{ redis_version: '7.4.0', dragonfly_version: 'df-v1' }, ['info version']],
    [{ redis_version: '7.0.15', cluster_enabled: '1' }, ['error cluster']],
  ])('%j: %j', (values, expected) => {
    expect(amiss(checkVersion({ info: anInfo(values) }))).toEqual(expected)
  })

  test('of a server that does not say is no finding', () => {
    expect(checkVersion({ info: undefined })).toEqual([])
  })
})

describe('memory', () => {
  const check = (values: Readonly<Record<string, string>>) => checkMemory({ info: anInfo(values) })

  test.each([
    [NOT_SAID, []],
    [{ maxmemory_policy: 'allkeys-lru' }, ['error maxmemory-policy']],
    [
      { maxmemory_policy: 'volatile-ttl', evicted_keys: '7' },
      ['error maxmemory-policy', 'error evicted-keys'],
    ],
    [{ maxmemory: '0' }, ['warning maxmemory']],
    [{ maxmemory: '7900000000' }, ['warning maxmemory']],
    [{ used_memory: '3199000000' }, []],
    [{ used_memory: '3201000000' }, ['warning memory-used']],
    [{ used_memory: '3801000000' }, ['error memory-used']],
    [{ used_memory: '4100000000' }, ['error memory-used']],
  ])('%j: %j', (values, expected) => {
    expect(amiss(check(values))).toEqual(expected)
  })

  test('is put right by a setting, which a server with a file writes down', () => {
    const values = { maxmemory_policy: 'allkeys-lru' }
    expect(advised(check(values))).toEqual(['redis-cli CONFIG SET maxmemory-policy noeviction'])
    expect(advised(check({ ...values, config_file: '/etc/redis/redis.conf' }))).toEqual([
      'redis-cli CONFIG SET maxmemory-policy noeviction',
      'redis-cli CONFIG REWRITE',
    ])
  })

  test('a limit is advised that leaves the machine a third, and one for full memory that makes it six tenths full', () => {
    expect(advised(check({ maxmemory: '0' }))).toEqual(['redis-cli CONFIG SET maxmemory 5333000000'])
    expect(advised(check({ used_memory: '3900000000' }))).toEqual([
      'redis-cli CONFIG SET maxmemory 6500000000',
    ])
  })

  test('more than the machine has is not advised', () => {
    const full = { used_memory: '3900000000', total_system_memory: '6000000000' }
    expect(advised(check(full))).toEqual([])
  })
})

describe('persistence', () => {
  const check = (values: Readonly<Record<string, string>>, settings?: Readonly<Record<string, string>>) =>
    checkPersistence({ info: anInfo(values), settings: settings && someSettings(settings) })
  const SNAPSHOTS = { aof_enabled: '0' }

  test.each([
    [NOT_SAID, {}, []],
    [SNAPSHOTS, { save: '' }, ['error persistence']],
    [SNAPSHOTS, { save: '3600 1' }, ['warning persistence']],
    [SNAPSHOTS, undefined, ['warning persistence']],
    [NOT_SAID, { appendfsync: 'no' }, ['warning appendfsync']],
    [NOT_SAID, { appendfsync: 'always' }, ['info appendfsync']],
    [NOT_SAID, undefined, []],
    [{ loading: '1' }, {}, ['error loading']],
    [{ aof_last_write_status: 'err' }, {}, ['error aof-write']],
    [{ aof_last_bgrewrite_status: 'err' }, {}, ['warning aof-rewrite']],
    [{ rdb_last_bgsave_status: 'err' }, { save: '3600 1' }, ['error snapshot']],
    [{ rdb_last_bgsave_status: 'err' }, { save: '' }, ['warning snapshot']],
    [
      { rdb_last_bgsave_status: 'err' },
      { save: '3600 1', 'stop-writes-on-bgsave-error': 'no' },
      ['warning snapshot'],
    ],
  ])('%j with %j: %j', (values, settings, expected) => {
    expect(amiss(check(values, settings))).toEqual(expected)
  })

  test('by snapshots alone says how old the last one is', () => {
    expect(check(SNAPSHOTS, { save: '3600 1' })[0]!.what).toContain('1 h old')
  })
})

describe('the user who replays the append-only file', () => {
  test.each([
    [{ aof_enabled: '1' }, true, []],
    [{ aof_enabled: '1' }, false, ['error replay-user']],
    [{ aof_enabled: '1' }, undefined, []],
    [{ aof_enabled: '0' }, false, []],
  ])('%j, has the rights: %s: %j', (values, isReplayAllowed, expected) => {
    expect(amiss(checkReplayUser({ info: anInfo(values), isReplayAllowed }))).toEqual(expected)
  })
})

describe('replication', () => {
  const check = (values: Readonly<Record<string, string>>) => checkReplication({ info: anInfo(values) })

  test.each([
    [{ connected_slaves: '0' }, ['info replication']],
    [{ connected_slaves: '1', slave0: 'ip=192.0.2.2,port=6379,state=online,offset=1,lag=1' }, []],
    [
      { connected_slaves: '1', slave0: 'ip=192.0.2.2,port=6379,state=online,offset=1,lag=60' },
      ['warning replica'],
    ],
    [
      { connected_slaves: '1', slave0: 'ip=192.0.2.2,port=6379,state=wait_bgsave,offset=0,lag=0' },
      ['warning replica'],
    ],
    [{ min_slaves_good_slaves: '0' }, ['error min-replicas']],
    [{ role: 'slave', master_host: 'primary', master_port: '6380' }, ['error replication']],
  ])('%j: %j', (values, expected) => {
    expect(amiss(check(values))).toEqual(expected)
  })

  test('of a replica: where writes have to go', () => {
    expect(check({ role: 'slave', master_host: 'primary', master_port: '6380' })[0]!.remedy).toContain(
      'primary:6380',
    )
  })
})

describe('clock', () => {
  const check = (offsetMs: number, roundTripMs = 1, udp?: object | null) =>
    amiss(checkClock({ offsetMs, roundTripMs }, aConfig(udp === null ? { udp: undefined } : {})))

  test('a second or two is fine, also when the way to Redis takes longer than that', () => {
    expect([check(1_900), check(-1_900), check(3_000, 4_000)]).toEqual([[], [], []])
  })

  test('past the skew that UDP allows it is an error', () => {
    expect([check(2_100), check(-9_000), check(11_000)]).toEqual([
      ['warning clock'],
      ['warning clock'],
      ['error clock'],
    ])
    expect(check(11_000, 1, null)).toEqual(['warning clock'])
  })
})

describe('scripts', () => {
  const fine = { file: 'announce.lua', failure: undefined }

  test('each that Redis does not take is named with the reason', () => {
    const scripts = [fine, { file: 'sweep.lua', failure: 'ERR Unexpected flag' }]
    const [finding] = checkScripts({ scripts, scrapeFailure: undefined })
    expect(finding).toMatchObject({
      severity: 'error',
      what: expect.stringContaining('lua/sweep.lua: ERR Unexpected'),
    })
  })

  test('a scrape that fails is an error, but not when this user may not run scripts', () => {
    const check = (scrapeFailure: string) => amiss(checkScripts({ scripts: [fine], scrapeFailure }))
    expect(check('OOM command not allowed')).toEqual(['error scrape'])
    expect(check('NOPERM this user has no permissions')).toEqual([])
  })
})

describe('connection', () => {
  const url = 'redis://***@192.0.2.1:6379/0'

  test.each([
    ['connect ECONNREFUSED 192.0.2.1:6379', /Nothing listens/],
    ['WRONGPASS invalid username-password pair or user is disabled.', /password/],
    ['NOAUTH Authentication required.', /wants a password/],
    ['getaddrinfo ENOTFOUND nowhere', /name/],
    ['unable to verify the first certificate; UNABLE_TO_VERIFY_LEAF_SIGNATURE', /certificate/],
    ['connect ENOENT /run/redis.sock', /socket/],
    ['LOADING Redis is loading the dataset in memory', /reading its data/],
    ['Command timed out', /temporarily unavailable/],
  ])('%s is explained', (failure, meaning) => {
    expect(checkConnection({ url, failure })[0]).toMatchObject({
      severity: 'error',
      what: `${url}: ${failure}`,
      meaning: expect.stringMatching(meaning),
    })
  })
})

describe('machine', () => {
  const machine = { nodeVersion: '24.0.0', openFiles: 4_096, maxReceiveBufferBytes: 212_992 }

  test.each([
    [{}, []],
    [{ nodeVersion: '26.1.0' }, []],
    [{ nodeVersion: '20.19.2' }, ['error node-version']],
    [{ openFiles: 1_024 }, ['warning open-files']],
    [{ openFiles: Number.POSITIVE_INFINITY }, []],
    [{ openFiles: undefined, maxReceiveBufferBytes: undefined }, []],
  ])('%j: %j', (overrides, expected) => {
    expect(amiss(checkMachine({ ...machine, ...overrides }, aConfig()))).toEqual(expected)
  })

  test('that gives no socket the buffer which the configuration wants', () => {
    const config = aConfig({ udp: { addr: ':6969', private_key: 'x'.repeat(32), receive_buffer: 4_194_304 } })
    expect(amiss(checkMachine(machine, config))).toEqual(['warning receive-buffer'])
    expect(amiss(checkMachine({ ...machine, maxReceiveBufferBytes: 4_194_304 }, config))).toEqual([])
  })
})
