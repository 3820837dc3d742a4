import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../../src', import.meta.url))

const FOUNDATION = ['bittorrent/', 'runtime/']

/**
 * Who may import whom: a folder's files may import their own folder and what starts with one of these. A file not below
 * any of these folders (`index.ts`) and `cli` may import anything.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  bittorrent: [],
  runtime: [],
  contract: FOUNDATION,
  config: FOUNDATION,
  metrics: [...FOUNDATION, 'contract/'],
  tracker: [...FOUNDATION, 'contract/'],
  redis: [...FOUNDATION, 'contract/', 'tracker/ports.ts', 'tracker/plan.ts'],
  'frontend/http': [...FOUNDATION, 'tracker/', 'metrics/'],
  'frontend/udp': [...FOUNDATION, 'tracker/', 'metrics/'],
  doctor: [...FOUNDATION, 'contract/', 'config/config.ts', 'redis/'],
  load: [...FOUNDATION, 'frontend/udp/packets.ts', 'frontend/udp/requests.ts', 'frontend/udp/urlData.ts'],
  pt: [
    ...FOUNDATION,
    'contract/',
    'metrics/',
    'tracker/ports.ts',
    'redis/connection.ts',
    'redis/keys.ts',
    'redis/script.ts',
    'redis/stayInDatabase.ts',
  ],
}
const UNRESTRICTED = ['cli', 'index.ts']

/** Folder of ALLOWED or UNRESTRICTED that a path below src belongs to; undefined for a folder nobody made a rule for. */
function areaOf(path: string): string | undefined {
  return [...Object.keys(ALLOWED), ...UNRESTRICTED].find(
    (area) => path === area || path.startsWith(`${area}/`),
  )
}

/** Relative imports of a source text, static, re-exported, for types or dynamic, as paths below src. */
function importsOf(path: string, text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const specifiers = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*(['"`])(\.{1,2}\/[^'"`]+)\1/g)
  return [...specifiers].map(([, , specifier]) => posix.normalize(posix.join(dirname(path), specifier!)))
}

/** One line for each import that the table forbids. */
function violations(path: string, text: string): string[] {
  const area = areaOf(path)
  if (area === undefined) return [`${path} is in no folder of the table`]
  if (UNRESTRICTED.includes(area)) return []
  const isAllowed = (target: string) =>
    target.startsWith(`${area}/`) || ALLOWED[area]!.some((allowed) => target.startsWith(allowed))
  return importsOf(path, text)
    .filter((target) => !isAllowed(target))
    .map((target) => `${path} imports ${target}`)
}

const sources = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SRC, join(entry.parentPath, entry.name)).split(sep).join('/'))

describe('who may import whom', () => {
  test('every source keeps to the table', () => {
    expect(sources).toContain('tracker/tracker.ts')
    expect(sources.flatMap((path) => violations(path, readFileSync(join(SRC, path), 'utf8')))).toEqual([])
  })

  test('the imports of a real file are found', () => {
    const text = readFileSync(join(SRC, 'tracker/tracker.ts'), 'utf8')
    expect(importsOf('tracker/tracker.ts', text)).toContain('bittorrent/failure.ts')
  })

  test.each([
    ['bittorrent/bencode.ts', "import { a } from '../contract/a.ts'"],
    ['runtime/clock.ts', "import '../config/load.ts'"],
    ['config/load.ts', "import { a } from '../redis/connection.ts'"],
    ['tracker/hooks/trafficPush.ts', "import { a } from '../../redis/keys.ts'"],
    ['redis/swarmStore.ts', "import type { Tracker } from '../tracker/tracker.ts'"],
    ['frontend/http/server.ts', "import { a } from '../udp/packets.ts'"],
    ['frontend/udp/server.ts', "import {\n  a,\n} from '../../redis/script.ts'"],
    ['pt/passkeys.ts', "export { a } from '../redis/swarmStore.ts'"],
    ['pt/risk/rate.ts', "const a = await import('../../tracker/plan.ts')"],
    ['metrics/server.ts', "import type { A } from '../tracker/ports.ts'"],
    ['doctor/diagnose.ts', "import { a } from '../pt/passkeys.ts'"],
    ['load/run.ts', "import { a } from '../frontend/udp/server.ts'"],
    ['frontend/http/server.ts', "import { a } from '../../load/run.ts'"],
    ['somewhere/new.ts', ''],
  ])('%s is caught when it oversteps', (path, text) => {
    expect(violations(path, text)).toHaveLength(1)
  })

  test.each([
    ['tracker/hooks/trafficPush.ts', "import type { Hook } from '../tracker.ts'"],
    ['redis/swarmStore.ts', "import type { AnnouncePlan } from '../tracker/plan.ts'"],
    ['pt/passkeys.ts', "import { a } from '../redis/connection.ts'"],
    ['cli/serve.ts', "import { a } from '../redis/swarmStore.ts'"],
    ['load/udpTransport.ts', "import { a } from '../frontend/udp/packets.ts'"],
    ['index.ts', "export * from './pt/passkeys.ts'"],
    ['runtime/clock.ts', "// import '../config/load.ts'"],
    ['runtime/clock.ts', "import { setTimeout } from 'node:timers/promises'"],
  ])('%s may do what the table allows', (path, text) => {
    expect(violations(path, text)).toEqual([])
  })
})
