import { Redis } from 'ioredis'
import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createKeys } from '../../../src/redis/keys.ts'
import { readStorageNumbers } from '../../../src/redis/storageNumbers.ts'
import { aPasskey } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { watchCommands } from '../../support/programs/commands.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { startTracker } from '../../support/servers/trackerUnderTest.ts'

const { url, port } = await startRedis() // of our own: its memory and users are changed
const redis = connectTo(url)
const keys = createKeys({ keyPrefix: '', passkeysKey: 'pt:passkeys', trafficKey: 'tracker:traffic' })

beforeEach(() => redis.flushall())
afterAll(() => redis.disconnect())

test('an empty Redis has nothing of anything', async () => {
  expect(await readStorageNumbers(redis, keys)).toEqual({
    seeders: 0,
    leechers: 0,
    trafficTrimmed: 0,
    infohashes: 0,
    passkeys: 0,
    hasWhitelist: false,
    streamEntries: 0,
    oldestEntryAgeSeconds: 0,
    deadLetters: 0,
    failedEntries: 0,
    usedMemoryBytes: expect.any(Number),
    maxMemoryBytes: 0,
    evictedKeys: 0,
    isNoEviction: true,
  })
})

test('lists and streams are counted, and the oldest entry is as old as Redis says', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1), aPasskey(2))
  const [nowSeconds] = (await redis.time()) as unknown as [number]
  await redis.xadd(keys.traffic, `${Number(nowSeconds) * 1000 - 90_000}-7`, 'passkey', aPasskey())
  await redis.xadd(keys.traffic, '*', 'passkey', aPasskey())
  await redis.xadd('tracker:traffic:dlq', '*', 'reason', 'a')
  await redis.xadd('tracker:traffic:failed', '*', 'reason', 'a')
  await redis.xadd('tracker:traffic:failed', '*', 'reason', 'b')
  const numbers = await readStorageNumbers(redis, keys)
  expect(numbers).toMatchObject({
    passkeys: 2,
    hasWhitelist: true,
    streamEntries: 2,
    deadLetters: 1,
    failedEntries: 2,
  })
  expect(numbers.oldestEntryAgeSeconds).toBeGreaterThanOrEqual(90)
  expect(numbers.oldestEntryAgeSeconds).toBeLessThan(90 + 3600)
})

test('an entry of the future is not younger than nothing', async () => {
  await redis.xadd(keys.traffic, '99999999999999-0', 'a', 'b')
  expect((await readStorageNumbers(redis, keys)).oldestEntryAgeSeconds).toBe(0)
})

test('what may not be read, or is no such thing, is left out, and the rest is there', async () => {
  await redis.sadd(keys.passkeys, aPasskey())
  await redis.set(keys.traffic, 'no stream')
  await redis.acl('SETUSER', 'half', 'on', '>half', '~*', '+@all', '-info', '-scard')
  onTestFinished(async () => void (await redis.acl('DELUSER', 'half')))
  const half = new Redis({
    port,
    host: '127.0.0.1',
    username: 'half',
    password: 'half',
    protocol: 2,
    enableReadyCheck: false,
  })
  onTestFinished(() => half.disconnect())
  expect(await readStorageNumbers(half, keys)).toMatchObject({
    passkeys: undefined,
    hasWhitelist: undefined,
    streamEntries: undefined,
    oldestEntryAgeSeconds: undefined,
    usedMemoryBytes: undefined,
    isNoEviction: undefined,
    infohashes: 0,
    deadLetters: 0,
  })
})

test('without an answer it throws', async () => {
  const gone = new Redis({ port, host: '127.0.0.1', lazyConnect: true, enableOfflineQueue: false })
  gone.on('error', () => undefined)
  await expect(readStorageNumbers(gone, keys)).rejects.toThrow()
  gone.disconnect()
})

test('a scrape of the metrics reads them once, and says when the whitelist is not there', async () => {
  const tracker = await startTracker({ redisUrl: url, keyPrefix: '' })
  onTestFinished(() => tracker.close())
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.metrics()).toMatch(/^redswarm_whitelist_missing 1$/m)
  await redis.sadd(keys.passkeys, aPasskey())
  const commands = await watchCommands(redis)
  onTestFinished(() => commands.close())
  let text = ''
  const sent = await commands.during(async () => {
    text = await tracker.metrics()
  })
  expect(text).toMatch(/^redswarm_whitelist_missing 0$/m)
  expect(text).toMatch(/^redswarm_passkeys 1$/m)
  expect(sent.filter((command) => command !== 'ping')).toEqual([
    'hmget',
    'zcard',
    'scard',
    'xlen',
    'xrange',
    'time',
    'xlen',
    'xlen',
    'info',
    'evalsha', // whether announces are taken
  ])
})

test('on an open tracker no whitelist is missed', async () => {
  const tracker = await startTracker({ redisUrl: url, keyPrefix: '', isOpen: true })
  onTestFinished(() => tracker.close())
  await becomes(tracker.readiness, 'ready')
  expect(await tracker.metrics()).toMatch(/^redswarm_whitelist_missing 0$/m)
})

test('a policy that evicts is seen', async () => {
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')
  onTestFinished(async () => void (await redis.config('SET', 'maxmemory-policy', 'noeviction')))
  expect((await readStorageNumbers(redis, keys)).isNoEviction).toBe(false)
})
