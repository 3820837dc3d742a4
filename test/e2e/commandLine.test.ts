import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { EXAMPLE_CONFIG, writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { freePorts, hold, portOf, release } from '../support/programs/freePorts.ts'
import { isMissing } from '../support/programs/programs.ts'
import { redswarm, startTracker } from '../support/programs/tracker.ts'
import { childrenOf, endProcesses, eventually, isAlive } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const GONE_WITHIN_MS = 10_000

afterEach(endProcesses)

describe('check-config', () => {
  test('prints the effective configuration, exit code 0', async () => {
    const { code, stdout, stderr } = await redswarm(['check-config', '--config', EXAMPLE_CONFIG])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(parse(stdout)).toMatchObject({
      chihaya: { announce_interval: '30m', http: { addr: '[::]:6969' } },
    })
  })

  test('never prints the password of Redis', async () => {
    const env = { REDIS_URL: 'redis://:hunter2@127.0.0.1:6379/0' }
    const text = await redswarm(['check-config', '--config', EXAMPLE_CONFIG], env)
    const json = await redswarm(['check-config', '--config', EXAMPLE_CONFIG, '--json'], env)
    expect([text.code, json.code]).toEqual([0, 0])
    expect(text.stdout).toContain('***@127.0.0.1:6379')
    expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain('hunter2')
  })

  test('names key, value and bound of every mistake, exit code 1', async () => {
    const path = writeExampleConfig({ announce_interval: '5s', http: { nonsense: true } })
    const { code, stdout, stderr } = await redswarm(['check-config', '--config', path])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/announce_interval.*5s.*1m/)
    expect(stderr).toMatch(/http\.nonsense/)
    const json = await redswarm(['check-config', '--config', path, '--json'])
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, config: null })
    expect(JSON.parse(json.stdout).problems).toHaveLength(stderr.trimEnd().split('\n').length)
  })

  test('a wrong option is exit code 2', async () => {
    expect((await redswarm(['check-config', '--bogus'])).code).toBe(2)
  })
})

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await redswarm(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

describe('passkeys', () => {
  const [first, second] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')] as const
  let env: { REDIS_URL: string }
  const passkeys = async (...args: string[]) => {
    const { code, stdout, stderr } = await redswarm(['passkeys', ...args, '--config', EXAMPLE_CONFIG], env)
    return { code, stdout, stderr: stderr.replace(/^\{.*"msg":"passkeys audit"\}\n/gm, '') }
  }
  const fine = (stdout: string) => ({ code: 0, stdout: `${stdout}\n`, stderr: '' })

  beforeAll(async () => {
    env = { REDIS_URL: (await startRedis()).url }
  })

  test('are added, counted, found and removed', async () => {
    expect(await passkeys('count')).toEqual(fine('0'))
    expect(await passkeys('add', first, second)).toEqual(fine('added 2 of 2'))
    expect(await passkeys('add', first.toUpperCase())).toEqual(fine('added 0 of 1'))
    expect(await passkeys('count')).toEqual(fine('2'))
    expect(await passkeys('has', first)).toEqual(fine('listed'))
    expect(await passkeys('remove', first)).toEqual(fine('removed 1 of 1'))
    expect(await passkeys('has', first)).toEqual({ ...fine('not listed'), code: 1 })
  })

  test('speak JSON to programs', async () => {
    const json = async (...args: string[]) => {
      const { code, stdout } = await passkeys(...args, '--json')
      return { code, ...JSON.parse(stdout) }
    }
    expect(await json('add', first)).toEqual({ code: 0, added: 1, alreadyListed: 0 })
    expect(await json('has', first)).toEqual({ code: 0, listed: true })
    expect(await json('remove', first)).toEqual({ code: 0, removed: 1, notListed: 0 })
    expect(await json('has', first)).toEqual({ code: 1, listed: false })
    expect(await json('count')).toEqual({ code: 0, count: 1 })
  })

  test('a malformed one is refused in one line that does not repeat it, exit code 1', async () => {
    const { code, stdout, stderr } = await passkeys('add', first, 'not a passkey')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^redswarm: passkey 2 .*\n$/)
    expect(stderr).not.toContain('not a passkey')
    expect(await passkeys('has', first)).toMatchObject({ code: 1 }) // neither was added
  })

  test('one that is written twice counts once', async () => {
    const passkey = randomBytes(16).toString('hex')
    expect(await passkeys('add', passkey, passkey.toUpperCase())).toMatchObject({ stdout: 'added 1 of 1\n' })
    const { stdout } = await passkeys('remove', passkey, passkey, '--json')
    expect(JSON.parse(stdout)).toEqual({ removed: 1, notListed: 0 })
  })

  test('one that begins with a dash goes behind --, which is said when it does not, without repeating it', async () => {
    const { code, stderr } = await passkeys('has', '-secret-key')
    expect(code).toBe(2)
    expect(stderr).toMatch(/begins with - goes behind all options and --: passkeys has -- <passkey>/)
    expect(stderr).not.toContain('secret')
    expect(await passkeys('has', '--jsn')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--json'),
    })
    const { stdout } = await redswarm(
      ['passkeys', 'has', '--config', EXAMPLE_CONFIG, '--', '-secret-key'],
      env,
    )
    expect(stdout).toBe('not listed\n')
  })

  test('none at all is exit code 2', async () => {
    expect(await passkeys('add')).toMatchObject({ code: 2 })
    expect(await passkeys('has')).toMatchObject({ code: 2 })
  })

  test('an unreachable Redis is one line, exit code 1', async () => {
    const [port] = await freePorts(1)
    const url = `redis://127.0.0.1:${port}`
    const { code, stderr } = await redswarm(['passkeys', 'count', '--config', EXAMPLE_CONFIG], {
      REDIS_URL: url,
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^redswarm: redis cannot be reached: .*ECONNREFUSED.*\n$/)
  })
})

describe('serve', () => {
  test('says in one line that its port is taken, exit code 1', async () => {
    const holder = await hold()
    onTestFinished(() => release(holder))
    const port = portOf(holder)
    const { url } = await startRedis()
    const path = writeExampleConfig({
      log_level: 'error',
      metrics_addr: '127.0.0.1:0',
      http: { addr: `127.0.0.1:${port}` },
    })
    const { code, stdout, stderr } = await redswarm(['serve', '--config', path], { REDIS_URL: url })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(new RegExp(`^redswarm: .*EADDRINUSE.*${port}\\n$`))
  })

  test('says what is wrong with its configuration, exit code 1', async () => {
    const path = writeExampleConfig({ announce_interval: '5s' })
    const { code, stderr } = await redswarm(['serve', '--config', path])
    expect(code).toBe(1)
    expect(stderr).toMatch(/announce_interval.*5s.*1m/)
    expect(stderr).not.toMatch(/^ {4}at /m) // no stack
  })

  const open = { prehooks: [{ name: 'traffic push' }] }
  const anAnnounce = () => ({ infohash: randomBytes(20), peerId: randomBytes(20) })

  const isNotLinux = process.platform !== 'linux' // only there the children of a process can be listed
  test.skipIf(isNotLinux)(
    '--embedded-redis serves without any Redis around and takes it along when it stops',
    async () => {
      const tracker = await startTracker({ config: open, args: ['--embedded-redis'] })
      const children = childrenOf(tracker.pid)
      expect(children).toHaveLength(1)
      expect(readFileSync(`/proc/${children[0]}/cmdline`, 'utf8')).toContain('redis-server')
      expect((await announceTo(tracker.announceUrl, anAnnounce())).get('incomplete')).toBe(1)

      expect(await tracker.stop()).toEqual({ code: 0, signal: null })
      expect(children.filter(isAlive)).toEqual([])
    },
  )

  test.skipIf(isNotLinux || isMissing('setpriv'))(
    '--embedded-redis leaves no Redis behind when it is killed',
    async () => {
      const tracker = await startTracker({ config: open, args: ['--embedded-redis'] })
      const [redisPid] = childrenOf(tracker.pid)
      expect(isAlive(redisPid!)).toBe(true)
      await tracker.kill()
      await eventually('its Redis is gone', GONE_WITHIN_MS, () => !isAlive(redisPid!) || undefined)
    },
  )
})
