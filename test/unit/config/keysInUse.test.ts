import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { SITE_SECTIONS } from '../../../src/cli/loadSiteConfig.ts'
import { buildConfig, type Settings } from '../../../src/config/build.ts'
import type { Config } from '../../../src/config/config.ts'
import { type Entries, unwrap } from '../../../src/config/section.ts'
import { chihayaSection } from '../../../src/config/sections.ts'
import { HOOKS } from '../../../src/tracker/hooks/list.ts'

const SRC = fileURLToPath(new URL('../../../src', import.meta.url))

/** Source texts without comments, declarations of types and lines of sections, where a key is named and not used. */
function codeOf(paths: string[]): string {
  return paths
    .map((path) => readFileSync(join(SRC, path), 'utf8'))
    .join('\n')
    .replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\breadonly \w+\??:|\b\w+: \[\s*'\w+',/gm, '')
}
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
const everything = codeOf(sources)
const program = codeOf(sources.filter((path) => !path.startsWith('config')))

/** Said in the example file and by `check-config`; the last one is in nearly every file of Chihaya and asks for what is done anyway. */
const WITHOUT_EFFECT = [
  'redis_read_timeout',
  'redis_write_timeout',
  'redis_connect_timeout',
  'last_key_prefix',
  'retry_count',
  'retry_interval',
  'shard_count',
  'prometheus_reporting_interval',
  'enable_request_timing',
]

/** A configuration with every section and every hook. */
function sample(): Config {
  const { prehooks, posthooks, ...sections } = chihayaSection(SITE_SECTIONS).parse({
    http: { addr: ':1', https_addr: ':2' },
    udp: { addr: ':3' },
    storage: { config: { redis_broker: 'redis://127.0.0.1' } },
  })
  const hooks = HOOKS.map(({ name, options }) => ({ name, options: options.parse({}) }))
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

const leaves = [...new Set(leavesOf(sample()))].filter((key) => key !== 'redisBroker') // moved to redis.connection

test.each(leaves)('the program reads %s of its configuration', (key) => {
  assert.match(program, new RegExp(`\\b${key}\\b`))
})

/** A section and those in it. */
function* sectionsBelow(schema: Parameters<typeof unwrap>[0]): Generator<ReturnType<typeof unwrap>> {
  const section = unwrap(schema)
  if (!section.entries) return
  yield section
  for (const [, inner] of Object.values(section.entries)) yield* sectionsBelow(inner)
}
const sections = [chihayaSection(SITE_SECTIONS), ...HOOKS.map(({ options }) => options)].flatMap((schema) => [
  ...sectionsBelow(schema),
])

test('every key of the file is read, but for those said to be without effect', () => {
  const names = new Set(sections.flatMap(({ entries }) => Object.keys(entries as Entries)))
  assert.ok(names.size > 80)
  const unread = [...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(everything))
  assert.deepEqual(unread, [])
  const unused = new Set(sections.flatMap(({ unused }) => Object.keys(unused!)))
  assert.deepEqual([...unused].toSorted(), WITHOUT_EFFECT.toSorted())
})
