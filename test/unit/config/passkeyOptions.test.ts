import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { effectiveConfig } from '../../../src/config/effective.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { file, hook, problemsOf, REDIS } from '../../support/builders/configFiles.ts'

const KEY = '01234567890123456789012345678901'
const passkeys = (options: string) => hook('passkey approval', options)
const load = (options: string) => loadConfig(passkeys(options), REDIS)

test.each(['https://site.example/v', 'http://localhost:8080/v', 'http://127.0.0.1/v', 'http://[::1]:1/v'])(
  'the site may be asked at %s',
  (url) => assert.equal(load(`http_url: "${url}"`).config.passkeyApproval?.httpUrl, url),
)

test.each([
  'http://site.example/v',
  'http://10.0.0.1/v',
  'http://localhost.site.example/v',
  'http://127.0.0.1.site.example/v',
  'ftp://localhost/v',
  'site.example/v',
])('asking the site at %s is refused at the start', (url) => {
  const problems = problemsOf(passkeys(`http_url: "${url}"`))
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /http_url: .* is not an https:\/\/ URL \(http:\/\/ is for loopback hosts only\)/)
})

test.each([
  ['http_timeout: 50ms', /http_timeout: 50ms is below 100ms/],
  ['http_max_concurrency: 0', /http_max_concurrency: 0 is below 1/],
  ['http_rate_per_second: 100001', /http_rate_per_second: 100001 is above 100000/],
  ['cache_ttl_seconds: 0', /cache_ttl_seconds: 0 is below 1/],
  ['negative_cache_ttl_seconds: 86401', /negative_cache_ttl_seconds: 86401 is above 86400/],
  ['credential_max_age: 1000', /credential_max_age: 1000 has no unit/],
  ['http_ca_path: /nowhere/ca.pem', /http_ca_path: \/nowhere\/ca\.pem is no such file/],
  ['http_api_key_header: "a b"', /http_api_key_header: "a b" is not the name of a header/],
  ['http_api_key_header: "ключ"', /http_api_key_header: "ключ" is not the name of a header/],
  ['http_api_key_header: Host', /http_api_key_header: Host is a header with a meaning of its own/],
  ['http_api_key_header: content-length', /http_api_key_header: content-length is a header with a meaning/],
  ['http_api_key_header: Transfer-Encoding', /http_api_key_header: .* is a header with a meaning of its own/],
  [
    'http_api_key_header: X-Redswarm-Signature',
    /http_api_key_header: .* is a header with a meaning of its own/,
  ],
  ['http_api_key: "ключ"', /http_api_key: \*\*\* is not printable ASCII without spaces at its ends/],
  ['http_api_key: " horse"', /http_api_key: \*\*\* is not printable ASCII without spaces at its ends/],
  ['http_api_key: "a\\nb"', /http_api_key: \*\*\* is not printable ASCII without spaces at its ends/],
  ['whitelist: sometimes', /whitelist: sometimes is neither true nor false/],
])('%s is refused', (option, line) => {
  const problems = problemsOf(passkeys(`http_url: "https://site.example/v", ${option}`))
  assert.equal(problems.length, 1, problems.join('\n'))
  assert.match(problems[0]!, line)
})

test('a file of authorities that holds none is refused, and not repeated', () => {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-ca-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'ca.pem')
  writeFileSync(path, 'hunter2')
  const problems = problemsOf(passkeys(`http_url: "https://site.example/v", http_ca_path: "${path}"`))
  assert.match(problems.join(), /http_ca_path: .* holds no certificate in PEM form$/)
  assert.doesNotMatch(problems.join(), /hunter2/)
  assert.match(problemsOf(passkeys(`http_ca_path: "${folder}"`)).join(), /cannot be read \(EISDIR\)/)
})

test.each([KEY, Buffer.from(KEY).toString('hex'), Buffer.from(KEY).toString('base64')])(
  'a key may be written as %s',
  (text) => {
    const { config } = load(`encryption_key: "${text}", credential_max_age: 720h`)
    assert.deepEqual(config.passkeyApproval?.encryptionKey, Buffer.from(KEY))
    assert.equal(config.passkeyApproval?.credentialMaxAgeSeconds, 2_592_000)
  },
)

test('with a key the parameter credential comes before the others, without one it means nothing', () => {
  const params = (options: string) => load(options).config.http?.passkeyParams
  assert.deepEqual(params(`encryption_key: "${KEY}"`), ['credential', 'passkey', 'uk'])
  assert.deepEqual(params(''), ['passkey', 'uk'])
})

test('what does nothing, or ends before it can do anything, is a warning', () => {
  assert.match(load('http_ca_path: ""').warnings.join(), /^$/)
  assert.match(
    load('credential_max_age: 1h').warnings.join(),
    /credential_max_age: has no effect without encryption_key/,
  )
  const slow = 'http_url: "https://site.example/v", http_timeout: 10s'
  assert.match(
    load(slow).warnings.join(),
    /http_timeout: is not below read_timeout and write_timeout together/,
  )
  assert.deepEqual(load(slow.replace('10s', '9s')).warnings, [])
})

test('a site may keep no list, but then it must be asked', () => {
  assert.equal(load('').config.passkeyApproval?.hasWhitelist, true)
  const { config } = load('whitelist: false, http_url: "https://site.example/v"')
  assert.equal(config.passkeyApproval?.hasWhitelist, false)
  assert.equal(parse(effectiveConfig(config)).chihaya.prehooks[0].options.whitelist, false)
  assert.match(problemsOf(passkeys('whitelist: false')).join(), /whitelist: is false and http_url is missing/)
})

test.each([
  ['passkey approval', 'set_key: a', 'torrent approval', 'set_key: a'],
  ['passkey approval', 'set_key: a', 'traffic push', 'stream_key: a'],
  ['traffic push', 'stream_key: a', 'torrent approval', 'set_key: a'],
  ['passkey approval', '', 'torrent approval', 'set_key: pt:passkeys'],
])('%s {%s} beside %s {%s}: one name for two keys is refused', (one, options, other, others) => {
  const both = (end: string) => {
    const list = [
      [one, options],
      [other, others + end],
    ].map(([name, text]) => `{name: ${name}, options: {${text}}}`)
    return file(`prehooks: [${list.join(', ')}]`)
  }
  assert.match(
    problemsOf(both('')).join(),
    /_key: \S+ is the name of chihaya\.prehooks\[\d\]\.options\.\w+_key too/,
  )
  assert.deepEqual(problemsOf(both('2')), [])
})

test('the effective configuration shows no secret, not even one in the query of the URL', () => {
  const secrets = `http_api_key: horse, http_signature_secret: staple, encryption_key: "${KEY}"`
  const shown = effectiveConfig(load(`http_url: "https://site.example/v?token=abc", ${secrets}`).config)
  assert.doesNotMatch(shown, new RegExp(`horse|staple|abc|${KEY}`))
  const options = parse(shown).chihaya.prehooks[0].options
  assert.equal(options.http_url, 'https://site.example/v?***')
  assert.deepEqual(
    [options.http_api_key, options.http_signature_secret, options.encryption_key],
    ['***', '***', '***'],
  )
})

test('nor in the query of the address of the keys', () => {
  const jwt = '{issuer: a, audience: b, jwk_set_url: "https://a.example/keys?token=abc"}'
  const text = `chihaya: {http: {addr: ":1"}, prehooks: [{name: jwt, options: ${jwt}}]}`
  const shown = effectiveConfig(loadConfig(text, { REDIS_URL: 'redis://127.0.0.1' }).config)
  assert.equal(parse(shown).chihaya.prehooks[0].options.jwk_set_url, 'https://a.example/keys?***')
})

test('without the hook there is nothing to ask', () => {
  assert.equal(loadConfig(file(), REDIS).config.passkeyApproval, undefined)
})
