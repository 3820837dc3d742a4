// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is what is tested
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, test } from 'vitest'
import { effectiveConfig } from '../../../src/config/effective.ts'
import { loadConfig, loadConfigFile } from '../../../src/config/load.ts'
import { everyAddress } from '../../../src/config/values.ts'
import { file, hook, http, problemsOf, REDIS, storage } from '../../support/builders/configFiles.ts'

const fixture = (name: string) => new URL(`../../fixtures/chihaya/${name}`, import.meta.url).pathname

test('a file of a Chihaya installation with Redis storage loads unchanged', () => {
  const { config, warnings } = loadConfigFile(fixture('redis_storage.yaml'), {})
  assert.deepEqual(config.http?.addr, { host: '0.0.0.0', port: 6969 })
  assert.equal(config.http?.enableKeepalive, false)
  assert.equal(config.udp?.privateKey, 'f3Tq81vVbW0aEh6rPzKcYd2u')
  assert.deepEqual(config.redis.connection, { host: '10.1.2.3', port: 6379, password: 's3cret', db: 2 })
  assert.equal(config.redis.connectTimeoutMs, 15_000)
  assert.equal(config.swarm.peerLifetimeSeconds, 1860)
  assert.deepEqual(config.hooks, [])
  assert.ok(
    warnings.some((line) => line.startsWith('chihaya.storage.config.redis_read_timeout: has no effect')),
  )
})

test('a file with the hooks of the fork loads unchanged, its order kept and its extra keys answered by warnings', () => {
  const { config, warnings } = loadConfigFile(fixture('fork_hooks.yaml'), {})
  assert.deepEqual(
    config.hooks.map(({ name }) => name),
    ['passkey approval', 'traffic push'],
  )
  assert.equal(config.passkeyApproval?.setKey, 'pt:passkeys')
  assert.equal(config.trafficPush?.maxLen, 1_000_000)
  assert.equal(config.http?.enableKeepalive, true)
  for (const key of ['last_key_prefix', 'retry_count', 'retry_interval'])
    assert.ok(warnings.some((line) => line.startsWith(`chihaya.prehooks[1].options.${key}: has no effect`)))
})

test('REDIS_URL takes the place of every broker', () => {
  const text = file(
    'storage: {config: {redis_broker: "redis://a"}}',
    'prehooks: [{name: traffic push, options: {redis_broker: "redis://b"}}]',
  )
  const { config } = loadConfig(text, { REDIS_URL: 'redis://c/5' })
  assert.deepEqual(config.redis.connection, { host: 'c', port: 6379, db: 5 })
  assert.match(problemsOf(text, {}).join(), /prehooks\[0\]\.options\.redis_broker: is another Redis/)
})

test('without a broker and REDIS_URL nothing starts; a broker of a hook is enough', () => {
  assert.match(
    problemsOf(file(), {}).join(),
    /^chihaya\.storage\.config\.redis_broker: is missing.*REDIS_URL/,
  )
  const { config } = loadConfig(hook('traffic push', 'redis_broker: "redis://b"'), {})
  assert.equal(config.redis.connection.host, 'b')
})

test('a variable gives numbers and booleans where they are wanted and text where text is wanted', () => {
  const text = http('max_numwant: "${N}", enable_keepalive: "${B}"').replace(
    '}}',
    '}, udp: {addr: ":1", private_key: "${K}"}}',
  )
  const { config } = loadConfig(text, { ...REDIS, N: '60', B: 'false', K: '0123456' })
  assert.equal(config.http?.maxNumwant, 60)
  assert.equal(config.http?.enableKeepalive, false)
  assert.equal(config.udp?.privateKey, '0123456')
})

test('a variable cannot add keys', () => {
  assert.deepEqual(problemsOf(storage('key_prefix: "${P}"'), { ...REDIS, P: 'a"}, bogus: 1' }).length, 1)
  const { config } = loadConfig(file('log_level: "${L}"'), { ...REDIS, L: 'warn' })
  assert.equal(config.logLevel, 'warn')
})

test('the effective configuration loads as it was', () => {
  const text = file(
    'metrics_addr: "[::1]:6880"',
    'announce_interval: 1h',
    'storage: {config: {redis_broker: "unix:///run/a.sock?db=3", peer_lifetime: 61m, key_prefix: "a:", store_timeout: 1.5s}}',
    'udp: {addr: "[::]:1", connection_id_lifetime: 90s}',
    'posthooks: [{name: traffic push, options: {extra_fields: []}}]',
    'prehooks: [{name: passkey approval, options: {set_key: "other"}}]',
  )
  const { config } = loadConfig(text, {})
  assert.equal(config.trafficPush?.extraFields.length, 0)
  assert.deepEqual(loadConfig(effectiveConfig(config), {}).config, config)
})

test('a port for everything listens on both families', () => {
  assert.deepEqual(loadConfig(file(), REDIS).config.http?.addr, { host: everyAddress(), port: 6969 })
})

test('udp without a private key, and with the one of the example file, is a warning', () => {
  const warnings = (key: string) => loadConfig(`chihaya: {udp: {addr: ":1"${key}}}`, REDIS).warnings.join()
  assert.match(warnings(''), /udp\.private_key: is missing/)
  assert.match(warnings(', private_key: paste a random string here'), /everybody knows/)
  assert.match(warnings(', private_key: 8fj3kd93ks'), /can be guessed/)
  assert.equal(warnings(', private_key: 8fj3kd93ksa81jd02'), '')
})

test.each([
  [
    'a second document',
    'chihaya: {}\n---\nb: 1\n',
    'line 2: a second document begins here; a file holds one',
  ],
  [
    'an alias of what it stands in',
    'chihaya: &all\n  http: *all\n',
    'an alias (*name) stands inside its own anchor (&name)',
  ],
  [
    'such an alias in a list',
    'chihaya: {prehooks: &list [{options: *list}]}\n',
    'an alias (*name) stands inside its own anchor (&name)',
  ],
])('%s is named as what it is', (_, text, problem) => {
  assert.deepEqual(problemsOf(text), [problem])
})

test('an anchor may be used in several places', () => {
  const { config } = loadConfig(
    file(
      'log_level: &level warn',
      'announce_interval: &time 40m',
      'shutdown_timeout: 1s',
      'storage: {config: {peer_lifetime: 50m, accounting_ttl: 60m, key_prefix: *level}}',
      'min_announce_interval: *time',
    ),
    REDIS,
  )
  assert.deepEqual([config.redis.keyPrefix, config.minAnnounceIntervalSeconds], ['warn', 2400])
})

test('keys of Chihaya without effect are answered by warnings, whatever they hold', () => {
  const { warnings } = loadConfig(storage('prometheus_reporting_interval: whatever, shard_count: 4'), REDIS)
  for (const key of ['prometheus_reporting_interval', 'shard_count'])
    assert.ok(warnings.some((line) => line.startsWith(`chihaya.storage.config.${key}: has no effect here`)))
})

test('scrape_requires_passkey without the hook that looks at passkeys is a warning', () => {
  const text = http('scrape_requires_passkey: true')
  assert.match(
    loadConfig(text, REDIS).warnings.join(),
    /http\.scrape_requires_passkey: has no effect without/,
  )
  const withHook = text.replace(/}$/, ', prehooks: [{name: passkey approval}]}')
  assert.deepEqual(loadConfig(withHook, REDIS).warnings, [])
})

test('a kernel without IPv6 listens on every IPv4 address', () => {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-net-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  assert.equal(everyAddress(folder), '::') // no Linux
  writeFileSync(join(folder, 'tcp'), '')
  assert.equal(everyAddress(folder), '0.0.0.0')
  writeFileSync(join(folder, 'if_inet6'), '')
  assert.equal(everyAddress(folder), '::')
})

test('a file that is not there is a ConfigError naming it', () => {
  assert.throws(() => loadConfigFile('/nowhere/at/all.yaml', {}), {
    problems: ['/nowhere/at/all.yaml: there is no such file'],
  })
})

test('udp knows the announce URLs of http, or their defaults without it', () => {
  const udpOf = (http: string) =>
    loadConfig(`chihaya: {${http} udp: {addr: ":1", private_key: k}}`, REDIS).config.udp!
  const own = udpOf('http: {addr: ":1", announce_routes: ["/x/:passkey"], passkey_params: [Key]},')
  assert.deepEqual([own.announceRoutes, own.passkeyParams], [['/x/:passkey'], ['key']])
  const defaults = udpOf('')
  assert.ok(defaults.announceRoutes.includes('/announce/:passkey'))
  assert.deepEqual(defaults.passkeyParams, ['passkey', 'uk'])
  assert.deepEqual([defaults.maxInFlight, defaults.receiveBufferBytes], [5000, undefined])
})
