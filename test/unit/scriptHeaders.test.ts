import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
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
import { leaseScript } from '../../src/tracker/store/scripts/lease.ts'
import { probeScript } from '../../src/tracker/store/scripts/probe.ts'
import { scrapeScript } from '../../src/tracker/store/scripts/scrape.ts'
import { sweepScript } from '../../src/tracker/store/scripts/sweep.ts'

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
  ['a number is wrong', (header) => header.replace('2 peerLifetime', '3 peerLifetime')],
  ['the header is gone', (header) => header.replace('--[[', '--')],
]
test.each(DRIFTS)('the comparison fails when %s', (_, change) => {
  const { file } = sweepScript.definition
  const changed = change(lua(file))
  expect(changed).not.toBe(lua(file))
  expect(() => compare(changed, sweepScript.definition)).toThrow()
})
