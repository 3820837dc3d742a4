import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { EXAMPLE_CONFIG } from '../support/builders/trackerConfig.ts'
import { redswarm } from '../support/programs/tracker.ts'
import { endProcesses, eventually, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const [LIST, STAGED, LOCK] = ['pt:passkeys', 'pt:passkeys:new', 'pt:passkeys:importing'] as const
const SOON_MS = 30_000
const MILLION = 1_000_000

let url: string
let redis: Redis
beforeAll(async () => {
  url = (await startRedis()).url
  redis = new Redis(url, { protocol: 2 })
  await redswarm(['--help']) // compiles what the tests below start by themselves
})
afterAll(() => redis.disconnect())
beforeEach(() => redis.flushall())
const running = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  await endProcesses()
})

const passkey = (n: number) => `user-${n}`
const passkeys = (count: number, first = 0) => Array.from({ length: count }, (_, i) => passkey(first + i))
const asLines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('')
const isAudit = (line: string) => line.includes('"msg":"passkeys audit"')

/** Started, its stdin open. */
function start(args: readonly string[], nodeOptions = '') {
  const child = spawn(process.execPath, [PROGRAM, 'passkeys', ...args, '--config', EXAMPLE_CONFIG], {
    env: { ...process.env, REDIS_URL: urlAs('site', url), NODE_OPTIONS: nodeOptions },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string; audit: string[] }>(
    (resolve) =>
      child.once('close', (code) => {
        running.delete(child)
        const lines = stderr.split('\n')
        const said = lines.filter((line) => !isAudit(line)).join('\n')
        resolve({ code, stdout, stderr: said, audit: lines.filter(isAudit) })
      }),
  )
  return { child, ended }
}

/** Run to its end. */
function run(args: readonly string[], input = '', nodeOptions = '') {
  const { child, ended } = start(args, nodeOptions)
  child.stdin.on('error', () => undefined) // it may not have read everything
  child.stdin.end(input)
  return ended
}

/** A replacing import that has read this much and waits for more. */
async function halfWay(texts: readonly string[]) {
  const { child, ended } = start(['import', '--replace', '-'])
  child.stdin.write(asLines(texts))
  const atLeast = texts.length - 1_000 // the last ones wait for their list to be full
  await eventually('it stages', SOON_MS, async () => (await redis.scard(STAGED)) >= atLeast || undefined)
  const finish = (rest: readonly string[]) => {
    child.stdin.end(asLines(rest))
    return ended
  }
  return { child, ended, finish }
}

describe('import', () => {
  test('lists a file, blank lines, comments and repeated ones left out', async () => {
    const file = join(temporaryFolder(), 'users.txt')
    writeFileSync(file, '# our users\r\nABCDEF\r\n\r\none\r\nabcdef\r\n')
    expect(await run(['import', file])).toMatchObject({ code: 0, stdout: 'added 2 of 3\n', stderr: '' })
    expect((await redis.smembers(LIST)).sort()).toEqual(['abcdef', 'one'])
    const json = await run(
      ['import', '-', '--json', '--column', 'passkey'],
      '\ufeffid,"passkey"\r\n"1,\r\n",two\r\n',
    )
    expect(JSON.parse(json.stdout)).toEqual({ added: 1, alreadyListed: 0 })
  })

  test('says who did it in an audit line that shows no passkey', async () => {
    const { audit } = await run(['import', '--replace', '-', '--actor', 'alice'], asLines(passkeys(3)))
    expect(audit).toHaveLength(1)
    expect(JSON.parse(audit[0]!)).toMatchObject({
      ...{ actor: 'alice', action: 'replace', subject: 'stdin', result: 'done' },
      details: { before: 0, after: 3 },
    })
    expect(audit[0]).not.toContain('user-')
  })

  test('a passkey in the wrong place is not repeated', async () => {
    for (const args of [
      ['has', 'secret-1', 'secret-2'],
      ['count', 'secret-1'],
      ['secret-1'],
      ['has', '-secret-1'],
    ]) {
      const { code, stdout, stderr } = await run(args)
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' })
      expect(stderr).toMatch(/^error: /)
      expect(stderr).not.toContain('secret')
    }
  })

  test('when Redis refuses, its reason is what is said', async () => {
    await redis.config('SET', 'maxmemory', '1')
    const { code, stderr, audit } = await run(['add', 'one'])
    await redis.config('SET', 'maxmemory', '0')
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^redswarm: Redis failed: .*OOM/),
    })
    expect(audit[0]).toContain('OOM')
  })

  test('a bad option is exit code 2', async () => {
    expect(await run(['import', '-', '--replace', '--max-shrink', 'x'])).toMatchObject({ code: 2 })
    expect(await run(['import', '-', '--force'])).toMatchObject({ code: 2 })
    expect(await run(['import'])).toMatchObject({ code: 2 })
  })
})

describe('import --replace', () => {
  test('shows what changes, and a dry run only that', async () => {
    await redis.sadd(LIST, ...passkeys(20))
    const difference = '20 listed, 21 in the new list: 2 added, 1 removed, 19 kept'
    const dry = await run(['import', '--replace', '--dry-run', '-'], asLines(passkeys(21, 1)))
    expect(dry).toMatchObject({ code: 0, stderr: '', audit: [] })
    expect(dry.stdout).toMatch(new RegExp(`^${difference}\ndry run: nothing was changed`))
    expect(await redis.sismember(LIST, passkey(0))).toBe(1)
    const real = await run(['import', '--replace', '-'], asLines(passkeys(21, 1)))
    expect(real.stdout).toMatch(new RegExp(`^${difference}\nswapped: 21 listed`))
    expect(await redis.sismember(LIST, passkey(0))).toBe(0)
    expect(await redis.keys('*')).toEqual([LIST])
  })

  test('does not shrink the list much unless it is told to', async () => {
    await redis.sadd(LIST, ...passkeys(100))
    const refused = await run(['import', '--replace', '-'], asLines(passkeys(89)))
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(
      /^redswarm: the list would shrink from 100 to 89 passkeys, by 11\.0 %.*\n$/,
    )
    expect(await redis.keys('*')).toEqual([LIST])
    expect(await redis.scard(LIST)).toBe(100)
    const little = ['import', '--replace', '--max-shrink', '11', '-']
    expect(await run(little, asLines(passkeys(89)))).toMatchObject({ code: 0 })
    const forced = ['import', '--replace', '--force', '--json', '-']
    const { stdout } = await run(forced, asLines(passkeys(1)))
    expect(JSON.parse(stdout)).toMatchObject({ swapped: true, before: 89, after: 1, removed: 88, kept: 1 })
  })

  test('whom others remove meanwhile stays out, whom they add stays in; a second import waits its turn', async () => {
    await redis.sadd(LIST, ...passkeys(5_000))
    const first = await halfWay(passkeys(3_000))
    await redis.srem(LIST, passkey(10), passkey(4_000))
    expect(await run(['remove', passkey(11), passkey(5_005)])).toMatchObject({ code: 0 })
    expect(await run(['add', 'new-one'])).toMatchObject({ code: 0 })

    const second = await run(['import', '--replace', '-'], asLines(passkeys(5_000)))
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toMatch(/^redswarm: another import replaces the list right now .*\n$/)

    expect(await first.finish(passkeys(2_010, 3_000))).toMatchObject({ code: 0 })
    const asked = [passkey(10), passkey(4_000), passkey(11), passkey(5_005), 'new-one', passkey(5_009)]
    expect(await redis.smismember(LIST, ...asked)).toEqual([0, 0, 0, 0, 1, 1])
    expect(await redis.scard(LIST)).toBe(5_010 - 4 + 1)
  })

  test('killed half-way it leaves the list alone, and the next one works when its lock has ended', async () => {
    await redis.sadd(LIST, ...passkeys(100))
    const { child, ended } = await halfWay(passkeys(3_000))
    child.kill('SIGKILL')
    await ended
    expect(await redis.scard(LIST)).toBe(100)
    expect(await run(['import', '--replace', '-'], asLines(passkeys(101)))).toMatchObject({ code: 1 })
    const endsInMs = await redis.pttl(LOCK)
    expect(endsInMs).toBeGreaterThan(0)
    expect(endsInMs).toBeLessThanOrEqual(15_000)

    await redis.pexpire(LOCK, 1) // time passes
    await eventually('its lock ends', SOON_MS, async () => (await redis.exists(LOCK)) === 0 || undefined)
    expect(await run(['import', '--replace', '-'], asLines(passkeys(101)))).toMatchObject({ code: 0 })
    expect(await redis.keys('*')).toEqual([LIST])
    expect(await redis.scard(LIST)).toBe(101)
  })

  test('Ctrl-C ends it and leaves nothing behind', async () => {
    await redis.sadd(LIST, ...passkeys(100))
    const { child, ended } = await halfWay(passkeys(3_000))
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 1, stderr: 'redswarm: interrupted\n' })
    expect(await redis.keys('*')).toEqual([LIST])
    expect(await redis.scard(LIST)).toBe(100)
  })
})

describe('a million lines', () => {
  const write = (path: string, lines: Iterable<string>) =>
    pipeline(Readable.from(lines), createWriteStream(path))
  function* million() {
    for (let n = 0; n < MILLION; n++) yield `${n.toString(16).padStart(32, '0')}\n`
  }
  /** What a million passkeys take as strings in one array is half as much again; a stream's garbage is about half. */
  const MORE_MEBIBYTES = 100
  const SAY_PEAK = `--import "data:text/javascript,process.on('exit',()=>console.error('peak '+process.resourceUsage().maxRSS))"`
  const peakMebibytes = ({ stderr }: { stderr: string }) => Number(/^peak (\d+)$/m.exec(stderr)![1]) / 1024

  test.each([[], ['--replace']])(
    'are read with little more memory than a few %s',
    async (...how: string[]) => {
      const file = join(temporaryFolder(), 'users.txt')
      await write(file, million())
      const few = await run(['import', ...how, '--json', '-'], asLines(passkeys(10)), SAY_PEAK)
      await redis.flushall()
      const all = await run(['import', ...how, '--json', file], '', SAY_PEAK)
      expect([few.code, all.code]).toEqual([0, 0])
      expect(await redis.scard(LIST)).toBe(MILLION)
      expect(peakMebibytes(all) - peakMebibytes(few)).toBeLessThan(MORE_MEBIBYTES)
    },
  )

  test('with one bad among them: it is named, and nothing has changed', async () => {
    await redis.sadd(LIST, 'old')
    const file = join(temporaryFolder(), 'users.txt')
    await write(
      file,
      (function* () {
        yield* million()
        yield 'my secret\n'
      })(),
    )
    for (const how of [[], ['--replace']]) {
      const { code, stdout, stderr, audit } = await run(['import', ...how, file])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain(`${file}:${MILLION + 1}: `)
      expect(stderr + audit).not.toContain('secret')
      expect(await redis.keys('*')).toEqual([LIST])
      expect(await redis.smembers(LIST)).toEqual(['old'])
    }
  })
})

describe('export', () => {
  test('writes what import reads', async () => {
    await redis.sadd(LIST, ...passkeys(3_000))
    const { code, stdout, stderr } = await run(['export'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect([...new Set(stdout.trimEnd().split('\n'))].sort()).toEqual(passkeys(3_000).sort())
    const again = await run(['import', '--replace', '--json', '-'], stdout)
    expect(JSON.parse(again.stdout)).toMatchObject({ kept: 3_000, added: 0, removed: 0 })
  })

  test('into a file that is only for this user', async () => {
    await redis.sadd(LIST, 'one')
    const file = join(temporaryFolder(), 'list.txt')
    writeFileSync(file, 'what was there before', { mode: 0o644 })
    expect(await run(['export', '--output', file])).toMatchObject({ code: 0, stdout: 'exported 1\n' })
    expect(readFileSync(file, 'utf8')).toBe('one\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })
})
