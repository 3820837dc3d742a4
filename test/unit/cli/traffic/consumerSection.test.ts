import { expect, test } from 'vitest'
import { SITE_SECTIONS } from '../../../../src/cli/loadSiteConfig.ts'
import { consumeOptions } from '../../../../src/cli/traffic/consumerSection.ts'
import { effectiveConfig } from '../../../../src/config/effective.ts'
import { loadConfig } from '../../../../src/config/load.ts'
import { consumerConfig } from '../../../../src/config/partialConfig.ts'
import { DEFAULT_RULES, RULE_BOUNDS } from '../../../../src/site/ledger/rules.ts'
import { CONSUMER_DEFAULTS } from '../../../../src/site/traffic/consumerOptions.ts'
import { file, problemsOf, REDIS } from '../../../support/builders/configFiles.ts'

const load = (...lines: string[]) => loadConfig(file(...lines), REDIS, { sections: SITE_SECTIONS }).config
const consumer = (keys: string) => `consumer: {${keys}}`
const ttl = (duration: string) => `storage: {config: {accounting_ttl: ${duration}}}`

test('without the section the defaults of the library and of the ledger hold', () => {
  expect(consumeOptions({}, load())).toEqual({
    ...CONSUMER_DEFAULTS,
    ...DEFAULT_RULES,
    database: undefined,
    consumer: undefined,
    metricsAddr: undefined,
  })
})

const everyKey = [
  'database: "sqlite:///file.db", group: in-file, name: settle-1, batch: 100, max_attempts: 7, claim_idle: 90s',
  'metrics_addr: "127.0.0.1:1", trim: false, keep: 2h, recover: false, window: 20m, window_days: 40',
  'max_gap: 1h, accounting_ttl: 200h, journal_days: 0',
].join(', ')
const inFile = {
  database: 'sqlite:///file.db',
  group: 'in-file',
  consumer: 'settle-1',
  batch: 100,
  maxAttempts: 7,
  claimIdleMs: 90_000,
  metricsAddr: { host: '127.0.0.1', port: 1 },
  trim: false,
  keepSeconds: 7_200,
  recover: false,
  windowSeconds: 1_200,
  windowDays: 40,
  maxGapSeconds: 3_600,
  accountingTtlSeconds: 720_000,
  journalDays: 0,
}

test('the file counts before the defaults, key by key', () => {
  expect(consumeOptions({}, load(consumer(everyKey)))).toEqual(inFile)
})

test('a flag counts before the file, also one that turns something on again', () => {
  const flags = {
    database: 'sqlite:///flag.db',
    group: 'by-flag',
    consumer: 'settle-2',
    batch: 1,
    maxAttempts: 1,
    claimIdleMs: 1_000,
    metricsAddr: { host: '127.0.0.1', port: 2 },
    trim: true,
    keepSeconds: 0,
    recover: true,
    windowSeconds: 60,
    windowDays: 1,
    maxGapSeconds: 60,
    accountingTtlSeconds: 3_600,
    journalDays: 1,
  }
  const config = load(consumer(everyKey))
  expect(consumeOptions(flags, config)).toEqual(flags)
  for (const [name, flag] of Object.entries(flags))
    expect(consumeOptions({ consumer: undefined, [name]: flag }, config)).toEqual({ ...inFile, [name]: flag })
})

test('accounting_ttl of the storage counts for the consumer too, unless it has its own', () => {
  const ttlOf = (...lines: string[]) => consumeOptions({}, load(...lines)).accountingTtlSeconds
  expect(ttlOf(ttl('100h'))).toBe(360_000)
  expect(ttlOf(ttl('100h'), consumer('accounting_ttl: 200h'))).toBe(720_000)
  expect(consumeOptions({ accountingTtlSeconds: 7_200 }, load(ttl('100h'))).accountingTtlSeconds).toBe(7_200)
  expect(ttlOf(ttl('31m'))).toBe(RULE_BOUNDS.accountingTtlSeconds[0]) // the ledger remembers no shorter
})

test('the consumer reads its section and lifetimes while the rest of the file has mistakes', () => {
  const text = `chihaya:
  http: {addr: nonsense}
  risk: {evaluation_delay: never}
  announce_interval: 5m
  min_announce_interval: 5m
  prehooks: [{name: traffic push, options: {stream_key: moved, max_len: many}}]
  storage: {config: {peer_lifetime: 10m, accounting_ttl: 20m, gc_interval: never}}
  ${consumer('group: staff')}`
  const { config } = loadConfig(text, REDIS, { sections: SITE_SECTIONS, part: consumerConfig })
  expect([config.trafficPush?.streamKey, config.consumer.group]).toEqual(['moved', 'staff'])
  expect(config.swarm.accountingTtlSeconds).toBe(1_200)
})

test('the effective configuration has the section without a password, and loads again as it was', () => {
  const shown = (keys: string) => effectiveConfig(load(consumer(keys)), SITE_SECTIONS)
  expect(shown('database: "postgres://site:hunter2@db/site?password=hunter3"')).toMatch(
    /database: postgres:\/\/site:\*\*\*@db\/site\?\*\*\*\n/,
  )
  expect(shown('database: "mysql://site:hunter2@/hunter3@db/site"')).not.toMatch(/hunter/)
  const config = load(consumer(everyKey))
  const text = effectiveConfig(config, SITE_SECTIONS)
  expect(loadConfig(text, REDIS, { sections: SITE_SECTIONS }).config.consumer).toEqual(config.consumer)
})

test.each<[string, string, RegExp]>([
  ['an unknown key', 'groupe: a', /consumer\.groupe: unknown key; the nearest known key is group$/],
  ['a group with a space', 'group: a b', /group: "a b" is not 1 to 128 printable ASCII/],
  ['no batch', 'batch: 0', /batch: 0 is below 1$/],
  ['too large a batch', 'batch: 4001', /batch: 4001 is above 4000$/],
  ['no attempt', 'max_attempts: 0', /max_attempts: 0 is below 1$/],
  ['a claim at once', 'claim_idle: 10ms', /claim_idle: 10ms is below 1s$/],
  ['a window of a second', 'window: 1s', /window: 1s is below 1m$/],
  ['keeping for over a year', 'keep: 8785h', /keep: 8785h is above 8784h$/],
  [
    'a database that is none',
    'database: "oracle://u:hunter2@h"',
    /database: .* is not the URL of a database/,
  ],
  ['a password alone', 'database: hunter2', /database: \*\*\* is not the URL of a database/],
  [
    'a memory shorter than the tracker has',
    'accounting_ttl: 100h',
    /consumer\.accounting_ttl: 100h is below accounting_ttl of the storage, 168h/,
  ],
])('%s is refused with one line', (_, keys, line) => {
  const problems = problemsOf(file(consumer(keys)))
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(line)
  expect(problems[0]).not.toMatch(/hunter/)
})
