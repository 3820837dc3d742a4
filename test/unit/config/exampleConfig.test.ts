import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { isMap, isSeq, type Node, parse, parseDocument, type YAMLMap } from 'yaml'
import type { z } from 'zod'
import { HOOK_SCHEMAS, UNUSED_HOOK_KEYS, UNUSED_TRAFFIC_KEYS } from '../../../src/config/hookSchemas.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { RISK_RULE_SCHEMAS, riskSchema } from '../../../src/config/risk.ts'
import {
  chihayaSchema,
  httpSchema,
  storageSchema,
  UNUSED_STORAGE_KEYS,
  udpSchema,
} from '../../../src/config/schema.ts'
import { ConfigError } from '../../../src/runtime/errors.ts'

const text = readFileSync(new URL('../../../dist/example_config.yaml', import.meta.url), 'utf8')
const everything = text.replace(/^( *)#(?! )/gm, '$1')
const UNUSED = Object.keys({ ...UNUSED_STORAGE_KEYS, ...UNUSED_HOOK_KEYS, ...UNUSED_TRAFFIC_KEYS })

/** Key -> the YAML after "default:" beside it, for one section of the file with every key turned on. */
function documented(section: YAMLMap): Map<string, unknown> {
  const defaults = section.items.flatMap(({ key, value }) => {
    const comment = /^ default: (.*)/.exec((value as Node | null)?.comment ?? '')
    return comment ? [[String(key), comment[1] === 'none' ? undefined : parse(comment[1]!)] as const] : []
  })
  return new Map(defaults)
}

function sectionAt(path: string[]): YAMLMap {
  const section = parseDocument(everything).getIn(path)
  assert.ok(isMap(section), path.join('.'))
  return section
}

function optionsOf(name: string): YAMLMap {
  const hooks = parseDocument(everything).getIn(['chihaya', 'prehooks'])
  assert.ok(isSeq(hooks))
  const entry = hooks.items.find((item) => isMap(item) && item.get('name') === name)
  assert.ok(isMap(entry), name)
  const options = entry.get('options')
  assert.ok(isMap(options), name)
  return options
}

test('the example file loads, and its hooks are on', () => {
  const { config, warnings } = loadConfig(text, {})
  assert.deepEqual(
    config.hooks.map(({ name }) => name),
    ['passkey approval', 'traffic push'],
  )
  assert.deepEqual(config.http?.addr, { host: '::', port: 6969 })
  assert.deepEqual(config.redis.connection, { host: '127.0.0.1', port: 6379, db: 0 })
  assert.equal(config.udp, undefined)
  assert.deepEqual(warnings, [])
})

test('with every key turned on only the files that it names and that are not there keep it from loading', () => {
  const problems = (() => {
    try {
      loadConfig(everything, {})
      return []
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      return error.problems
    }
  })()
  assert.deepEqual(
    problems.filter((line) => !/(there )?is no such file$/.test(line)),
    [],
  )
})

const sections: [string, z.ZodObject, () => YAMLMap][] = [
  ['chihaya', chihayaSchema, () => sectionAt(['chihaya'])],
  ['http', httpSchema, () => sectionAt(['chihaya', 'http'])],
  ['udp', udpSchema, () => sectionAt(['chihaya', 'udp'])],
  ['storage', storageSchema, () => sectionAt(['chihaya', 'storage', 'config'])],
  ...Object.entries(HOOK_SCHEMAS).map(([name, schema]): [string, z.ZodObject, () => YAMLMap] => [
    name,
    schema,
    () => optionsOf(name),
  ]),
  ['risk', riskSchema, () => sectionAt(['chihaya', 'risk'])],
  ...Object.entries(RISK_RULE_SCHEMAS).map(([name, schema]): [string, z.ZodObject, () => YAMLMap] => [
    name,
    schema,
    () => sectionAt(['chihaya', 'risk', name]),
  ]),
]
const SUBSECTIONS = ['http', 'udp', 'storage', 'prehooks', 'risk', ...Object.keys(RISK_RULE_SCHEMAS)]

test.each(sections)(
  '%s: every key is in the example file with the default of the schema',
  (name, schema, section) => {
    const defaults = schema.parse({}) as Record<string, unknown>
    const found = documented(section())
    const keys = Object.keys(schema.shape).filter((key) => !SUBSECTIONS.includes(key))
    for (const key of keys) {
      const isUnused = UNUSED.includes(key) && !(name === 'storage' && key === 'redis_connect_timeout')
      if (isUnused) continue
      assert.ok(found.has(key), `${name}.${key} is not in the example file`)
      const value = found.get(key)
      const parsed =
        value === undefined ? undefined : (schema.parse({ [key]: value }) as Record<string, unknown>)[key]
      assert.deepEqual(parsed, defaults[key], `${name}.${key}`)
    }
  },
)

test('keys that do nothing are mentioned as such', () => {
  for (const key of UNUSED) assert.ok(text.includes(key), key)
})
