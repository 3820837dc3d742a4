import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { EXAMPLE_CONFIG, writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { redswarm, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, startProcess, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { passwordOf, REDIS_USERS, urlAs, writeUsersFile } from '../support/servers/redisUsers.ts'

const REDIS_CONF = fileURLToPath(new URL('../../dist/redis/redis.conf', import.meta.url))
const PASSKEY = 'd0d0cafe0123456789abcdef01234567'

afterEach(endProcesses)

/** Redis as `dist/redis` has it. @returns its URL as administrator */
async function startProductionRedis(): Promise<string> {
  const [port] = await freePorts(1)
  const folder = temporaryFolder()
  const usersFile = join(folder, 'users.acl')
  writeUsersFile(usersFile)
  const server = await startProcess({
    name: 'redis-server',
    program: 'redis-server',
    args: [REDIS_CONF, '--dir', folder, '--port', `${port}`, '--bind', '127.0.0.1', '--aclfile', usersFile],
  })
  await server.says(/Ready to accept connections/, 10_000)
  return urlAs('admin', `redis://admin@127.0.0.1:${port}`)
}

describe('redswarm doctor', () => {
  test('has nothing to say against a fleet on the Redis of dist/redis, under load', async () => {
    const adminUrl = await startProductionRedis()
    const admin = new Redis(adminUrl, { protocol: 2 })
    onTestFinished(() => admin.disconnect())
    await admin.sadd('pt:passkeys', PASSKEY)
    await admin.xgroup('CREATE', 'tracker:traffic', 'group-pt', '0', 'MKSTREAM')
    const tracker = await startTracker({ redisUrl: urlAs('tracker', adminUrl) })
    const load = await redswarm(['load', tracker.announceUrl, '--announces', '2000', '--passkey', PASSKEY])
    expect(load.code).toBe(0)

    const env = { REDIS_URL: urlAs('operator', adminUrl) }
    const { code, stdout, stderr } = await redswarm(['doctor', '--config', EXAMPLE_CONFIG], env)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^ok +1 tracker process on 1 machine$/m)
    expect(stdout).toMatch(/^ok +Redis takes all \d\d scripts$/m)
    expect(stdout).toMatch(/^ok +tracker:traffic: 2,000 entries/m)
    expect(stdout).toMatch(/^0 errors, 0 warnings, \d notes, \d+ fine$/m)
    for (const secret of [PASSKEY, ...REDIS_USERS.map(passwordOf)]) expect(stdout).not.toContain(secret)
  })

  test('without a Redis: a finding and no stack, exit code 1', async () => {
    const [port] = await freePorts(1)
    const env = { REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` }
    const { code, stdout, stderr } = await redswarm(['doctor', '--config', EXAMPLE_CONFIG], env)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^ERROR +redis:\/\/\*\*\*@127\.0\.0\.1:\d+\/0: .*ECONNREFUSED/m)
    expect(stdout).not.toMatch(/hunter2|\.[jt]s:\d/)
    const json = await redswarm(['doctor', '--config', EXAMPLE_CONFIG, '--json'], env)
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, counts: { error: 1 } })
  })

  test('with a configuration that does not start: every mistake, exit code 1', async () => {
    const path = writeExampleConfig({ announce_interval: '5s', http: { nonsense: true } })
    const { code, stdout } = await redswarm(['doctor', '--config', path])
    expect(code).toBe(1)
    expect(stdout.match(/^ERROR /gm)).toHaveLength(2)
    expect(stdout).toContain(`redswarm check-config --config ${path}`)
  })

  test('a wrong option is exit code 2', async () => {
    expect((await redswarm(['doctor', '--bogus'])).code).toBe(2)
  })
})
