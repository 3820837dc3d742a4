import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { startInstance } from '../../src/tracker/process/instance.ts'
import { aPasskey } from '../support/builders/builders.ts'
import { becomes } from '../support/programs/becomes.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { aPatient } from '../support/programs/patient.ts'
import { isMissing } from '../support/programs/programs.ts'
import { startProcess } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { passwordOf, sharedUsersFile, urlAs } from '../support/servers/redisUsers.ts'
import { connectTo } from '../support/servers/stored.ts'

/** What a Redis has that nothing is wrong with. Later arguments win. */
const SOUND = ['--appendonly', 'yes', '--maxmemory', '100mb']
const CONFIG = {
  http: { addr: ':0' },
  udp: { addr: ':0', private_key: 'a key of more than thirty-two characters' },
  storage: { name: 'redis', config: { redis_broker: 'redis://127.0.0.1:1/0' } },
  prehooks: [{ name: 'passkey approval' }, { name: 'traffic push' }],
}
const EVENT = ['passkey', aPasskey(), 'infohash', '0'.repeat(40)]

/** A server with a whitelist and a group that has settled all there is; with what `args` and `spoil` do to it. */
async function aServer(
  args: readonly string[] = [],
  spoil: (redis: Redis) => Promise<unknown> = async () => {},
) {
  const { url } = await startRedis({ args: [...SOUND, ...args] })
  const redis = connectTo(url)
  onTestFinished(() => redis.disconnect())
  await furnish(redis)
  await spoil(redis)
  return { url, redis }
}

async function furnish(redis: Redis): Promise<void> {
  await redis.sadd('pt:passkeys', aPasskey(), 'Mixed-Case')
  await redis.xgroup('CREATE', 'tracker:traffic', 'group-pt', '0', 'MKSTREAM')
  await redis.xadd('tracker:traffic', '*', ...EVENT)
  await settleAll(redis)
}

async function settleAll(redis: Redis): Promise<void> {
  const read = await redis.xreadgroup(
    'GROUP',
    'group-pt',
    'one',
    'COUNT',
    100,
    'STREAMS',
    'tracker:traffic',
    '>',
  )
  const ids = (read as [string, [string, unknown][]][] | null)?.[0]?.[1].map(([id]) => id) ?? []
  if (ids.length > 0) await redis.xack('tracker:traffic', 'group-pt', ...ids)
}

const hoursAgo = (hours: number) => `${Date.now() - hours * 3_600_000}-0`

/** Entries of old come before all others, so into a new stream. */
async function oldEntries(redis: Redis, hours: number): Promise<void> {
  await redis.del('tracker:traffic')
  await redis.xadd('tracker:traffic', hoursAgo(hours), ...EVENT)
  await redis.xgroup('CREATE', 'tracker:traffic', 'group-pt', '0')
}

interface SetUp {
  readonly found: string
  /** Findings that cannot but come along. */
  readonly besides?: readonly string[]
  readonly args?: readonly string[]
  readonly spoil?: (redis: Redis) => Promise<unknown>
  readonly config?: object
  /** Why no command of the report puts it right. */
  readonly noCure?: string
}

const SET_UPS: Readonly<Record<string, SetUp>> = {
  'a policy that throws keys away': {
    found: 'error maxmemory-policy',
    args: ['--maxmemory-policy', 'allkeys-lru'],
  },
  'no limit of memory': { found: 'warning maxmemory', args: ['--maxmemory', '0'] },
  'memory that is nearly full': {
    found: 'error memory-used',
    async spoil(redis) {
      await redis.setrange('something', 20_000_000, 'x') // of a server that holds nothing, much is overhead
      const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1])
      await redis.config('SET', 'maxmemory', String(Math.floor(used * 1.02)))
    },
  },
  'nothing on disk': { found: 'error persistence', args: ['--appendonly', 'no', '--save', ''] },
  'snapshots only': { found: 'warning persistence', args: ['--appendonly', 'no', '--save', '3600 1'] },
  'an append-only file that nobody syncs': { found: 'warning appendfsync', args: ['--appendfsync', 'no'] },
  'a user default that may replay nothing': {
    found: 'error replay-user',
    besides: ['error rights'], // the tracker of this test comes without a name as well
    spoil: (redis) => redis.call('ACL', 'SETUSER', 'default', '-multi', '-exec'),
    noCure: 'it turns away whoever comes without a name, as this test does',
  },
  'replicas that are demanded and not there': {
    found: 'error min-replicas',
    async spoil(redis) {
      await redis.config('SET', 'min-replicas-to-write', '1')
    },
  },
  'a limit that no session record fits in': {
    found: 'warning hash-max-listpack-value',
    args: ['--hash-max-listpack-value', '32'],
  },
  'a limit that no swarm fits in': {
    found: 'warning zset-max-listpack-entries',
    args: ['--zset-max-listpack-entries', '1'],
  },
  'a key that somebody else has written': {
    found: 'error key-type',
    spoil: (redis) => redis.set('tracker:stats', 'something else'),
  },
  'a whitelist that vanishes': {
    found: 'error key-ttl',
    spoil: (redis) => redis.expire('pt:passkeys', 3600),
  },
  'no whitelist, in the middle of a swap': {
    found: 'error passkeys',
    spoil: (redis) => redis.rename('pt:passkeys', 'pt:passkeys:new'),
  },
  'no whitelist, after the first of two renames': {
    found: 'error passkeys',
    spoil: (redis) => redis.rename('pt:passkeys', 'pt:passkeys:old'),
  },
  'no whitelist at all': {
    found: 'error passkeys',
    spoil: (redis) => redis.unlink('pt:passkeys'),
    noCure: 'the file is the site’s',
  },
  'passkeys of hex with capitals': {
    found: 'error passkeys-case',
    spoil: (redis) => redis.sadd('pt:passkeys', 'ABCDEF0123456789ABCDEF0123456789'),
  },
  'members that are no passkeys': {
    found: 'error passkeys-malformed',
    spoil: (redis) => redis.sadd('pt:passkeys', '"quoted"'),
    noCure: 'the file is the site’s',
  },
  'what a killed import has left': {
    found: 'warning passkeys-staged',
    async spoil(redis) {
      await redis.sadd('pt:passkeys:new', aPasskey(9))
      await redis.sadd('pt:passkeys:touched', aPasskey(9))
    },
  },
  'a list of torrents that is asked for and not there': {
    found: 'error torrents',
    config: {
      prehooks: [...CONFIG.prehooks, { name: 'torrent approval', options: { set_key: 'pt:torrents' } }],
    },
    noCure: 'the list is the site’s',
  },
  'a stream that nobody reads': {
    found: 'warning no-group',
    spoil: (redis) => redis.xgroup('DESTROY', 'tracker:traffic', 'group-pt'),
  },
  'a group that was created at $': {
    found: 'error group-skips',
    async spoil(redis) {
      await redis.xgroup('DESTROY', 'tracker:traffic', 'group-pt')
      await redis.xgroup('CREATE', 'tracker:traffic', 'group-pt', '$')
    },
  },
  'a group that is hours behind': {
    found: 'error group-behind',
    spoil: (redis) => oldEntries(redis, 7),
    noCure: 'a consumer has to run, and its database is the site’s',
  },
  'entries that were trimmed while a consumer had them': {
    found: 'error pending-gone',
    async spoil(redis) {
      await redis.xadd('tracker:traffic', '*', ...EVENT)
      await redis.xreadgroup('GROUP', 'group-pt', 'one', 'STREAMS', 'tracker:traffic', '>')
      await redis.xtrim('tracker:traffic', 'MAXLEN', 0)
    },
    noCure: 'they are gone',
  },
  'entries that were trimmed before anybody had them': {
    found: 'error group-missed',
    async spoil(redis) {
      for (let i = 0; i < 5; i++) await redis.xadd('tracker:traffic', '*', ...EVENT)
      await redis.xtrim('tracker:traffic', 'MAXLEN', 2)
    },
    noCure: 'they are gone',
  },
  'settled entries that nobody trims': {
    found: 'warning stream-untrimmed',
    async spoil(redis) {
      await oldEntries(redis, 72)
      await settleAll(redis)
    },
  },
  'a cap that throws events away': {
    found: 'warning stream-trimmed',
    spoil: (redis) => redis.hset('tracker:stats', 'trimmed', 5),
  },
  'dead letters': {
    found: 'warning dead-letters',
    spoil: (redis) => redis.xadd('tracker:traffic:dlq', '*', ...EVENT),
    noCure: 'the database is the site’s',
  },
  'CONFIG that this user may not use': {
    found: 'warning asked',
    args: ['--user', 'default', 'on', 'nopass', '~*', '&*', '+@all', '-config'],
  },
  'a swarm that nobody sweeps': {
    found: 'warning sweep',
    spoil: (redis) => redis.zadd('tracker:swarms', Math.floor(Date.now() / 1000) - 3600, 'a'.repeat(40)),
    noCure: 'a tracker has to run',
  },
}

describe.skipIf(isMissing('redis-cli'))('a bad set-up is found, and what is advised puts it right:', () => {
  test.each(Object.entries(SET_UPS))(
    '%s',
    async (_, { found, besides = [], args, spoil, config, noCure }) => {
      const { url } = await aServer(args, spoil)
      const patient = aPatient(url, { ...CONFIG, ...config })

      const before = await patient.examine()
      expect(before.amiss).toEqual([found, ...besides])
      expect(before.isFine).toBe(!found.startsWith('error'))
      const finding = before.findings.find(({ severity, id }) => `${severity} ${id}` === found)!
      expect(finding.meaning).toBeTruthy()
      expect(finding.remedy ?? finding.commands.join('')).toBeTruthy()
      expect(before.text).not.toContain(aPasskey())
      if (noCure) return

      expect(finding.commands).not.toEqual([])
      await patient.treat(finding.commands)
      const after = await patient.examine()
      expect(after.amiss).toEqual([])
      expect(after.isFine).toBe(true)
    },
  )
})

test('a Redis with which nothing is wrong is left alone, and nothing in it changes', async () => {
  const { url, redis } = await aServer()
  const before = await redis.info('persistence')
  const changes = (text: string) => /^rdb_changes_since_last_save:(\d+)/m.exec(text)![1]
  expect((await aPatient(url, CONFIG).examine()).amiss).toEqual([])
  expect(changes(await redis.info('persistence'))).toBe(changes(before))
})

test('a Redis without SCRIPT is sound: an EVAL was tried', async () => {
  const { url } = await aServer(['--rename-command', 'SCRIPT', ''])
  const { amiss, findings } = await aPatient(url, CONFIG).examine()
  expect(amiss).toEqual([])
  expect(findings.find(({ id }) => id === 'script')).toMatchObject({
    severity: 'ok',
    what: expect.stringContaining('EVAL'),
  })
})

test('keys are looked for under the prefix and the names of the configuration', async () => {
  const { url, redis } = await aServer()
  await redis.flushall()
  await redis.sadd('one:list', aPasskey(), 'ABCD')
  const config = {
    ...CONFIG,
    storage: { name: 'redis', config: { key_prefix: 'one:' } },
    prehooks: [{ name: 'passkey approval', options: { set_key: 'list' } }, { name: 'traffic push' }],
  }
  const { amiss, findings } = await aPatient(url, config).examine()
  expect(amiss).toEqual(['error passkeys-case'])
  expect(findings.find(({ id }) => id === 'passkeys')!.what).toBe('one:list lists 2 passkeys')
})

test.skipIf(isMissing('redis-cli'))(
  'a replica is told where its primary is, and can be promoted',
  async () => {
    const primary = await aServer()
    const port = new URL(primary.url).port
    const replica = await startRedis({ args: [...SOUND, '--replicaof', '127.0.0.1', port] })
    await becomes(async () => (await primary.redis.info('replication')).includes('state=online'), true)
    const patient = aPatient(replica.url, CONFIG)
    const { findings, amiss } = await patient.examine()
    expect(amiss).toContain('error replication')
    const finding = findings.find(({ id }) => id === 'replication')!
    expect(finding.remedy).toContain(`127.0.0.1:${port}`)
    await patient.treat(finding.commands)
    expect((await patient.examine()).amiss).toEqual([])
  },
)

test.skipIf(isMissing('redis-cli'))(
  'a snapshot that failed stops all writes, until the folder is there again',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'redswarm-snapshot-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const gone = join(folder, 'gone')
    mkdirSync(gone)
    const { url, redis } = await aServer([
      '--appendonly',
      'no',
      '--save',
      '3600 1',
      '--enable-protected-configs',
      'yes',
    ])
    await redis.config('SET', 'dir', gone)
    rmSync(gone, { recursive: true })
    await redis.bgsave()
    const status = async () => /^rdb_last_bgsave_status:(\w+)/m.exec(await redis.info('persistence'))![1]
    await becomes(status, 'err')
    await expect(redis.set('x', 1)).rejects.toThrow('MISCONF')

    const patient = aPatient(url, CONFIG)
    const { findings, amiss } = await patient.examine()
    expect(amiss).toEqual(['warning persistence', 'error snapshot'])
    mkdirSync(gone)
    await redis.config('SET', 'dir', gone) // the server was in the folder that is gone
    await patient.treat(findings.find(({ id }) => id === 'snapshot')!.commands)
    await becomes(status, 'ok')
    expect((await patient.examine()).amiss).toEqual(['warning persistence'])
  },
)

describe.skipIf(isMissing('redis-cli'))('rights', () => {
  async function aServerWithUsers() {
    const { url } = await startRedis({ args: [...SOUND, '--aclfile', sharedUsersFile()] })
    const adminUrl = urlAs('admin', url.replace('//', '//admin@'))
    const admin = connectTo(adminUrl)
    onTestFinished(() => admin.disconnect())
    await furnish(admin)
    return { admin, adminUrl, as: (user: 'tracker' | 'operator' | 'site') => urlAs(user, adminUrl) }
  }

  test('the operator of dist/redis may look at everything, and finds the tracker able to do its work', async () => {
    const { adminUrl, as } = await aServerWithUsers()
    const { amiss, findings } = await aPatient(adminUrl, CONFIG).examine(as('operator'))
    expect(amiss).toEqual([])
    expect(findings.find(({ id }) => id === 'rights')!.what).toBe(
      'the user tracker may do all that a tracker does',
    )
  })

  test.each([
    ['zadd', 'resetkeys ~nothing'],
    ['xadd', '-xadd'],
  ])(
    'a tracker that lacks %s is told the rule, seen from the operator and from itself',
    async (command, rules) => {
      const { admin, adminUrl, as } = await aServerWithUsers()
      const patient = aPatient(adminUrl, CONFIG)
      const list = (await admin.call('ACL', 'LIST')) as string[]
      const tracker = list.find((line) => line.startsWith('user tracker '))!
      // Selectors cannot be changed one by one, so all of them go, and the rules of a tracker without this one come.
      const without = rules.startsWith('-')
        ? tracker.replaceAll(` +${command}`, '')
        : tracker.replaceAll('~swarm:*', '')
      const words = without.match(/\([^)]*\)|\S+/g)!.slice(2)
      await admin.call('ACL', 'SETUSER', 'tracker', 'reset', ...words)

      const seen = await patient.examine(as('operator'))
      expect(seen.amiss).toEqual(['error rights'])
      const own = await patient.examine(as('tracker'))
      expect(own.amiss).toContain('error rights')
      const finding = seen.findings.find(({ id }) => id === 'rights')!
      expect(finding.what).toMatch(new RegExp(`^NOPERM: the user tracker may not .*${command}`))
      expect(own.findings.find(({ id }) => id === 'rights')!.what).toBe(finding.what)

      await patient.treat(finding.commands)
      expect((await patient.examine(as('operator'))).amiss).toEqual([])
    },
  )

  test('as the tracker itself: what it may not look at is named, and the rule that allows it', async () => {
    const { adminUrl, as } = await aServerWithUsers()
    const patient = aPatient(adminUrl, CONFIG)
    const { amiss, findings } = await patient.examine(as('tracker'))
    expect(amiss).toEqual(['warning asked'])
    const finding = findings.find(({ id }) => id === 'asked')!
    expect(finding.what).toMatch(/CONFIG GET.*XINFO GROUPS.*NOPERM for the user tracker/)
    await patient.treat(finding.commands)
    expect((await patient.examine(as('tracker'))).amiss).toEqual([])
  })

  test('a wrong password is a finding that does not repeat it', async () => {
    const { adminUrl, as } = await aServerWithUsers()
    const wrong = as('tracker').replace(passwordOf('tracker'), 'wrong-secret')
    const { amiss, findings, text } = await aPatient(adminUrl, CONFIG).examine(wrong)
    expect(amiss).toEqual(['error connection'])
    expect(findings.find(({ id }) => id === 'connection')!.what).toContain('WRONGPASS')
    expect(text).not.toContain('wrong-secret')
  })
})

test('a service that keeps CONFIG to itself: the rest is looked at', async () => {
  const { url } = await aServer(['--rename-command', 'CONFIG', ''])
  const { amiss, findings } = await aPatient(url, CONFIG).examine()
  expect(amiss).toEqual([])
  expect(findings.find(({ id }) => id === 'asked')).toMatchObject({
    severity: 'info',
    what: expect.stringContaining('CONFIG GET'),
  })
})

test('several trackers without a key for UDP', async () => {
  const { url } = await aServer()
  const { udp: _, ...withoutKey } = { ...CONFIG, udp: undefined }
  const config = { ...withoutKey, udp: { addr: '127.0.0.1:0' }, http: { addr: '127.0.0.1:0' } }
  for (let i = 0; i < 2; i++) {
    const { config: loaded } = loadConfig(JSON.stringify({ chihaya: config }), { REDIS_URL: url })
    const instance = await startInstance(loaded, createLogger('silent'))
    onTestFinished(() => instance.close())
    await becomes(() => instance.notReady(), '')
  }
  expect((await aPatient(url, config).examine()).amiss).toEqual([
    'warning config-warning',
    'error udp-private-key',
  ])
})

test('while Redis reads its data from disk it is asked to wait', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'redswarm-loading-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [port] = await freePorts(1)
  const first = await startRedis({ dir, port: port! })
  const redis = connectTo(first.url)
  await redis.eval("for i = 1, 30000 do redis.call('SET', 'k' .. i, 'v') end", 0)
  await redis.save()
  redis.disconnect()
  await first.stop()
  const slowly = ['--key-load-delay', '2000', '--loading-process-events-interval-bytes', '1024'] // a minute
  const server = await startProcess({
    name: 'redis-server',
    program: 'redis-server',
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, ...slowly],
  })
  onTestFinished(async () => void (await server.end('SIGKILL')))
  const client = connectTo(first.url)
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  await becomes(() => client.status, 'connect') // and not ready

  const { findings, amiss } = await aPatient(first.url, CONFIG).examine()
  expect(amiss).toEqual(['error connection'])
  expect(findings.find(({ id }) => id === 'connection')!.meaning).toMatch(/still reading its data/)
})

test('without a Redis, and with a configuration that does not start', async () => {
  const [port] = await freePorts(1)
  const { amiss, findings } = await aPatient(`redis://127.0.0.1:${port}`, CONFIG).examine()
  expect(amiss).toEqual(['error connection'])
  expect(findings.find(({ id }) => id === 'connection')!.meaning).toBe('Nothing listens there.')

  const broken = await aPatient(`redis://127.0.0.1:${port}`, { ...CONFIG, announce_interval: '5s' }).examine()
  expect(broken.amiss).toEqual(['error config'])
  expect(broken.findings[0]!.what).toMatch(/announce_interval.*5s/)
})
