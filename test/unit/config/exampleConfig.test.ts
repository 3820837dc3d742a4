import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { isMap, isScalar, isSeq, parse, parseDocument, type Scalar, type YAMLMap } from 'yaml'
import { SITE_SECTIONS } from '../../../src/cli/loadSiteConfig.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { type Section, unwrap } from '../../../src/config/section.ts'
import { chihayaSection } from '../../../src/config/sections.ts'
import { ConfigError } from '../../../src/runtime/errors.ts'
import { HOOKS } from '../../../src/tracker/hooks/list.ts'

const text = readFileSync(new URL('../../../dist/example_config.yaml', import.meta.url), 'utf8')
const everything = text.replace(/^( *)#(?! )/gm, '$1')
const lines = everything.split('\n')
const options = { sections: SITE_SECTIONS }

type AnySection = Section<Record<string, unknown>>

/** Every section with the map that documents it, with every key turned on. */
const sections: [string, AnySection, YAMLMap][] = [
  ...sectionsBelow('chihaya', chihayaSection(SITE_SECTIONS), mapAt(['chihaya'])),
  ...HOOKS.map(({ name, options: section }): [string, AnySection, YAMLMap] => [
    name,
    section as unknown as AnySection,
    optionsOf(name),
  ]),
]

function sectionsBelow(name: string, schema: unknown, map: YAMLMap): [string, AnySection, YAMLMap][] {
  const section = schema as AnySection
  const inner = Object.values(section.entries).flatMap(([key, value]) => {
    const below = unwrap(value)
    if (!below.entries) return []
    const child = map.get(key)
    assert.ok(isMap(child), `${name}.${key} is not in the example file`)
    return sectionsBelow(`${name}.${key}`, below, child)
  })
  return [[name, section, map], ...inner]
}

function mapAt(path: string[]): YAMLMap {
  const section = parseDocument(everything).getIn(path)
  assert.ok(isMap(section), path.join('.'))
  return section
}

function optionsOf(name: string): YAMLMap {
  const hooks = parseDocument(everything).getIn(['chihaya', 'prehooks'])
  assert.ok(isSeq(hooks))
  const entry = hooks.items.find((item) => isMap(item) && item.get('name') === name)
  assert.ok(isMap(entry), name)
  const map = entry.get('options')
  assert.ok(isMap(map), name)
  return map
}

/** The text after "default:" beside a key, and the comment above it; keys in a row share the comment above the first. */
function documented(
  map: YAMLMap,
  key: string,
): { fallback: string | undefined; comment: string } | undefined {
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key)
  if (pair === undefined) return undefined
  let line = everything.slice(0, (pair.key as Scalar).range![0]).split('\n').length - 1
  const fallback = / # default: (.*)$/.exec(lines[line]!)?.[1]
  const isComment = (at: number) => /^ *# /.test(lines[at]!)
  while (!isComment(line)) line--
  let first = line
  while (isComment(first - 1)) first--
  const block = lines.slice(first, line + 1)
  return { fallback, comment: block.map((each) => each.replace(/^ *# /, '')).join(' ') }
}

test('the example file loads, and its hooks are on', () => {
  const { config, warnings } = loadConfig(text, {}, options)
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
      loadConfig(everything, {}, options)
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

const keys = sections.flatMap(([name, section, map]) =>
  Object.entries(section.entries)
    .filter(([, [key, schema]]) => !unwrap(schema).entries && !['prehooks', 'posthooks'].includes(key))
    .map(([program, [key]]) => ({ title: `${name}: ${key}`, section, map, program, key })),
)

test.each(keys)('$title is in the example file with its default', ({ section, map, program, key }) => {
  const found = documented(map, key)
  assert.ok(found?.fallback, 'has no line "# default: ..."')
  const value = found.fallback === 'none' ? undefined : parse(found.fallback)
  const tree = value === undefined ? {} : { [key]: value }
  assert.deepEqual(section.parse(tree)[program], section.parse({})[program])
  assert.equal(value === undefined, section.parse({})[program] === undefined)
})

const bounded = keys.flatMap((each) => {
  const { range } = unwrap(each.section.entries[each.program]![1])
  return range === undefined ? [] : [{ ...each, range }]
})

test.each(bounded)('$title says its bounds, $range', ({ map, key, range }) => {
  const [minimum, maximum] = range.split(' to ')
  const { comment } = documented(map, key)!
  const ways = [
    range,
    `up to ${maximum}`,
    `${minimum} to [a-z]+_[a-z_]+\\)`, // another key bounds it further
    `[a-z]+_[a-z_]+ to ${maximum}`,
    'The rest as for http',
  ].map((way) => new RegExp(`(^|[ (])${way}`))
  const isShared = new RegExp(`(${range}|up to ${maximum}), as all`).test(everything.replace(/\n *# /g, ' '))
  assert.ok(isShared || ways.some((way) => way.test(comment)), comment)
})

test('keys that do nothing are mentioned as such', () => {
  const unused = sections.flatMap(([, section]) => Object.keys(section.unused))
  assert.ok(unused.length > 10)
  for (const key of unused) assert.ok(text.includes(key), key)
})
