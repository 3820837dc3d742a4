import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { parse } from 'yaml'
import { effectiveConfig } from '../../../src/config/effective.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { file, hook, problemsOf, REDIS } from '../../support/builders/configFiles.ts'

const INFOHASH = 'ABCDEF0123456789abcdef0123456789abcdef01'
const OTHER = '00'.repeat(20)
const JWT = 'issuer: a, audience: b, jwk_set_url: "https://a.example/keys"'

test.each<[string, string, string, RegExp]>([
  [
    'a client ID too short',
    'client approval',
    'whitelist: [TR300]',
    /whitelist\[0\]: TR300 is not a client ID of 6 bytes/,
  ],
  ['a client ID of seven bytes', 'client approval', 'blacklist: ["é12345"]', /is not a client ID of 6 bytes/],
  [
    'both lists of clients',
    'client approval',
    'whitelist: [TR3000], blacklist: [XL0012]',
    /blacklist: stands beside a whitelist/,
  ],
  [
    'an infohash too short',
    'torrent approval',
    'whitelist: [abc]',
    /abc is not an infohash of 40 hex digits/,
  ],
  [
    'both lists of torrents',
    'torrent approval',
    `whitelist: ["${INFOHASH}"], blacklist: ["${OTHER}"]`,
    /blacklist: stands beside a whitelist/,
  ],
  [
    'a whitelist beside a set',
    'torrent approval',
    `whitelist: ["${INFOHASH}"], set_key: pt:torrents`,
    /set_key: stands beside a whitelist/,
  ],
  ['a set with a space in its name', 'torrent approval', 'set_key: a b', /set_key: "a b" is not/],
  ['no issuer', 'jwt', JWT.replace('issuer: a', 'issuer: ""'), /options\.issuer: is missing/],
  ['no audience', 'jwt', JWT.replace('audience: b, ', ''), /options\.audience: is missing/],
  ['keys over plain http', 'jwt', JWT.replace('https', 'http'), /jwk_set_url: .* is not an https:\/\/ URL/],
  [
    'a password for the keys',
    'jwt',
    JWT.replace('a.example', 'u:hunter2@a.example'),
    /jwk_set_url: .*\*\*\*@a\.example.* has a user or password/,
  ],
  [
    'keys fetched all the time',
    'jwt',
    `${JWT}, jwk_set_update_interval: 10ms`,
    /jwk_set_update_interval: 10ms is below 1s/,
  ],
  [
    'no share of responses',
    'interval variation',
    'modify_response_probability: 0',
    /probability: 0 is not above 0/,
  ],
  ['more than all responses', 'interval variation', 'modify_response_probability: 1.1', /1\.1 is above 1/],
  ['no increase', 'interval variation', 'max_increase_delta: 0', /max_increase_delta: 0 is below 1/],
  ['a threshold of nothing', 'announce rate', 'threshold: 0', /threshold: 0 is not above 0/],
  ['a threshold above the interval', 'announce rate', 'threshold: 2', /threshold: 2 is above 1/],
  [
    'a limit without passkeys',
    'peer limit',
    'max_seeding: 1',
    /"peer limit" counts sessions of a passkey, so it needs the hook passkey approval/,
  ],
])('%s is refused with one line', (_, name, options, line) => {
  const problems = problemsOf(hook(name, options))
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0]!, line)
})

test('a limit out of bounds is refused', () => {
  const problems = problemsOf(
    file(
      'prehooks: [{name: passkey approval}, {name: peer limit, options: {max_leeching: -1, max_seeding: 1001}}]',
    ),
  )
  assert.equal(problems.length, 2, problems.join('\n'))
})

const ALL = `prehooks:
    - {name: client approval, options: {whitelist: [TR3000, "-é100"]}}
    - {name: passkey approval}
    - {name: jwt, options: {${JWT.replace('https://a.example', 'http://127.0.0.1:8080')}, jwk_set_update_interval: 1m30s}}
    - {name: torrent approval, options: {blacklist: ["${INFOHASH}"], set_key: pt:torrents}}
    - {name: interval variation, options: {modify_response_probability: 0.5, max_increase_delta: 30, modify_min_interval: yes}}
    - {name: peer limit, options: {max_leeching: 1, max_seeding: 3}}
    - {name: announce rate, options: {threshold: 0.25}}
    - {name: traffic push}`

test('every hook with its options comes into the configuration, in the order of the file', () => {
  const { config, warnings } = loadConfig(file(ALL), REDIS)
  assert.deepEqual(warnings, [])
  const found = config.hooks.filter(({ name }) => name !== 'passkey approval' && name !== 'traffic push')
  const jwt = {
    issuer: 'a',
    audience: 'b',
    jwkSetUrl: 'http://127.0.0.1:8080/keys',
    updateIntervalMs: 90_000,
  }
  const torrents = { whitelist: [], blacklist: [INFOHASH.toLowerCase()], setKey: 'pt:torrents' }
  assert.deepEqual(found, [
    { name: 'client approval', options: { whitelist: ['TR3000', '-é100'], blacklist: [] } },
    { name: 'jwt', options: jwt },
    { name: 'torrent approval', options: torrents },
    {
      name: 'interval variation',
      options: { probability: 0.5, maxIncreaseSeconds: 30, modifiesMinInterval: true },
    },
    { name: 'peer limit', options: { maxLeeching: 1, maxSeeding: 3 } },
    { name: 'announce rate', options: { threshold: 0.25 } },
  ])
  assert.deepEqual(config.torrentApproval, torrents)
})

test('the interval that varies is the one and not the least one unless told', () => {
  const [hook] = loadConfig(file('prehooks: [{name: interval variation}]'), REDIS).config.hooks
  assert.deepEqual(hook?.options, { probability: 0.2, maxIncreaseSeconds: 60, modifiesMinInterval: false })
})

test('the effective configuration loads as what it came from', () => {
  const { config } = loadConfig(file(ALL), REDIS)
  const text = effectiveConfig(config)
  assert.equal(parse(text).chihaya.prehooks.length, 8)
  assert.deepEqual(loadConfig(text, REDIS).config, config)
})

test.each([
  ['[up, agent]', /has up but not all of up, down, since/],
  ['[down, up]', /has up and down but not all/],
  ['[]', undefined],
  ['[agent, seeders]', undefined],
  ['[since, up, down]', undefined],
])('extra_fields: %s, which of them the consumer would refuse', (fields, expected) => {
  const { warnings } = loadConfig(
    `chihaya: {http: {addr: ":1"}, prehooks: [{name: traffic push, options: {extra_fields: ${fields}}}]}`,
    REDIS,
  )
  const found = warnings.filter((each) => each.includes('extra_fields'))
  assert.equal(found.length, expected ? 1 : 0)
  if (expected) assert.match(found[0]!, expected)
})

test('an interval that may grow up to the lifetime of peers is worth a warning', () => {
  const grows = (seconds: number) =>
    loadConfig(
      file(`prehooks: [{name: interval variation, options: {max_increase_delta: ${seconds}}}]`),
      REDIS,
    ).warnings
  assert.deepEqual(grows(899), [])
  assert.equal(grows(900).length, 1)
  assert.match(grows(900)[0]!, /^chihaya\.prehooks\[0\]\.options\.max_increase_delta: .*raise peer_lifetime$/)
})

test('every example in docs/hooks.md loads', () => {
  const text = readFileSync(new URL('../../../docs/hooks.md', import.meta.url), 'utf8')
  const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml]) => parse(yaml!) as object[])
  assert.equal(examples.length, 6)
  for (const prehooks of examples)
    assert.deepEqual(loadConfig(file(`prehooks: ${JSON.stringify(prehooks)}`), REDIS).warnings, [])
})
