import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { buildConfig } from '../../../src/config/build.ts'
import type { Config } from '../../../src/config/config.ts'
import { HOOK_SCHEMAS, UNUSED_HOOK_KEYS, UNUSED_TRAFFIC_KEYS } from '../../../src/config/hookSchemas.ts'
import { RISK_RULE_SCHEMAS, riskSchema } from '../../../src/config/risk.ts'
import {
  chihayaSchema,
  httpSchema,
  storageSchema,
  UNUSED_STORAGE_KEYS,
  udpSchema,
} from '../../../src/config/schema.ts'
import type { Settings } from '../../../src/config/settings.ts'

const SRC = fileURLToPath(new URL('../../../src', import.meta.url))

/** Source texts without comments and without the declarations of types, where a key is named and not used. */
function codeOf(...paths: string[]): string {
  return paths
    .map((path) => readFileSync(join(SRC, path), 'utf8'))
    .join('\n')
    .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\breadonly \w+\??:/gm, '')
}
const program = codeOf(
  ...readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.startsWith('config'),
  ),
)
const fromFileToConfig = codeOf('config/build.ts', 'config/buildHooks.ts', 'config/risk.ts', 'config/load.ts')

/** Said in the example file and by `check-config`; the last one is in nearly every file of Chihaya and asks for what is done anyway. */
const WITHOUT_EFFECT = [
  ...Object.keys({ ...UNUSED_STORAGE_KEYS, ...UNUSED_HOOK_KEYS, ...UNUSED_TRAFFIC_KEYS }),
  'enable_request_timing',
]

/** A configuration with every section and every hook. */
function sample(): Config {
  const { prehooks, posthooks, ...sections } = chihayaSchema.parse({
    http: { addr: ':1', https_addr: ':2' },
    udp: { addr: ':3' },
    storage: { config: { redis_broker: 'redis://127.0.0.1' } },
  })
  const hooks = Object.entries(HOOK_SCHEMAS).map(([name, schema]) => ({ name, options: schema.parse({}) }))
  const pair = { certPath: 'a', keyPath: 'b', cert: 'c', key: 'd' }
  return buildConfig({ ...sections, hooks } as unknown as Settings, { db: 0 }, pair)
}

/** Names of the keys that hold values and not further keys. */
function leavesOf(node: object): string[] {
  return Object.entries(node).flatMap(([key, value]) => {
    const inner = Array.isArray(value) ? value.filter((item) => typeof item === 'object') : value
    const isLeaf = typeof inner !== 'object' || inner === null || Object.keys(inner).length === 0
    return isLeaf ? [/^\d+$/.test(key) ? [] : key].flat() : leavesOf(inner)
  })
}

const leaves = [...new Set(leavesOf(sample()))]

test.each(leaves)('the program reads %s of its configuration', (key) => {
  assert.match(program, new RegExp(`\\b${key}\\b`))
})

const schemas = [
  chihayaSchema,
  httpSchema,
  udpSchema,
  storageSchema,
  ...Object.values(HOOK_SCHEMAS),
  riskSchema,
  ...Object.values(RISK_RULE_SCHEMAS),
]
test('every key of the file comes into the configuration, but for those said to be without effect', () => {
  const keys = new Set(schemas.flatMap((schema) => Object.keys(schema.shape)))
  const unread = [...keys].filter(
    (key) => !leaves.includes(key) && !new RegExp(`\\b${key}\\b`).test(fromFileToConfig),
  )
  const isRead = (key: string) => !unread.includes(key)
  assert.deepEqual(
    unread.filter((key) => !WITHOUT_EFFECT.includes(key)),
    [],
  )
  // The hooks have a key of this name without effect, the storage has one with.
  assert.deepEqual(WITHOUT_EFFECT.filter(isRead), ['redis_connect_timeout'])
})
