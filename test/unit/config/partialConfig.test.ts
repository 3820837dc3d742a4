import assert from 'node:assert/strict'
import { test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { trafficConfig, whitelistConfig } from '../../../src/config/partialConfig.ts'

const REDIS = { REDIS_URL: 'redis://127.0.0.1' }
const load = (text: string, env: Record<string, string> = REDIS) =>
  loadConfig(text, env, { part: whitelistConfig }).config

const BROKEN_ELSEWHERE = `chihaya:
  announce_interval: never
  udp: {private_key: "\${UDP_KEY}"}
  storage: {name: redis, config: {redis_broker: "redis://10.0.0.1/2", key_prefix: "a:", store_timeout: 3s, peer_lifetime: "\${UNSET}"}}
  prehooks:
    - {name: client approval, options: {whitelist: [too-long-a-prefix]}}
    - {name: passkey approval, options: {set_key: members, http_url: "http://site.example", http_api_key: "\${VERIFY_API_KEY}"}}
    - {name: traffic push, options: {max_len: many}}`

test('mistakes elsewhere, and variables that are not set, do not hide where the whitelist is', () => {
  const { redis, passkeyApproval } = load(BROKEN_ELSEWHERE, {})
  assert.deepEqual(redis.connection, { host: '10.0.0.1', port: 6379, db: 2 })
  assert.deepEqual([redis.keyPrefix, redis.storeTimeoutMs], ['a:', 3_000])
  assert.equal(passkeyApproval?.setKey, 'members')
})

test('a file without the hook, or without anything, means the usual list', () => {
  assert.equal(load('chihaya: {}').passkeyApproval, undefined)
  assert.equal(load('chihaya: {prehooks: [{name: passkey approval}]}').passkeyApproval?.setKey, 'pt:passkeys')
})

test.each([
  [
    'a variable in the prefix',
    `storage: {config: {key_prefix: "\${UNSET}"}}`,
    /key_prefix: .*UNSET is not set/,
  ],
  ['a misspelled prefix', 'storage: {config: {key_prefx: a}}', /key_prefx: unknown key/],
  ['a misspelled section', 'storge: {config: {key_prefix: a}}', /storge: unknown key/],
  ['a misspelled hook', 'prehooks: [{name: passkey aproval, options: {set_key: a}}]', /is no hook/],
  [
    'a misspelled list',
    'prehooks: [{name: passkey approval, options: {set_kee: a}}]',
    /set_kee: unknown key/,
  ],
  ['options that are none', 'prehooks: [{name: passkey approval, options: a}]', /options: /],
  ['no list of hooks', 'prehooks: {name: passkey approval}', /prehooks: /],
])('%s is refused: it may be another list that is meant', (_, section, reason) => {
  assert.throws(() => load(`chihaya: {${section}}`), reason)
})

test('the same holds for the traffic stream, of which the name is another key', () => {
  const text = BROKEN_ELSEWHERE.replace('max_len: many', 'max_len: many, stream_key: moved').replace(
    'never',
    'never\n  log_level: error',
  )
  const { redis, trafficPush, logLevel } = loadConfig(text, {}, { part: trafficConfig }).config
  assert.deepEqual(redis.connection, { host: '10.0.0.1', port: 6379, db: 2 })
  assert.equal(trafficPush?.streamKey, 'moved')
  assert.equal(logLevel, 'error')
  assert.throws(
    () => loadConfig(text.replace('stream_key', 'stream_kee'), {}, { part: trafficConfig }),
    /stream_kee: unknown key/,
  )
})
