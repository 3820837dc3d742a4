import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { createSweeper } from '../../../src/tracker/store/sweeper.ts'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY, type TrackerUnderTest } from '../../support/servers/trackerUnderTest.ts'

const { url } = await startRedis() // of our own: its memory limit is moved
const redis = connectTo(url)
const keys = keysUnder('')
let tracker: TrackerUnderTest

beforeEach(async () => {
  await redis.flushall()
  await redis.sadd(keys.passkeys, aPasskey(), aPasskey(2))
  tracker = await startTracker({ redisUrl: url, keyPrefix: '' })
  await becomes(tracker.readiness, 'ready')
})
afterEach(async () => {
  await memoryLimit(0)
  await tracker.close()
})
afterAll(() => redis.disconnect())

const memoryLimit = (bytes: number) =>
  redis.config('SET', 'maxmemory', bytes, 'maxmemory-policy', 'noeviction')

test('with a full Redis announces fail temporarily and whole, and go on where they were', async () => {
  await tracker.announce({ uploaded: 100 })
  await tracker.announce({ passkey: aPasskey(2), peerId: aPeerId(2), left: 0 })
  await memoryLimit(1)
  const before = await everythingUnder(redis, '')

  for (const event of ['', 'started', 'completed', 'stopped']) {
    for (const left of [0, 1000])
      expect(await tracker.failure({ uploaded: 300, event, left })).toBe(TEMPORARY)
  }
  expect(await tracker.failure({ infohash: anInfohash(7) })).toBe(TEMPORARY)
  expect(await everythingUnder(redis, '')).toEqual(before)
  expect(tracker.log.filter((line) => /OOM/.test(JSON.stringify(line.fields)))).toHaveLength(1)

  await memoryLimit(0)
  expect(await tracker.failure({ uploaded: 450 })).toBeUndefined()
  expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ du: '350', up: '450' })
})

test('a full Redis still answers scrapes', async () => {
  await tracker.announce({ left: 0 })
  await memoryLimit(1)
  const files = (await tracker.scrape([anInfohash()])).get('files') as Map<string, Map<string, unknown>>
  expect([...files.values()][0]!.get('complete')).toBe(1)
})

test('a full Redis is swept all the same: that is how it gets room again', async () => {
  let now = Math.floor(Date.now() / 1000)
  const sweeper = createSweeper({
    redis,
    keys,
    peerLifetimeSeconds: 1860,
    sweepLimit: 1000,
    leaseMs: 60_000,
    nowSeconds: () => now,
  })
  await tracker.announce({ left: 0 })
  now += 4_000
  await memoryLimit(1) // nobody holds the lease: it has to be taken now
  expect(await sweeper.round()).toMatchObject({ isLeader: true, seedersDropped: 1 })
})

test('a traffic stream of a wrong type fails announces temporarily and whole', async () => {
  await tracker.announce({ uploaded: 100 })
  await redis.rename(keys.traffic, 'aside')
  await redis.set(keys.traffic, 'text')
  const before = await everythingUnder(redis, '')

  for (const event of ['', 'started', 'completed', 'stopped']) {
    for (const left of [0, 1000])
      expect(await tracker.failure({ uploaded: 300, event, left })).toBe(TEMPORARY)
  }
  expect(await everythingUnder(redis, '')).toEqual(before)
  expect(await tracker.metrics()).toContain('redswarm_store_failures_total 8')

  await redis.rename('aside', keys.traffic)
  await tracker.announce({ uploaded: 300 })
  expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ du: '200' })
})
