import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openUsers } from '../../examples/site/users.mjs'
import { TRAFFIC_KEY } from '../../src/contract/redisKeys.ts'
import { openLedger } from '../../src/site/ledger/ledger.ts'
import { openInChromium } from '../support/clients/chromium.ts'
import { freePorts, hold, portOf, release } from '../support/programs/freePorts.ts'
import { blocksOf, matching, settingsOf } from '../support/programs/guide.ts'
import { isMissing } from '../support/programs/programs.ts'
import { startTracker } from '../support/programs/tracker.ts'
import {
  childrenOf,
  endProcesses,
  eventually,
  type StartedProcess,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = (name: string) => blocksOf(readFileSync(join(root, 'examples/site', name), 'utf8'))
const english = guide('README.md')
const SOON_MS = 20_000
const ALICE = 'a11ce000000000000000000000000000'
const BOB = 'b0b00000000000000000000000000000'
const SECRETS = /a11ce0{5}|b0b0{5}/
const MALLORY = '<script>document.title = "owned"</script>'

let env: Record<string, string>
let redisUrl: string
let site: StartedProcess
beforeAll(async () => {
  redisUrl = (await startRedis()).url
  const tracker = await startTracker({ redisUrl })
  env = {
    PATH: `${join(process.execPath, '..')}:${process.env.PATH}`,
    REDIS_URL: 'redis://127.0.0.1:1', // nothing is there: each part has its own user
    SITE_REDIS_URL: urlAs('site', redisUrl),
    CONSUMER_REDIS_URL: urlAs('consumer', redisUrl),
    TRACKER_URL: `http://127.0.0.1:${tracker.port}`,
    SITE_URL: '',
    VERIFY_API_KEY: 'change-me',
    DATA: temporaryFolder(),
    PORT: '0',
  }
  const users = openUsers(join(env.DATA!, 'users.sqlite'))
  users.register(MALLORY, 'badbadbadbadbadbadbadbadbadbadba')
  users.close()
  await startSite()
})
afterAll(async () => {
  for (const pid of childrenOf(site.pid)) process.kill(pid, 'SIGKILL') // npm may not pass it on
  await endProcesses()
})

/** The README's command for it, and the address that it prints. */
async function startSite(): Promise<void> {
  const command = english.find(({ kind }) => kind === 'sh server')!.code
  site = await startProcess({
    name: 'site',
    program: 'bash',
    args: ['-c', `exec ${command}`],
    cwd: root,
    env,
  })
  const [, url] = await site.says(/"listening","url":"([^"]+)"/, SOON_MS)
  env = { ...env, SITE_URL: url! }
}

/** As Ctrl-C does it: the signal comes from the terminal and once more from npm. */
async function stopSite(): Promise<void> {
  const [pid] = childrenOf(site.pid)
  process.kill(pid!, 'SIGINT')
  process.kill(site.pid, 'SIGINT')
  expect(await site.exited).toEqual({ code: 0, signal: null })
  expect(site.output()).toMatch(/"stopped settling"[^\n]*\n[^\n]*"msg":"stopped"\}\n$/)
}

function run(code: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env }, timeout: SOON_MS }
    execFile('bash', ['-euo', 'pipefail', '-c', code], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${code}\n${stderr}`, { cause: error }))
      else resolve(stdout)
    })
  })
}

const exact = (html: string, id: string) =>
  BigInt(new RegExp(`id="${id}".*?<data value="(\\d+)">`, 's').exec(html)?.[1] ?? -1)

const amountsIn = (html: string) =>
  [...html.matchAll(/<data value="(\d+)">/g)].map(([, value]) => BigInt(value!))

function rowsOf(html: string, table: string): string[] {
  const [, body] = new RegExp(`id="${table}".*?<tbody>(.*?)</tbody>`, 's').exec(html) ?? []
  return [...(body ?? '').matchAll(/<tr>.*?<\/tr>/gs)].map(([row]) => row)
}

/** Columns as SQLite gives them. */
type Amounts = Readonly<
  Record<'uploaded' | 'downloaded' | 'seed_seconds' | 'leech_seconds' | 'seconds', bigint>
>

/** What the ledger holds of a user with one torrent and one window. */
async function booksOf(passkey: string) {
  const ledger = await openLedger(`sqlite://${join(env.DATA!, 'ledger.sqlite')}`)
  const read = async (table: 'pt_users' | 'pt_user_torrents' | 'pt_windows') => {
    const rows = await ledger.database.db
      .selectFrom(table)
      .selectAll()
      .where('passkey', '=', passkey)
      .execute()
    expect(rows).toHaveLength(1)
    return rows[0] as unknown as Amounts
  }
  try {
    const user = await read('pt_users')
    const torrent = await read('pt_user_torrents')
    return { user, torrent, window: await read('pt_windows') }
  } finally {
    await ledger.close()
  }
}

/** The page once it says so much uploaded: until then entries are on their way. */
function pageOnceUploaded(name: string, bytes: bigint): Promise<string> {
  return eventually(`${name} has ${bytes} bytes uploaded`, SOON_MS, async () => {
    const html = await (await fetch(`${env.SITE_URL}/users/${name}`)).text()
    return exact(html, 'uploaded') === bytes ? html : undefined
  })
}

const needed = ['bash', 'curl', 'npm', 'chromium']
describe.skipIf(isMissing(...needed))('the example site', () => {
  test('each command of its README runs as written, and prints what the README says', async () => {
    let compared = 0
    for (const [i, { kind, code }] of english.entries()) {
      if (kind !== 'sh') continue
      const printed = await run(code)
      expect(english[i + 1]?.kind).toBe('text')
      expect(printed, code).toMatch(matching(english[i + 1]!.code))
      compared++
    }
    expect(compared).toBe(2)
    const optional = ['PATH', 'SITE_REDIS_URL', 'CONSUMER_REDIS_URL', 'DATA', 'PORT']
    expect([...settingsOf(english), ...optional].sort()).toEqual(Object.keys(env).sort())
  })

  test('a browser shows the numbers of the ledger, which are those that the clients told', async () => {
    await pageOnceUploaded('alice', 734_003_200n)
    await pageOnceUploaded('bob', 31_457_280n)
    const { user, torrent, window } = await booksOf(BOB)
    expect([user.uploaded, user.downloaded]).toEqual([31_457_280n, 734_003_200n])

    const html = await openInChromium(`${env.SITE_URL}/users/bob`)
    expect(exact(html, 'uploaded')).toBe(user.uploaded)
    expect(exact(html, 'downloaded')).toBe(user.downloaded)
    expect(exact(html, 'seed-time')).toBe(user.seed_seconds)
    expect(exact(html, 'leech-time')).toBe(user.leech_seconds)
    expect(exact(html, 'completed')).toBe(1n)
    expect(exact(html, 'upload-speed')).toBe(user.uploaded / window.seconds)
    expect(exact(html, 'download-speed')).toBe(user.downloaded / window.seconds)
    for (const text of ['>30.00 MiB<', '>700.00 MiB<', '>0.042<']) expect(html).toContain(text)

    const [row] = rowsOf(html, 'torrents')
    expect(row).toContain('61'.repeat(20))
    expect(amountsIn(row!)).toEqual([torrent.uploaded, torrent.downloaded, torrent.seed_seconds, 0n])
    const credits = rowsOf(html, 'credits').map(amountsIn)
    expect(credits).toEqual([
      [31_457_280n, 734_003_200n], // the newest first
      [0n, 0n],
    ])
    expect(html).toContain('where counting begins')

    const index = await openInChromium(env.SITE_URL!)
    const [, bob] = /href="\/users\/bob"(.*?)<\/tr>/s.exec(index) ?? []
    expect(amountsIn(bob!)).toEqual([user.uploaded, user.downloaded, user.seed_seconds])
  })

  test('what a user calls themselves is text to the browser, and no passkey is shown', async () => {
    const index = await openInChromium(env.SITE_URL!)
    expect(index).toContain('<title>Users</title>')
    expect(index).toContain('&lt;script&gt;')
    expect(index).not.toContain('<script')
    expect(index).toContain('<code>a11c…</code>')
    const alice = await openInChromium(`${env.SITE_URL}/users/alice`)
    for (const text of [index, alice, site.output()]) expect(text).not.toMatch(SECRETS)
    const missing = await fetch(`${env.SITE_URL}/users/${encodeURIComponent('<b>')}`)
    expect([missing.status, await missing.text()]).toEqual([404, expect.stringContaining('&lt;b&gt;')])
  })

  test('ended by a signal it leaves nothing half done; what comes meanwhile is credited when it is back', async () => {
    await stopSite()
    const client = new Redis(redisUrl)
    onTestFinished(() => client.disconnect())
    expect(await client.xpending(TRAFFIC_KEY, 'group-pt')).toEqual([0, null, null, null])
    const query = 'info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-000000000001&port=6881&downloaded=0&left=0'
    await run(`curl -sf "$TRACKER_URL/announce/${ALICE}?${query}&uploaded=734004200"`)
    await startSite()
    await pageOnceUploaded('alice', 734_004_200n)
  })

  test('a port in use, or no Redis: one line, exit code 1', async () => {
    const holder = await hold()
    onTestFinished(() => release(holder))
    const failing = async (changes: Readonly<Record<string, string>>) => {
      const settings = { ...env, DATA: temporaryFolder(), ...changes }
      const args = ['examples/site/server.mjs']
      const other = await startProcess({
        name: 'site',
        program: process.execPath,
        args,
        cwd: root,
        env: settings,
      })
      return { ...(await other.exited), says: other.output().replace(/^\{.*\}\n/gm, '') }
    }
    const says = (text: RegExp) => ({ code: 1, signal: null, says: expect.stringMatching(text) })
    expect(await failing({ PORT: String(portOf(holder)) })).toEqual(says(/^.*EADDRINUSE.*\n$/))
    const [port] = await freePorts(1)
    const unreachable = { SITE_REDIS_URL: `redis://127.0.0.1:${port}` }
    expect(await failing(unreachable)).toEqual(says(/^redis cannot be reached: .*ECONNREFUSED.*\n$/))
  })
})

test('the Chinese README has the same commands, in the same order', () => {
  expect(guide('README.zh-CN.md')).toEqual(english)
})
