import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { connectRedis } from '../../../src/redis/connection.ts'
import { aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo, eventsOf, sum } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY, type TrackerUnderTest } from '../../support/servers/trackerUnderTest.ts'

const server = await startRedis()
const redis = connectTo(server.url)
const keys = keysUnder('')
afterAll(() => redis.disconnect())

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await redis.flushall()
})

/** A tracker that reaches its Redis through a proxy of the test's. */
async function aTracker(options: { isUp: boolean; storage?: object }) {
  await redis.sadd(keys.passkeys, aPasskey())
  const proxy = await new RedisProxy(server.url).up()
  if (!options.isUp) await proxy.down()
  opened.push({ close: () => proxy.down() })
  const tracker = await startTracker({ redisUrl: proxy.url, keyPrefix: '', storage: options.storage ?? {} })
  opened.unshift(tracker)
  if (options.isUp) await becomes(tracker.readiness, 'ready')
  return { proxy, tracker }
}

const said = (tracker: TrackerUnderTest, message: RegExp) =>
  tracker.log.filter((line) => message.test(line.message)).length

test('an instance that starts before its Redis serves, is not ready, and becomes ready by itself', async () => {
  const { proxy, tracker } = await aTracker({ isUp: false })
  expect(await tracker.readiness()).toMatch(/^not ready: redis is not connected/)
  expect(await tracker.failure()).toBe(TEMPORARY)
  expect(await tracker.metrics()).toContain('redswarm_store_failures_total 1')

  await proxy.up()
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
  expect(said(tracker, /redis is ready/)).toBe(1)
})

test('a client does not wait for a Redis that is connected and not ready yet', async () => {
  const proxy = await new RedisProxy(server.url).up()
  proxy.stall()
  const storage = { store_timeout: '1m' } // longer than this test may take
  const tracker = await startTracker({ redisUrl: proxy.url, keyPrefix: '', storage })
  opened.push(tracker, { close: () => proxy.down() })
  await becomes(() => proxy.connections, 1)
  expect(await tracker.failure()).toBe(TEMPORARY)
  expect(await tracker.readiness()).toMatch(/^not ready/)
})

test('a Redis that is lost while running fails announces at once; after its return they go on where they were', async () => {
  const { proxy, tracker } = await aTracker({ isUp: true })
  await tracker.announce({ uploaded: 100 })
  await proxy.down()
  await becomes(tracker.readiness, /^not ready/)
  expect(await tracker.failure({ uploaded: 250 })).toBe(TEMPORARY)
  expect(said(tracker, /connection lost/)).toBe(1)

  await proxy.up()
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure({ uploaded: 300 })).toBeUndefined()
  const du = (await eventsOf(redis, keys.traffic)).map((each) => Number(each.du))
  expect(sum(du)).toBe(200)
})

test('an announce whose answer was lost with the connection is credited once', async () => {
  const { proxy, tracker } = await aTracker({ isUp: true })
  await tracker.announce({ uploaded: 100 })
  proxy.stall()
  const unanswered = tracker.failure({ uploaded: 300 })
  await becomes(async () => (await eventsOf(redis, keys.traffic)).length, 2)
  proxy.cut()
  proxy.resume()
  expect(await unanswered).toBe(TEMPORARY)
  await becomes(tracker.readiness, 'ready')
  await tracker.announce({ uploaded: 300 })
  expect((await eventsOf(redis, keys.traffic)).map((each) => each.du)).toEqual(['0', '200', '0'])
})

test.each([
  ['refuses connections', (proxy: RedisProxy) => proxy.down()],
  ['takes connections and closes them', (proxy: RedisProxy) => proxy.hangUp()],
])('while Redis %s, the log says so once and not at each attempt', async (_, fault) => {
  const proxy = await new RedisProxy(server.url).up()
  opened.push({ close: () => proxy.down() })
  await fault(proxy)
  const lines: string[] = []
  const log = (_fields: object, message: string) => void lines.push(message)
  const connection = connectRedis({
    target: { host: '127.0.0.1', port: Number(new URL(proxy.url).port) },
    connectTimeoutMs: 1000,
    commandTimeoutMs: 1000,
    log: { debug: log, info: log, warn: log, error: log },
  })
  opened.unshift(connection)
  let attempts = 0
  connection.redis.on('reconnecting', () => attempts++)
  await becomes(() => attempts >= 4, true)
  expect(lines).toEqual(['redis is not reachable, trying again'])
})

test('after SCRIPT FLUSH every announce is served', async () => {
  const { tracker } = await aTracker({ isUp: true })
  for (let i = 0; i < 5; i++) {
    await redis.script('FLUSH')
    const peers = Array.from({ length: 10 }, (_, peer) => tracker.failure({ peerId: aPeerId(peer) }))
    expect(await Promise.all(peers)).toEqual(Array(10).fill(undefined))
  }
})

test('a Redis restarted empty: no whitelist means try again, and with it announces work at once', async () => {
  const { proxy, tracker } = await aTracker({ isUp: true })
  await tracker.announce({ uploaded: 100 })
  const empty = await startRedis() // knows no script and no key
  const emptied = connectTo(empty.url)
  opened.push({ close: () => emptied.disconnect() })

  proxy.leadTo(empty.url)
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure({ uploaded: 200 })).toBe(TEMPORARY)
  await emptied.sadd(keys.passkeys, aPasskey())
  expect(await tracker.failure({ uploaded: 300 })).toBeUndefined()
  expect(await tracker.failure({ uploaded: 350 })).toBeUndefined()
  expect((await eventsOf(emptied, keys.traffic)).map((each) => each.du)).toEqual(['0', '50'])
})

test('a Redis that crashed and comes back with its append-only file goes on without a gap', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'redswarm-aof-'))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always']
  const first = await startRedis({ dir, args })
  const tracker = await startTracker({ redisUrl: first.url, keyPrefix: '' })
  opened.unshift(tracker, { close: () => rm(dir, { recursive: true, force: true }) })
  const before = connectTo(first.url)
  await before.sadd(keys.passkeys, aPasskey())
  before.disconnect()
  await becomes(tracker.readiness, 'ready')
  await tracker.announce({ uploaded: 100 })

  await first.kill()
  await becomes(tracker.readiness, /^not ready/)
  expect(await tracker.failure({ uploaded: 150 })).toBe(TEMPORARY)
  const second = await startRedis({ dir, args, port: first.port })
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure({ uploaded: 180 })).toBeUndefined()
  const after = connectTo(second.url)
  expect((await eventsOf(after, keys.traffic)).map((each) => each.du)).toEqual(['0', '80'])
  after.disconnect()
  await second.stop()
})
