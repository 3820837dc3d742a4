import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../../src/contract/redisKeys.ts'
import { createKeys } from '../../src/redis/keys.ts'
import { readStorageNumbers } from '../../src/redis/storageNumbers.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import {
  passwordEnvironment,
  passwordOf,
  REDIS_USERS,
  type RedisUser,
  urlAs,
  writeUsersFile,
} from '../support/servers/redisUsers.ts'

const DIST = fileURLToPath(new URL('../../dist/redis/', import.meta.url))
const SOON_MS = 10_000

let url: string
const clients = new Map<RedisUser, Redis>()

beforeAll(async () => {
  url = (await startRedis()).url
  for (const user of REDIS_USERS) clients.set(user, new Redis(urlAs(user, url), { protocol: 2 }))
  const admin = clients.get('admin')!
  await admin.sadd('pt:passkeys', 'a')
  await admin.sadd('pt:torrents', 'b')
  await admin.xadd('tracker:traffic', '*', 'k', 'v')
  await admin.hset('tracker:stats', 'seeders', 1)
  await admin.zadd('swarm:x:seeders', 1, 'peer')
})
afterAll(async () => {
  for (const client of clients.values()) client.disconnect()
  await endProcesses()
})

/** A space inside of one word is written as `·`. */
const wordsOf = (command: string) => command.split(' ').map((word) => word.replaceAll('·', ' '))

/** False when Redis did it, and when it had another objection than that this user may not. */
async function isRefused(user: RedisUser, command: string): Promise<boolean> {
  const [name, ...args] = wordsOf(command)
  const said = await clients
    .get(user)!
    .call(name!, ...args)
    .then(String, (error: Error) => error.message)
  return /NOPERM|can't (run this command|access at least one of the keys)/.test(said)
}

/** The same command from within a script that has declared its keys, as all of ours do. */
const inScript = (command: string, key: string) => `EVAL return·redis.call(${quoted(command)}) 1 ${key}`
const quoted = (command: string) =>
  command
    .split(' ')
    .map((word) => `'${word}'`)
    .join(',')

const EVERYBODY_MAY_NOT = [
  'CONFIG SET maxmemory 1',
  'CONFIG REWRITE',
  'ACL LIST',
  'ACL SETUSER tracker +@all',
  'FLUSHALL',
  'FLUSHDB',
  'KEYS *',
  'SHUTDOWN',
  'REPLICAOF NO ONE',
  'CLIENT KILL ID 1',
  'SCRIPT FLUSH',
  'FUNCTION FLUSH',
  'MONITOR',
  'PUBLISH channel text',
  'SET anything else',
  'COPY pt:passkeys elsewhere',
]

const MAY_NOT: Readonly<Record<Exclude<RedisUser, 'admin'>, readonly string[]>> = {
  tracker: [
    ...EVERYBODY_MAY_NOT,
    ...['SADD pt:passkeys c', 'SREM pt:passkeys a', 'DEL pt:passkeys', 'SET pt:passkeys x'],
    ...['UNLINK pt:passkeys', 'RENAME pt:passkeys:new pt:passkeys', 'EXPIRE pt:passkeys 1'],
    ...['SMEMBERS pt:passkeys', 'SSCAN pt:passkeys 0', 'SADD pt:passkeys:new c', 'SADD pt:torrents c'],
    ...['DEL tracker:traffic', 'XTRIM tracker:traffic MAXLEN 0', 'SET tracker:traffic x'],
    ...[
      'XGROUP CREATE tracker:traffic g 0',
      'XADD tracker:traffic:dlq * k v',
      'XRANGE tracker:traffic:dlq - +',
    ],
    ...['DEL swarm:x:seeders', 'DEL tracker:stats', 'CONFIG GET *', 'SCAN 0', 'CLIENT LIST'],
    inScript('SADD pt:passkeys c', 'pt:passkeys'),
    inScript('DEL pt:passkeys', 'pt:passkeys'),
    inScript('SET pt:passkeys x', 'pt:passkeys'),
    inScript('EXPIRE pt:passkeys 1', 'pt:passkeys'),
    inScript('DEL tracker:traffic', 'tracker:traffic'),
    inScript('GET anything', 'pt:passkeys'),
  ],
  site: [
    ...EVERYBODY_MAY_NOT,
    ...[
      'XADD tracker:traffic * k v',
      'XRANGE tracker:traffic - +',
      'XLEN tracker:traffic',
      'DEL tracker:traffic',
    ],
    ...[
      'ZADD swarm:x:seeders 1 peer',
      'ZRANGE swarm:x:seeders 0 1',
      'HGETALL session:x:y',
      'DEL session:x:y',
    ],
    ...[
      'HSET tracker:stats seeders 0',
      'HINCRBY tracker:snatches x 1',
      'DEL tracker:snatches',
      'SET tracker:sweep me',
    ],
    ...['RENAME pt:passkeys tracker:traffic', 'CONFIG GET *', 'SCAN 0', 'CLIENT LIST'],
    inScript('DEL tracker:traffic', 'pt:passkeys'),
  ],
  consumer: [
    ...EVERYBODY_MAY_NOT,
    ...[
      'XADD tracker:traffic * k v',
      'DEL tracker:traffic',
      'XDEL tracker:traffic 1-1',
      'SET tracker:traffic x',
    ],
    ...['XGROUP DESTROY tracker:traffic g', 'RENAME tracker:traffic tracker:traffic:dlq'],
    ...['SISMEMBER pt:passkeys a', 'SADD pt:passkeys c', 'SMEMBERS pt:passkeys', 'DEL pt:passkeys'],
    ...['ZRANGE swarm:x:seeders 0 1', 'HGETALL session:x:y', 'HGET tracker:stats seeders'],
    ...['CONFIG GET *', 'SCAN 0', 'CLIENT LIST'],
    inScript('XADD tracker:traffic * k v', 'tracker:traffic'),
    inScript('DEL tracker:traffic', 'tracker:traffic'),
  ],
  operator: [
    ...EVERYBODY_MAY_NOT.filter((command) => command !== 'SCAN 0'),
    ...['SADD pt:passkeys c', 'SREM pt:passkeys a', 'DEL pt:passkeys', 'XADD tracker:traffic * k v'],
    ...[
      'XTRIM tracker:traffic MAXLEN 0',
      'EVAL return·1 0',
      'XREADGROUP GROUP g c STREAMS tracker:traffic >',
    ],
    ...['XACK tracker:traffic g 1-1', 'HSET tracker:stats seeders 0', 'EXPIRE pt:passkeys 1'],
  ],
}

test.each(Object.entries(MAY_NOT))(
  'the user %s may do nothing that is not its part',
  async (user, commands) => {
    const done: string[] = []
    for (const command of commands) if (!(await isRefused(user as RedisUser, command))) done.push(command)
    expect(done).toEqual([])
  },
)

test('what is refused is no typing mistake: admin may do all of it', async () => {
  const admin = clients.get('admin')!
  for (const command of new Set(Object.values(MAY_NOT).flat()))
    expect(await admin.call('ACL', 'DRYRUN', 'admin', ...wordsOf(command)), command).toBe('OK')
  expect(await admin.smembers('pt:passkeys')).toEqual(['a'])
})

test('the tracker may read every number that its metrics show: one it may not would be missing in silence', async () => {
  const keys = createKeys({ keyPrefix: '', passkeysKey: PASSKEYS_KEY, trafficKey: TRAFFIC_KEY })
  const numbers = await readStorageNumbers(clients.get('tracker')!, keys)
  expect(Object.entries(numbers).filter(([, value]) => value === undefined)).toEqual([])
})

test('without a name, with a wrong password or as an unknown user nobody gets in', async () => {
  for (const [credentials, refusal] of [
    ['', 'NOAUTH'],
    ['default:x@', 'WRONGPASS'],
    ['tracker:wrong@', 'WRONGPASS'],
    ['stranger:x@', 'WRONGPASS'],
  ]) {
    const { host } = new URL(url)
    const stranger = new Redis(`redis://${credentials}${host}`, { protocol: 2, retryStrategy: () => null })
    onTestFinished(() => stranger.disconnect())
    stranger.on('error', () => undefined) // the command says so too
    const said = await stranger.sismember('pt:passkeys', 'a').then(String, (error: Error) => error.message)
    expect(said, credentials).toMatch(new RegExp(`${refusal}|Connection is closed`))
  }
})

describe('render-acl.sh', () => {
  const render = (environment: Readonly<Record<string, string>>, shell = ['sh']) => {
    const [program, ...args] = shell
    const options = {
      env: { PATH: process.env.PATH, ...environment },
      encoding: 'utf8',
      stdio: 'pipe',
    } as const
    return execFileSync(program!, [...args, join(DIST, 'render-acl.sh')], options)
  }

  test('holds no password, and leaves no mark', () => {
    const users = render(passwordEnvironment())
    for (const user of REDIS_USERS) expect(users).not.toContain(passwordOf(user))
    expect(users).not.toContain('@SITE_PASSWORD@')
    expect(users.trimEnd().split('\n')).toHaveLength(REDIS_USERS.length + 1)
  })

  test.each(REDIS_USERS)('without the password of %s there is no file', (user) => {
    const name = `${user.toUpperCase()}_PASSWORD`
    const { [name]: _, ...others } = passwordEnvironment()
    expect(() => render(others)).toThrow(`${name} is not set`)
    expect(() => render({ ...others, [name]: 'short' })).toThrow(`${name} is shorter than 12 characters`)
  })

  test('puts a key prefix before every name, and refuses one that would be a pattern', () => {
    const users = render({ ...passwordEnvironment(), KEY_PREFIX: 'one:' })
    expect(users.match(/~[a-z]/g)?.length).toBe(users.match(/~one:[a-z]/g)?.length)
    expect(users).toContain('%R~one:pt:passkeys')
    expect(users).toContain('%R~* ')
    for (const prefix of ['*', 'a?', '[ab]', 'a b', 'a&b', 'a/b'])
      expect(() => render({ ...passwordEnvironment(), KEY_PREFIX: prefix })).toThrow('KEY_PREFIX may have')
  })

  test('the source itself is refused by Redis: nobody runs on a password that is public', async () => {
    await expect(startRedis({ args: ['--aclfile', join(DIST, 'users.acl')] })).rejects.toThrow('ACL errors')
  })

  test('tracker works under a prefix, and does not reach what is outside of it', async () => {
    const aclFile = join(temporaryFolder(), 'users.acl')
    writeUsersFile(aclFile, { ...passwordEnvironment(), KEY_PREFIX: 'one:' })
    const server = await startRedis({ args: ['--aclfile', aclFile] })
    const tracker = new Redis(urlAs('tracker', server.url), { protocol: 2 })
    onTestFinished(() => tracker.disconnect())
    expect(await tracker.sismember('one:pt:passkeys', 'a')).toBe(0)
    await expect(tracker.sismember('pt:passkeys', 'a')).rejects.toThrow('NOPERM')
    await expect(tracker.zcard('swarm:x:seeders')).rejects.toThrow('NOPERM')
  })
})

describe('redis.conf', () => {
  test('starts a server that keeps what it must, also through a crash', async () => {
    const [port] = await freePorts(1)
    const folder = temporaryFolder()
    const usersFile = join(folder, 'users.acl')
    writeUsersFile(usersFile)
    const args = [join(DIST, 'redis.conf'), '--dir', folder, '--port', `${port}`, '--bind', '127.0.0.1']
    const start = async () => {
      const server = await startProcess({
        name: 'redis-server',
        program: 'redis-server',
        args: [...args, '--aclfile', usersFile],
      })
      await server.says(/Ready to accept connections/, SOON_MS)
      return server
    }
    const first = await start()
    const admin = new Redis(urlAs('admin', `redis://admin@127.0.0.1:${port}`), { protocol: 2 })
    onTestFinished(() => admin.disconnect())
    admin.on('error', () => undefined) // while it is down
    const settings = async (...names: string[]) =>
      Object.fromEntries(
        await Promise.all(names.map(async (name) => (await admin.config('GET', name)) as [string, string])),
      )
    expect(
      await settings('appendonly', 'appendfsync', 'maxmemory-policy', 'save', 'lazyfree-lazy-server-del'),
    ).toEqual({
      appendonly: 'yes',
      appendfsync: 'everysec',
      'maxmemory-policy': 'noeviction',
      save: '',
      'lazyfree-lazy-server-del': 'yes',
    })
    const tracker = new Redis(urlAs('tracker', `redis://admin@127.0.0.1:${port}`), { protocol: 2 })
    onTestFinished(() => tracker.disconnect())
    tracker.on('error', () => undefined)
    await tracker.xadd('tracker:traffic', '*', 'k', 'v')
    await first.end('SIGKILL')
    await start()
    await eventually('it has loaded', SOON_MS, () =>
      admin.xlen('tracker:traffic').then((n) => n === 1 || undefined),
    )
  })

  test('a crash keeps transactions whole as well: every announce is one, and Redis replays them as the user default', async () => {
    const dir = temporaryFolder()
    const args = ['--appendonly', 'yes', '--appendfsync', 'always']
    const first = await startRedis({ dir, args })
    const admin = new Redis(first.url, { protocol: 2 })
    onTestFinished(() => admin.disconnect())
    admin.on('error', () => undefined) // while it is down
    const twoWrites = "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2)"
    await admin.eval(twoWrites, 2, 'one', 'two')
    await admin.multi().set('three', 3).set('four', 4).exec()
    await first.kill()
    await startRedis({ dir, args, port: first.port })
    await eventually('it has loaded', SOON_MS, () =>
      admin.ping().then(
        () => true,
        () => undefined,
      ),
    )
    expect(await admin.mget('one', 'two', 'three', 'four')).toEqual(['1', '2', '3', '4'])
  })

  test('has listpack limits that our records fit in', async () => {
    const conf = readFileSync(join(DIST, 'redis.conf'), 'utf8')
    const limit = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(conf)?.[1])
    const admin = clients.get('admin')!
    await admin.config('SET', 'hash-max-listpack-value', limit('hash-max-listpack-value'))
    await admin.config('SET', 'zset-max-listpack-value', limit('zset-max-listpack-value'))
    await admin.hset('session:y:z', 'p'.repeat(20), 'r'.repeat(57))
    await admin.zadd('swarm:y:seeders', 1, 'm'.repeat(44))
    expect(await admin.object('ENCODING', 'session:y:z')).toBe('listpack')
    expect(await admin.object('ENCODING', 'swarm:y:seeders')).toBe('listpack')
  })
})
