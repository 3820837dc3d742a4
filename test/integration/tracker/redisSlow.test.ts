import { afterAll, afterEach, expect, test } from 'vitest'
import { connectRedis } from '../../../src/redis/connection.ts'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { aPasskey, aPeerId, aPlan, aPolicy, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo, eventsOf, sum } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY } from '../../support/servers/trackerUnderTest.ts'

const server = await startRedis()
const redis = connectTo(server.url)
const keys = keysUnder('')
afterAll(() => redis.disconnect())

const opened: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await redis.flushall()
})

const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

async function aTracker(storage: object) {
  await redis.sadd(keys.passkeys, aPasskey())
  const proxy = await new RedisProxy(server.url).up()
  const tracker = await startTracker({ redisUrl: proxy.url, keyPrefix: '', storage })
  opened.push(tracker, { close: () => proxy.down() })
  await becomes(tracker.readiness, 'ready')
  return { proxy, tracker }
}

/** A store on a connection through a proxy, without HTTP before it. */
async function aStore({ commandTimeoutMs = 60_000, maxInFlight = 100 }) {
  const proxy = await new RedisProxy(server.url).up()
  const target = { host: '127.0.0.1', port: Number(new URL(proxy.url).port) }
  const connection = connectRedis({ target, connectTimeoutMs: 1000, commandTimeoutMs, log: silentLog })
  opened.push(connection, { close: () => proxy.down() })
  await connection.readyWithin(20_000)
  const failures: unknown[] = []
  const store = createSwarmStore({
    redis: connection.redis,
    keys,
    policy: aPolicy(),
    maxInFlight,
    onUnavailable: (error) => failures.push(error),
  })
  return { proxy, connection, store, failures }
}

test('when Redis does not answer, clients are told to come back after store_timeout, and are served afterwards', async () => {
  const { proxy, tracker } = await aTracker({ store_timeout: '150ms' })
  await tracker.announce({ uploaded: 100 })
  proxy.stall()
  expect(await tracker.failure({ uploaded: 200 })).toBe(TEMPORARY)
  await becomes(tracker.readiness, /^not ready/)
  proxy.resume()
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure({ uploaded: 300 })).toBeUndefined()
  // The announce without an answer may have been carried out; the sum knows no difference.
  expect(sum((await eventsOf(redis, keys.traffic)).map((each) => Number(each.du)))).toBe(200)
})

test('a paused Redis is a temporary failure too, and becomes ready again', async () => {
  const { tracker } = await aTracker({ store_timeout: '100ms' })
  await redis.client('PAUSE', 1_000)
  expect(await tracker.failure()).toBe(TEMPORARY)
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
})

test('of more announces than max_in_flight the surplus is refused at once, the others are served', async () => {
  const { proxy, store, failures } = await aStore({ maxInFlight: 25 })
  proxy.stall()
  const accepted = Array.from({ length: 25 }, (_, i) => store.announce(aPlan({ peerId: aPeerId(i) })))
  expect(store.inFlight()).toBe(25)
  // No answer can arrive, so these can only come from the bound.
  for (let i = 0; i < 50; i++)
    await expect(store.announce(aPlan())).rejects.toThrow('more than 25 calls in flight')
  await expect(store.scrape([])).rejects.toBeInstanceOf(StoreUnavailable)
  expect(store.inFlight()).toBe(25)
  expect(failures).toHaveLength(51)

  proxy.resume()
  expect((await Promise.all(accepted)).map((each) => each.status)).toEqual(Array(25).fill('served'))
  expect(store.inFlight()).toBe(0)
  expect((await store.announce(aPlan())).status).toBe('served')
})

test('through HTTP the one announce too many is refused while the first still waits', async () => {
  const { proxy, tracker } = await aTracker({ max_in_flight: 1, store_timeout: '1m' })
  proxy.stall()
  const first = tracker.failure()
  await becomes(async () => (await eventsOf(redis, keys.traffic)).length, 1) // carried out, not answered
  expect(await tracker.failure({ peerId: aPeerId(2) })).toBe(TEMPORARY)
  proxy.resume()
  expect(await first).toBeUndefined()
  expect(await tracker.failure({ peerId: aPeerId(2) })).toBeUndefined()
})

test('while Redis is silent for long, no command stays queued behind its timeout', async () => {
  const maxInFlight = 20
  const { proxy, connection, store } = await aStore({ commandTimeoutMs: 50, maxInFlight })
  const { redis: client } = connection as unknown as { redis: { commandQueue: { length: number } } }
  proxy.stall()
  let longest = 0
  for (let round = 0; round < 12; round++) {
    const calls = Array.from({ length: 2 * maxInFlight }, () => store.announce(aPlan()))
    longest = Math.max(longest, client.commandQueue.length)
    await Promise.allSettled(calls)
    await becomes(() => client.commandQueue.length, 0)
  }
  expect(longest).toBe(maxInFlight) // of 12 rounds
  expect(store.inFlight()).toBe(0)
  proxy.resume()
  await connection.readyWithin(20_000)
  expect((await store.announce(aPlan())).status).toBe('served')
})

test('what was not sent when its call timed out never reaches a Redis that stood still', async () => {
  const stopped = await startRedis()
  const control = connectTo(stopped.url)
  await control.sadd(keys.passkeys, aPasskey())
  const target = { host: '127.0.0.1', port: stopped.port }
  // The connection is given up for its silence after twice the timeout, which this test does not wait for.
  const connection = connectRedis({
    target,
    connectTimeoutMs: 20_000,
    commandTimeoutMs: 1_500,
    log: silentLog,
  })
  opened.push(connection, { close: () => control.disconnect() })
  await connection.readyWithin(20_000)
  const store = createSwarmStore({
    redis: connection.redis,
    keys,
    policy: aPolicy(),
    maxInFlight: 100_000,
  })
  await store.announce(aPlan())
  process.kill(stopped.pid, 'SIGSTOP')
  const traffic = { agent: 'x'.repeat(20_000) }
  const calls = Array.from({ length: 1_500 }, () => store.announce(aPlan({ traffic })))
  const results = await Promise.allSettled(calls)
  process.kill(stopped.pid, 'SIGCONT')
  expect(results.filter((each) => each.status === 'fulfilled')).toEqual([])
  await connection.readyWithin(20_000)
  expect((await store.announce(aPlan())).status).toBe('served')
  expect(await control.xlen(keys.traffic)).toBeLessThan(1_000) // what the kernels had taken already
})

test('a Redis that is loading its data is a temporary failure until it has', async () => {
  const args = ['--enable-debug-command', 'yes', '--loading-process-events-interval-bytes', '1024']
  const own = await startRedis({ args: [...args, '--key-load-delay', '2000'] }) // µs for each key
  const control = connectTo(own.url)
  opened.push({ close: () => control.disconnect() })
  const tracker = await startTracker({ redisUrl: own.url, keyPrefix: '' })
  opened.unshift(tracker)
  await becomes(tracker.readiness, 'ready')
  await control.sadd(keys.passkeys, aPasskey())
  await control.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key${i}`, 'x'.repeat(200)])))

  const reloaded = control.call('DEBUG', 'RELOAD')
  await becomes(() => tracker.failure(), TEMPORARY)
  await reloaded
  expect(JSON.stringify(tracker.log)).toContain('LOADING')
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.failure()).toBeUndefined()
})

test('a read-only replica is a temporary failure that neither floods the log nor ends when the replica is promoted', async () => {
  const replica = await startRedis()
  const control = connectTo(replica.url)
  opened.push({ close: () => control.disconnect() })
  await control.sadd(keys.passkeys, aPasskey())
  const tracker = await startTracker({ redisUrl: replica.url, keyPrefix: '' })
  opened.unshift(tracker)
  await becomes(tracker.readiness, 'ready')

  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  await control.replicaof('127.0.0.1', primary.port)
  await becomes(async () => (await control.info('replication')).includes('master_link_status:up'), true)
  const upstream = connectTo(primary.url)
  await upstream.sadd(keys.passkeys, aPasskey())
  upstream.disconnect()
  for (let i = 0; i < 10; i++) {
    expect(await tracker.failure()).toBe(TEMPORARY)
    await becomes(tracker.readiness, /redis is a replica/)
  }
  expect(tracker.log.filter((line) => /lost/.test(line.message))).toHaveLength(1)
  expect(tracker.log.filter((line) => /READONLY/.test(JSON.stringify(line.fields)))).toHaveLength(1)

  await control.replicaof('NO', 'ONE')
  await becomes(async () => await tracker.failure(), undefined)
})
