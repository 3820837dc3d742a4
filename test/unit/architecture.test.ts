import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

/**
 * Who may import whom: the files of a folder may import their own folder and what starts with one of these. The folder
 * with the longest name counts. Every folder may import `bittorrent` and `runtime`, which import nothing of ours but
 * themselves; every other permission must be in use.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bittorrent: [],
  runtime: [],
  contract: [],
  config: ['tracker/hooks/'],
  metrics: ['contract/'],
  redis: ['contract/'],
  'tracker/core': [],
  'tracker/hooks': [
    'config/caFile.ts',
    'config/headerValues.ts',
    'config/section.ts',
    'config/values.ts',
    'contract/',
    'tracker/core/',
  ],
  'tracker/frontend/http': ['config/config.ts', 'tracker/core/'],
  'tracker/frontend/udp': ['config/config.ts', 'tracker/core/'],
  'tracker/store': ['contract/', 'redis/', 'tracker/core/plan.ts', 'tracker/core/ports.ts'],
  'tracker/verify': ['contract/', 'tracker/core/ports.ts'],
  'tracker/process': ['config/', 'contract/', 'metrics/', 'redis/', 'tracker/'],
  'site/passkeys': ['contract/', 'redis/'],
  'site/verify': ['contract/'],
  'site/ledger/accounting': ['contract/'],
  'site/ledger/sql': [],
  'site/ledger': ['contract/', 'site/ledger/'],
  'site/risk': ['config/section.ts', 'config/values.ts', 'site/ledger/'],
  'site/traffic': ['contract/', 'metrics/', 'redis/', 'site/ledger/', 'site/risk/rules/list.ts'],
  doctor: ['config/config.ts', 'contract/', 'redis/', 'tracker/store/'],
  load: ['tracker/frontend/udp/'],
}
const FOUNDATION = ['bittorrent', 'runtime']
/** These see both halves of the product, the tracker and the site's side. */
const UNRESTRICTED = ['cli', 'index.ts']
const HALVES = ['tracker', 'site'] as const

const isBelow = (folder: string, path: string) => path === folder || path.startsWith(`${folder}/`)

/** Folder of ALLOWED or UNRESTRICTED that a path below src belongs to; undefined for a folder without a rule. */
function areaOf(path: string): string | undefined {
  return [...Object.keys(ALLOWED), ...UNRESTRICTED]
    .filter((area) => isBelow(area, path))
    .toSorted((a, b) => b.length - a.length)[0]
}

/** Relative imports of a source text, static, re-exported, for types or dynamic, as paths below src. */
function importsOf(path: string, text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const specifiers = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(['"`])(\.{1,2}\/[^'"`]+)\1/g)
  return [...specifiers].map(([, , specifier]) => posix.normalize(posix.join(dirname(path), specifier!)))
}

/** The permission that covers an import; undefined where there is none. */
function permissionFor(area: string, target: string): string | undefined {
  if (areaOf(target) === area) return area
  if (!FOUNDATION.includes(area)) {
    const foundation = FOUNDATION.find((folder) => isBelow(folder, target))
    if (foundation !== undefined) return foundation
  }
  return ALLOWED[area]!.find((allowed) => target.startsWith(allowed))
}

/** One line for each import that the table forbids. */
function violations(path: string, text: string): string[] {
  const area = areaOf(path)
  if (area === undefined) return [`${path} is in no folder of the table`]
  if (UNRESTRICTED.includes(area)) return []
  return importsOf(path, text)
    .filter((target) => permissionFor(area, target) === undefined)
    .map((target) => `${path} imports ${target}`)
}

const sources = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SRC, join(entry.parentPath, entry.name)).split(sep).join('/'))
const textOf = (path: string) => readFileSync(join(SRC, path), 'utf8')

describe('who may import whom', () => {
  test('every source keeps to the table', () => {
    expect(sources).toContain('tracker/core/tracker.ts')
    expect(sources.flatMap((path) => violations(path, textOf(path)))).toEqual([])
  })

  test('tracker and site never import each other', () => {
    const crossings = HALVES.flatMap((half) => {
      const other = HALVES.find((each) => each !== half)!
      return sources
        .filter((path) => isBelow(half, path))
        .flatMap((path) => importsOf(path, textOf(path)).map((target) => `${path} imports ${target}`))
        .filter((line) => line.includes(` imports ${other}/`))
    })
    expect(crossings).toEqual([])
  })

  test('every permission is in use', () => {
    const used = new Set(
      sources.flatMap((path) => {
        const area = areaOf(path)!
        if (UNRESTRICTED.includes(area)) return []
        return importsOf(path, textOf(path)).map((target) => `${area}: ${permissionFor(area, target)}`)
      }),
    )
    const given = Object.entries(ALLOWED).flatMap(([area, targets]) =>
      targets.map((target) => `${area}: ${target}`),
    )
    expect(given.filter((permission) => !used.has(permission))).toEqual([])
  })

  test('risk rules load no database library, since the tracker reads their settings', () => {
    const rules = sources.filter((path) => isBelow('site/risk/rules', path) || path === 'site/risk/rule.ts')
    expect(rules.length).toBeGreaterThan(8)
    expect(rules.filter((path) => /^import (?!type).*'kysely'/m.test(textOf(path)))).toEqual([])
  })

  test('the imports of a real file are found', () => {
    expect(importsOf('tracker/core/tracker.ts', textOf('tracker/core/tracker.ts'))).toContain(
      'bittorrent/failure.ts',
    )
  })

  test.each([
    ['bittorrent/bencode.ts', "import { a } from '../contract/a.ts'"],
    ['runtime/clock.ts', "import '../config/load.ts'"],
    ['config/load.ts', "import { a } from '../redis/connection.ts'"],
    ['tracker/hooks/trafficPush.ts', "import { a } from '../../redis/keys.ts'"],
    ['tracker/store/swarmStore.ts', "import type { Tracker } from '../core/tracker.ts'"],
    ['tracker/frontend/http/server.ts', "import { a } from '../udp/packets.ts'"],
    ['tracker/frontend/udp/server.ts', "import {\n  a,\n} from '../../../redis/script.ts'"],
    ['site/passkeys/passkeys.ts', "export { a } from '../../tracker/store/swarmStore.ts'"],
    ['site/risk/rate.ts', "const a = await import('../../tracker/core/plan.ts')"],
    ['tracker/process/serve.ts', "import { a } from '../../site/ledger/ledger.ts'"],
    ['site/ledger/accounting/settlement.ts', "import { a } from '../sql/tables.ts'"],
    ['site/ledger/sql/tables.ts', "import { a } from '../ledger.ts'"],
    ['metrics/server.ts', "import type { A } from '../tracker/core/ports.ts'"],
    ['doctor/diagnose.ts', "import { a } from '../site/passkeys/passkeys.ts'"],
    ['load/run.ts', "import { a } from '../tracker/frontend/http/server.ts'"],
    ['tracker/frontend/http/server.ts', "import { a } from '../../../load/run.ts'"],
    ['somewhere/new.ts', ''],
    ['tracker/new.ts', ''],
  ])('%s is caught when it oversteps', (path, text) => {
    expect(violations(path, text)).toHaveLength(1)
  })

  test.each([
    ['tracker/hooks/trafficPush.ts', "import type { Hook } from '../core/tracker.ts'"],
    ['tracker/store/swarmStore.ts', "import type { AnnouncePlan } from '../core/plan.ts'"],
    ['site/passkeys/passkeys.ts', "import { a } from '../../redis/connection.ts'"],
    ['cli/check.ts', "import { a } from '../tracker/store/swarmStore.ts'"],
    ['load/udpTransport.ts', "import { a } from '../tracker/frontend/udp/packets.ts'"],
    ['index.ts', "export * from './site/passkeys/passkeys.ts'"],
    ['runtime/clock.ts', "// import '../config/load.ts'"],
    ['runtime/clock.ts', "import { setTimeout } from 'node:timers/promises'"],
  ])('%s may do what the table allows', (path, text) => {
    expect(violations(path, text)).toEqual([])
  })
})
