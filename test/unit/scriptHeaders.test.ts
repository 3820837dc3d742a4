import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { layoutOf, type PackedLayout } from '../../src/bittorrent/packedLayout.ts'
import { ENDPOINT_BYTES, PACKED_PEER } from '../../src/bittorrent/packedPeer.ts'
import { luaFiles } from '../../src/redis/script.ts'
import {
  passkeyAddScript,
  passkeyCatchUpScript,
  passkeyImportBeginScript,
  passkeyImportEndScript,
  passkeyRemoveScript,
  passkeyStageScript,
  passkeySwapScript,
} from '../../src/site/passkeys/passkeyScripts.ts'
import * as trafficScripts from '../../src/site/traffic/trafficScripts.ts'
import { announceScript } from '../../src/tracker/store/scripts/announce.ts'
import { ANNOUNCE_POLICY, ANNOUNCE_REQUEST } from '../../src/tracker/store/scripts/announceLayouts.ts'
import { leaseScript } from '../../src/tracker/store/scripts/lease.ts'
import { probeScript } from '../../src/tracker/store/scripts/probe.ts'
import { scrapeScript } from '../../src/tracker/store/scripts/scrape.ts'
import { sweepScript } from '../../src/tracker/store/scripts/sweep.ts'
import { SESSION_LAYOUT } from '../../src/tracker/store/sessionLayout.ts'

const LUA = new URL('../../lua/', import.meta.url)
const SCRIPTS = [
  announceScript,
  scrapeScript,
  sweepScript,
  leaseScript,
  probeScript,
  passkeyAddScript,
  passkeyCatchUpScript,
  passkeyImportBeginScript,
  passkeyImportEndScript,
  passkeyRemoveScript,
  passkeyStageScript,
  passkeySwapScript,
  ...Object.values(trafficScripts),
].map((script) => script.definition)
const lua = (file: string) => readFileSync(new URL(file, LUA), 'utf8')

interface Header {
  readonly keys: string[]
  readonly args: string[]
}

/** The numbered names under KEYS and ARGV. Throws when a number is missing, twice, or out of order. */
function readHeader(source: string): Header {
  const comment = /^--\[\[\n(.*?)^\]\]$/ms.exec(source)?.[1] ?? ''
  const names = { KEYS: [] as string[], ARGV: [] as string[] }
  let section: keyof typeof names | undefined
  for (const line of comment.split('\n')) {
    const [, word, rest = ''] = /^([A-Z]+)?(.*)$/.exec(line)!
    if (word !== undefined) section = word === 'KEYS' || word === 'ARGV' ? word : undefined
    const [, number, name] = /^ {1,7}(\d+) (\S+)/.exec(rest) ?? []
    if (section === undefined || number === undefined) continue
    names[section].push(name!)
    if (Number(number) !== names[section].length)
      throw new Error(`${section} ${number} ${name}: out of order`)
  }
  return { keys: names.KEYS, args: names.ARGV }
}

/** Throws unless the header names what the wrapper sends, in the same order. */
function compare(source: string, { keys, args }: (typeof SCRIPTS)[number]): void {
  expect(readHeader(source)).toEqual({ keys: [...keys], args: [...args] })
}

/** Highest fixed index that the code reads from KEYS or ARGV. */
function highest(source: string, table: 'KEYS' | 'ARGV'): number {
  const code = source.replace(/^--\[\[.*?^\]\]$/ms, '')
  return Math.max(
    0,
    ...Array.from(code.matchAll(new RegExp(`\\b${table}\\[(\\d+)\\]`, 'g')), ([, n]) => Number(n)),
  )
}

const fixed = (names: readonly string[]) => names.filter((name) => !name.startsWith('...')).length

test.each(SCRIPTS.map((each) => [each.file, each] as const))(
  'the header of %s names the keys and arguments of its wrapper, in their order',
  (file, definition) => compare(lua(file), definition),
)

test.each(SCRIPTS.map((each) => [each.file, each] as const))(
  '%s reads as many keys and arguments as its wrapper sends',
  (file, { keys, args }) => {
    expect(highest(lua(file), 'KEYS')).toBe(fixed(keys))
    expect(highest(lua(file), 'ARGV')).toBe(fixed(args))
  },
)

test('every script has a wrapper that is compared here', () => {
  expect(luaFiles()).toEqual(SCRIPTS.map(({ file }) => file).sort())
})

/** Every way in which a header and its wrapper can part. */
const DRIFTS: readonly [string, (header: string) => string][] = [
  ['a key is renamed', (header) => header.replace('1 seeders ', '1 seeds   ')],
  ['an argument is renamed', (header) => header.replace('4 infohash', '4 info_hash')],
  [
    'two keys change places',
    (header) => header.replace('1 seeders', '1 leechers').replace('2 leechers', '2 seeders'),
  ],
  ['an argument is missing', (header) => header.replace(/^ +4 infohash.*\n/m, '')],
  ['an argument is added', (header) => header.replace(/^( +)4 infohash.*\n/m, '$&$15 extra\n')],
  ['a number is wrong', (header) => header.replace('2 peerLifetimeSeconds', '3 peerLifetimeSeconds')],
  ['the header is gone', (header) => header.replace('--[[', '--')],
]
test.each(DRIFTS)('the comparison fails when %s', (_, change) => {
  const { file } = sweepScript.definition
  const changed = change(lua(file))
  expect(changed).not.toBe(lua(file))
  expect(() => compare(changed, sweepScript.definition)).toThrow()
})

/** What each packed string is called in the scripts. */
const LAYOUTS: Readonly<Record<string, PackedLayout>> = {
  'ARGV[2]': ANNOUNCE_POLICY,
  'ARGV[3]': ANNOUNCE_REQUEST,
  record: SESSION_LAYOUT,
  session: SESSION_LAYOUT,
}
const STRUCT_CALL = /(?:local ([\w,\s]+?) =\s+)?struct\.(unpack|pack)\(">(\w+)",\s+((?:[^()"]|\n)+?)\)/g

interface StructCall {
  readonly layout: PackedLayout
  /** `_` for a value that the script does not use. */
  readonly names: string[]
  readonly formats: string[]
  /** Counted from 0. */
  readonly offset: number
}

/** Every call of Lua's struct library in a source. Throws when one is written in a way that is not read here. */
function structCalls(source: string): StructCall[] {
  const calls = Array.from(source.matchAll(STRUCT_CALL), ([text, locals, kind, format, rest]) => {
    const list = (words = '') => words.split(',').map((word) => word.trim())
    const args = list(rest)
    const isPack = kind === 'pack'
    const layout = LAYOUTS[isPack ? args[0]!.split('.')[0]! : args[0]!]
    if (!layout) throw new Error(`${text}: no layout for ${args[0]}`)
    return {
      layout,
      names: isPack ? args.map((each) => each.split('.')[1]!) : list(locals),
      formats: format!.match(/[A-Za-z]\d*/g)!,
      offset: isPack ? 0 : Number(args[1] ?? 1) - 1,
    }
  })
  const count = source.match(/\bstruct\./g)?.length ?? 0
  if (calls.length !== count) throw new Error(`${calls.length} of ${count} struct calls can be read`)
  return calls
}

/** Throws unless a call has the names and formats of the layout from its offset on, all of them where it starts at 0. */
function compareLayout({ layout, names, formats, offset }: StructCall): void {
  const first = layout.fields.findIndex((field) => field.offset === offset)
  const fields = layout.fields.slice(first, offset === 0 ? undefined : first + names.length)
  expect(first).toBeGreaterThanOrEqual(0)
  expect(formats).toEqual(fields.map(({ format }) => format))
  expect(names).toEqual(fields.map(({ name }, i) => (names[i] === '_' ? '_' : name)))
}

const luaSources = readdirSync(LUA, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.lua'),
)

test('every struct call has the names, formats and offsets of its layout', () => {
  const calls = luaSources.flatMap((file) => structCalls(lua(file)))
  expect(calls).toHaveLength(5) // policy, request, and a session record: read, written, and read for its role
  for (const call of calls) compareLayout(call)
  expect(new Set(calls.map(({ layout }) => layout))).toEqual(new Set(Object.values(LAYOUTS)))
})

test('the header of announce.lua has the names and sizes of what is packed', () => {
  const header = lua('tracker/announce.lua')
  for (const [number, layout] of [
    ['2 policy ', ANNOUNCE_POLICY],
    ['3 request ', ANNOUNCE_REQUEST],
  ] as const) {
    const text = header.split(` ${number}`)[1]!.split(/^ +\d+ \S/m)[0]!
    const sizes = text.replace(/\([^)]*\)/g, '').matchAll(/(\w+) (\d+)/g)
    expect(Array.from(sizes, ([, name, bytes]) => [name, Number(bytes)])).toEqual(
      layout.fields.map(({ name, bytes }) => [name, bytes]),
    )
  }
})

test('scripts and documentation have the sizes of session records and endpoints', () => {
  const sources = luaSources.map(lua).join('\n')
  const numbers = (pattern: RegExp) =>
    Array.from(sources.matchAll(pattern), (found) => found.slice(1).map(Number))
  for (const [size] of numbers(/#record [~=]= (\d+)/g)) expect(size).toBe(SESSION_LAYOUT.bytes)
  const { IPv4, IPv6 } = ENDPOINT_BYTES
  expect(numbers(/string\.sub\(before\.endpoints, (\d+), (\d+)\)/g)).toEqual([
    [1, IPv4],
    [IPv4 + 1, IPv4 + IPv6],
  ])
  expect(numbers(/string\.rep\("\\0", (\d+)\)/g)).toEqual([[IPv4], [IPv6]])
  expect(PACKED_PEER.fields[0]!.bytes + SESSION_LAYOUT.fields.at(-1)!.bytes).toBe(PACKED_PEER.bytes)
})

test('docs/redis-schema.md lists the session record', () => {
  const schema = readFileSync(new URL('../../docs/redis-schema.md', import.meta.url), 'utf8')
  const section = schema.split(`## Session record, ${SESSION_LAYOUT.bytes} bytes`)[1]!.split('\n## ')[0]!
  const rows = Array.from(section.matchAll(/^\| (\d+) \| (\d+) \|/gm), ([, offset, bytes]) => ({
    offset: Number(offset),
    bytes: Number(bytes),
  }))
  expect(rows).toEqual(SESSION_LAYOUT.fields.map(({ offset, bytes }) => ({ offset, bytes })))
})

/** Every way in which a layout and a script can part. */
const LAYOUT_DRIFTS: readonly [string, string, string, string][] = [
  ['two names change places', 'tracker/announce.lua', 'maxLeeching, maxSeeding', 'maxSeeding, maxLeeching'],
  ['two formats change places', 'tracker/announce.lua', 'BBBI2I8', 'BBI2BI8'],
  ['a field is missing', 'tracker/announce.lua', 'numwant, approval', 'approval'],
  [
    'a record is read in another order',
    'lib/readSession.lua',
    'lastSeconds, sinceSeconds',
    'sinceSeconds, lastSeconds',
  ],
  [
    'a record is written in another order',
    'lib/writeSession.lua',
    'session.lastSeconds, session.sinceSeconds',
    'session.sinceSeconds, session.lastSeconds',
  ],
  ['a part of a record is read elsewhere', 'lib/isFull.lua', 'record, 17', 'record, 21'],
  [
    'a part of a record is read with another name',
    'lib/isFull.lua',
    'local lastSeconds, _',
    'local sinceSeconds, _',
  ],
  ['the string has no layout', 'lib/readSession.lua', ', record)', ', whatever)'],
  ['the format is a variable', 'lib/readSession.lua', '">I8I8I4I4I4I4Bc24"', 'LAYOUT'],
]
test.each(LAYOUT_DRIFTS)('the comparison fails when %s', (_, file, from, to) => {
  const changed = lua(file).replace(from, to)
  expect(changed).not.toBe(lua(file))
  expect(() => structCalls(changed).forEach(compareLayout)).toThrow()
})

test('the comparison fails when two fields of a table change places', () => {
  const [call] = structCalls(lua('lib/readSession.lua'))
  const [first, second, ...rest] = SESSION_LAYOUT.fields
  expect(() => compareLayout({ ...call!, layout: layoutOf([second!, first!, ...rest]) })).toThrow()
})
