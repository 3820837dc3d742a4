import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TRAFFIC_KEY } from '../../src/contract/redisKeys.ts'
import { blocksOf, matching } from '../support/programs/guide.ts'
import { packedProject } from '../support/programs/packedProject.ts'
import { endProcesses, startProcess } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/library.md'), 'utf8')
const SOON_MS = 15_000

let project: string
let redisUrl: string
beforeAll(async () => {
  project = packedProject(['better-sqlite3', '@types/node'])
  redisUrl = (await startRedis()).url
  await appendTraffic()
}, 120_000)
afterAll(endProcesses)

/** What an announce would have appended. */
async function appendTraffic(): Promise<void> {
  const client = new Redis(redisUrl)
  const who = {
    passkey: 'a11ce000000000000000000000000000',
    infohash: 'aa'.repeat(20),
    peer_id: 'bb'.repeat(20),
  }
  const where = { port: 6881, ip: '192.0.2.1', af: 'IPv4' }
  const what = { du: 1_048_576, dd: 0, left: 0, event: 'none', ts: 1_800_001_024, dt: 1024 }
  const fields = { ...who, ...where, ...what, interval: 1800, min_interval: 900 }
  await client.xadd(TRAFFIC_KEY, '*', ...Object.entries(fields).flat())
  client.disconnect()
}

function file(name: string, code: string): string {
  const path = join(project, name)
  writeFileSync(path, code)
  return path
}

function environmentOf(code: string) {
  const user = code.includes('TrafficConsumer') ? 'consumer' : 'site'
  return { REDIS_URL: urlAs(user, redisUrl), DATABASE_URL: `sqlite://${join(project, 'ledger.sqlite')}` }
}

function run(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: project, env: { ...process.env, ...env }, timeout: SOON_MS }
    execFile(process.execPath, [path], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${path}: ${stderr}`, { cause: error }))
      else resolve(stdout + stderr)
    })
  })
}

/** What it prints until it is asked to end, once it has printed the first line. */
async function runUntilAsked(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  const command = { name: path, program: process.execPath, args: [path], cwd: project, env }
  const server = await startProcess(command)
  await server.says(/\n/, SOON_MS)
  expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
  return server.output()
}

test('plain JavaScript elsewhere imports what a site is promised, and all of it is in the guide', async () => {
  const promised = [
    'createTrafficConsumer',
    'openLedger',
    'createPasskeys',
    'createVerifyApp',
    'parseTrafficEvent',
  ]
  const code = `
    import { ${promised.join(', ')} } from 'redswarm'
    import * as library from 'redswarm'
    console.log(JSON.stringify({ found: [${promised.join(', ')}].every(Boolean), names: Object.keys(library) }))
  `
  const { found, names } = JSON.parse(await run(file('names.js', code), {}))
  expect(found).toBe(true)
  const rows = guide.match(/^\| `.*$/gm)!.join('\n')
  for (const name of names) expect(rows).toContain(`\`${name}\``)
})

/** The types hold without `skipLibCheck`, and refuse what is wrong: a line that should not compile and does is an error. */
const TYPED = `
import { createPasskeys, createVerifyApp, type Ledger, openLedger, LedgerUnavailable, type Passkeys, parseTrafficEvent } from 'redswarm'
import { createTrafficConsumer, type TrafficEvent, type VerifyAppOptions } from 'redswarm'

const event: TrafficEvent = parseTrafficEvent(['passkey', 'alice'])
const bytes: number = event.uploadedDeltaBytes + (event.totals?.uploadedBytes ?? 0)
// @ts-expect-error fields are text
parseTrafficEvent({ du: 1 })

const ledger: Ledger = await openLedger('sqlite::memory:', { windowSeconds: 300, recover: false })
const { settled, uploadedBytes } = await ledger.settle('history', [{ id: '1-0', event }])
const sums: [number, bigint] = [settled, uploadedBytes]
// @ts-expect-error an amount is a bigint
const amount: number = uploadedBytes

const consumer = createTrafficConsumer({ redis: { host: '127.0.0.1', port: 6379 }, ledger, batch: 100 })
const trouble: 'redis' | 'database' | 'stopping' | undefined = consumer.trouble
// @ts-expect-error where the entries are settled is not said
createTrafficConsumer({ redis: 'redis://127.0.0.1' })

const options: VerifyAppOptions = { apiKey: 'secret', lookup: async (passkey) => passkey.startsWith('a') }
const answer: Response = await createVerifyApp(options).request('/verify')
// @ts-expect-error it must be told who may announce
createVerifyApp({ apiKey: 'secret' })

const list: Passkeys = createPasskeys({ redis: 'redis://127.0.0.1' })
const added: number = await list.add(['alice'])
export { added, amount, answer, bytes, LedgerUnavailable, sums, trouble }
`

test('TypeScript elsewhere compiles against the declarations, and is told what is wrong', () => {
  file('typed.ts', TYPED)
  const compilerOptions = {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
  }
  file('tsconfig.json', JSON.stringify({ compilerOptions, files: ['typed.ts'] }))
  const tsc = join(root, 'node_modules/.bin/tsc')
  const { stdout, status } = spawnSync(tsc, ['-p', project], { encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: '', status: 0 })
})

test('each example of docs/library.md runs as written, and prints what the guide says', async () => {
  const blocks = blocksOf(guide)
  let compared = 0
  for (const [i, { kind, code }] of blocks.entries()) {
    if (!kind.startsWith('js')) continue
    const path = file(`example-${i}.js`, code)
    const printed = await (kind === 'js server' ? runUntilAsked : run)(path, environmentOf(code))
    const next = blocks[i + 1]
    if (next?.kind !== 'text') continue
    expect(printed, code).toMatch(matching(next.code))
    compared++
  }
  expect(compared).toBeGreaterThanOrEqual(7)
})
