import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { aPasskey, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, everythingUnder } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY, type TrackerOptions } from '../../support/servers/trackerUnderTest.ts'

/*
/readyz says whether an announce would be served. Each case makes Redis refuse announces while it answers PING.
*/

const keys = keysUnder('')

async function aServer(args: readonly string[] = [], dir?: string) {
  const { url } = await startRedis({ args, ...(dir === undefined ? {} : { dir }) })
  const redis = connectTo(url)
  onTestFinished(() => redis.disconnect())
  return { url, redis }
}

async function aTracker(redisUrl: string, options: Partial<TrackerOptions> = {}) {
  const tracker = await startTracker({ redisUrl, keyPrefix: '', ...options })
  onTestFinished(() => tracker.close())
  return tracker
}

/** Holds a tracker to refusing announces, and to saying why. */
async function refuses(redisUrl: string, why: RegExp | string, options: Partial<TrackerOptions> = {}) {
  const tracker = await aTracker(redisUrl, options)
  await becomes(tracker.readiness, why)
  expect(await tracker.failure()).toBe(TEMPORARY)
  return tracker
}

test('a replica: not ready, and again when it is promoted', async () => {
  const primary = await aServer()
  const replica = await aServer(['--replicaof', '127.0.0.1', new URL(primary.url).port])
  const tracker = await refuses(replica.url, /^not ready: redis is a replica .* \(READONLY\)$/)
  await replica.redis.replicaof('NO', 'ONE')
  await replica.redis.sadd(keys.passkeys, aPasskey())
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
})

test('too few replicas', async () => {
  const { url } = await aServer(['--min-replicas-to-write', '1'])
  await refuses(url, /^not ready: .*min-replicas-to-write \(NOREPLICAS\)$/)
})

test('a disk that cannot be written', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'redswarm-gone-'))
  const { url, redis } = await aServer(['--save', '3600 1'], dir)
  await rm(dir, { recursive: true })
  await redis.set('changed', '1')
  await redis.bgsave()
  await becomes(async () => /rdb_last_bgsave_status:err/.test(await redis.info('persistence')), true)
  await refuses(url, /^not ready: redis refuses writes, it cannot save to disk.* \(MISCONF\)$/)
})

test('memory that is full', async () => {
  const { url, redis } = await aServer()
  const tracker = await aTracker(url)
  await becomes(tracker.readiness, 'ready')
  await redis.config('SET', 'maxmemory', '1mb')
  await becomes(tracker.readiness, /^not ready: .*its memory is full \(maxmemory\) \(OOM\)$/)
})

test('a node of a cluster', async () => {
  const { url } = await aServer(['--cluster-enabled', 'yes'])
  await refuses(url, /^not ready: redis is a node of a Redis Cluster.* \((CROSSSLOT|CLUSTERDOWN|MOVED)\)$/)
})

test('a user who may not call scripts on the keys', async () => {
  const { url, redis } = await aServer()
  await redis.call('ACL', 'SETUSER', 'tracker', 'on', '>secret', '~pt:*', '%R~tracker:*', '+@all')
  await refuses(asTracker(url), /^not ready: the Redis user may not run the announce script.*\(NOPERM\)$/)
})

test('a user who may not run a command of the script', async () => {
  const { url, redis } = await aServer()
  await redis.call('ACL', 'SETUSER', 'tracker', 'on', '>secret', '~*', '+@all', '-xadd')
  await redis.sadd(keys.passkeys, aPasskey())
  const tracker = await refuses(
    asTracker(url),
    /^not ready: the Redis user may not run XADD on tracker:traffic \(NOPERM\): redswarm doctor names the rights$/,
  )
  await redis.call('ACL', 'SETUSER', 'tracker', '+xadd')
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
})

test('a key of another type', async () => {
  const { url, redis } = await aServer()
  await redis.set(keys.traffic, 'text')
  await refuses(url, 'not ready: tracker:traffic is a string, not a stream (WRONGTYPE)')
})

test('the list of torrents counts only where announces look at it', async () => {
  const { url, redis } = await aServer()
  await redis.set(keys.torrents, 'text')
  const tracker = await aTracker(url, { isOpen: true })
  await becomes(tracker.readiness, 'ready')
})

test('asking writes nothing', async () => {
  const { url, redis } = await aServer()
  const tracker = await aTracker(url)
  await becomes(tracker.readiness, 'ready')
  const before = await everythingUnder(redis, '')
  const dirty = async () => /rdb_changes_since_last_save:(\d+)/.exec(await redis.info('persistence'))?.[1]
  const changes = await dirty()
  for (let i = 0; i < 5; i++) expect(await tracker.readiness()).toBe('ready')
  expect(await everythingUnder(redis, '')).toEqual(before)
  expect(await dirty()).toBe(changes)
})

test.each([
  ['without SCRIPT', ['--rename-command', 'SCRIPT', '']],
  ['whose user may not SCRIPT', []],
])('a Redis %s serves, is ready, and warns once', async (_, args) => {
  const { url, redis } = await aServer(args)
  await redis.call('ACL', 'SETUSER', 'tracker', 'on', '>secret', '~*', '+@all', '-script')
  await redis.sadd(keys.passkeys, aPasskey())
  const tracker = await aTracker(asTracker(url))
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
  expect(tracker.log.filter(({ message }) => /first announce/.test(message))).toHaveLength(1)
})

function asTracker(url: string): string {
  return url.replace('//', '//tracker:secret@')
}
