import assert from 'node:assert/strict'
import { test } from 'vitest'
import { checkConfig } from '../../../src/cli/checkConfig.ts'

const fixture = (name: string) => new URL(`../../fixtures/chihaya/${name}`, import.meta.url).pathname

function run(path: string, env: Record<string, string>, json = false) {
  let out = ''
  let err = ''
  const code = checkConfig({ path, env, json, out: (text) => (out += text), err: (text) => (err += text) })
  return { code, out, err }
}

test('the effective configuration goes to stdout without secrets, warnings to stderr', () => {
  const { code, out, err } = run(fixture('redis_storage.yaml'), {})
  assert.equal(code, 0)
  assert.match(out, /^chihaya:\n/)
  assert.match(out, /redis_broker: redis:\/\/\*\*\*@10\.1\.2\.3:6379\/2/)
  assert.match(out, /private_key: "\*\*\*"/)
  assert.doesNotMatch(out + err, /s3cret|f3Tq81/)
  assert.match(err, /^warning: chihaya\./)
})

test('a file that would not start prints nothing but its reasons and exits 1', () => {
  const { code, out, err } = run(fixture('redis_storage.yaml'), { REDIS_URL: 'nonsense' })
  assert.equal(code, 1)
  assert.equal(out, '')
  assert.match(err, /^REDIS_URL in the environment is not a Redis URL.*\n$/)
})

test('for programs both cases are one JSON document', () => {
  const good = run(fixture('fork_hooks.yaml'), {}, true)
  assert.equal(good.err, '')
  const { ok, config, warnings } = JSON.parse(good.out)
  assert.equal(ok, true)
  assert.equal(config.chihaya.storage.config.redis_broker, 'redis://***@redis.internal:6379/0')
  assert.ok(warnings.length > 0)
  const bad = run('/nowhere.yaml', {}, true)
  assert.equal(bad.code, 1)
  assert.deepEqual(JSON.parse(bad.out), {
    ok: false,
    config: null,
    problems: ['/nowhere.yaml: there is no such file'],
    warnings: [],
  })
})
