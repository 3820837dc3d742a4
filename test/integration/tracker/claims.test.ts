import { beforeEach, describe, expect, test } from 'vitest'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import { createSwarmStore, type SwarmStoreOptions } from '../../../src/tracker/store/swarmStore.ts'
import { createSweeper } from '../../../src/tracker/store/sweeper.ts'
import { anInfohash, aPlan, aPolicy, keysUnder } from '../../support/builders/builders.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const DAY = 86_400
let now = 1_800_000_000

beforeEach(async () => {
  now = 1_800_000_000
  const left = await redis.keys(`${keyPrefix}*`)
  if (left.length > 0) await redis.del(left)
})

function aStore(options: Partial<SwarmStoreOptions> = {}) {
  return createSwarmStore({
    redis,
    keys,
    policy: aPolicy(),
    maxInFlight: 100,
    nowSeconds: () => now,
    ...options,
  })
}

/** One session's announces, some seconds apart. @returns what the events say */
async function announce(steps: readonly (Partial<AnnouncePlan> & { readonly after?: number })[]) {
  const store = aStore()
  for (const { after = 60, ...step } of steps) {
    now += after
    expect(await store.announce(aPlan({ leftBytes: 0, ...step }))).toMatchObject({ status: 'served' })
  }
  const events = await eventsOf(redis, keys.traffic)
  return events.map(({ du, dd, dt, since, ts }) => ({
    du: Number(du),
    dd: Number(dd),
    dt: Number(dt),
    isBaseline: since === ts,
  }))
}

describe('a claim that nobody can have made', () => {
  test.each([2 ** 51, 2 ** 53 - 1, 12_500_000_000 * 5 + 1])('%i bytes in two seconds', async (bytes) => {
    const events = await announce([
      { uploadedBytes: 0 },
      { uploadedBytes: bytes, after: 2 },
      { uploadedBytes: bytes === 2 ** 53 - 1 ? bytes : bytes + 1, after: 2 },
    ])
    expect(events[1]).toMatchObject({ du: 0, dd: 0, isBaseline: true })
    expect(events[2]!.du).toBeLessThanOrEqual(1)
  })

  test('what 100 Gbit/s moves in that time is credited', async () => {
    const events = await announce([{ uploadedBytes: 0 }, { uploadedBytes: 12_500_000_000 * 5, after: 2 }])
    expect(events[1]).toMatchObject({ du: 12_500_000_000 * 5, isBaseline: false })
  })
})

describe('counters', () => {
  test('a downloaded counter that falls a little takes no upload away', async () => {
    const events = await announce([
      { uploadedBytes: 0, downloadedBytes: 0, leftBytes: 5e9, event: 'started' },
      { uploadedBytes: 1e9, downloadedBytes: 5e9, event: 'completed' },
      { uploadedBytes: 41e9, downloadedBytes: 4_999_935_175 },
      { uploadedBytes: 42e9, downloadedBytes: 4_999_935_175 },
    ])
    expect(events.reduce((sum, { du }) => sum + du, 0)).toBe(42e9)
    expect(events.slice(1).some(({ isBaseline }) => isBaseline)).toBe(false)
  })

  test('uploaded that falls, and either that falls with started, begin anew', async () => {
    const events = await announce([
      { uploadedBytes: 500, downloadedBytes: 500 },
      { uploadedBytes: 400, downloadedBytes: 600 },
      { uploadedBytes: 500, downloadedBytes: 10, event: 'started' },
      { uploadedBytes: 510, downloadedBytes: 30 },
    ])
    expect(events.map(({ du, dd, isBaseline }) => [du, dd, isBaseline])).toEqual([
      [0, 0, true],
      [0, 0, true],
      [0, 0, true],
      [10, 20, false],
    ])
  })

  test('the time after stopped is nobody\u2019s', async () => {
    const events = await announce([
      { event: 'started' },
      { event: 'stopped', after: 3_600 },
      { after: 3_600 },
      { after: 1_800 },
    ])
    expect(events.map(({ dt }) => dt)).toEqual([0, 3_600, 0, 1_800])
  })
})

describe('a snatch', () => {
  const snatches = async () => Number((await redis.hget(keys.snatches, anInfohash())) ?? 0)

  test('is a download that ends, whatever the event says', async () => {
    await announce([{ leftBytes: 1_000 }, { leftBytes: 0, downloadedBytes: 1_000 }])
    expect(await snatches()).toBe(1)
  })

  test('is no cross-seed: nothing was downloaded', async () => {
    await announce([{ leftBytes: 1_000 }, { leftBytes: 0, downloadedBytes: 0, event: 'completed' }])
    expect(await snatches()).toBe(0)
  })
})

describe('an announce that comes too late', () => {
  test('changes nothing, and the reply sets the clock right', async () => {
    const ahead = { note: () => undefined, deadline: () => 1 }
    await aStore({ nowSeconds: () => now }).announce(aPlan({ uploadedBytes: 100 }))
    const before = await everythingUnder(redis, keyPrefix)
    const late = aStore({ deadlineMs: 2_000, clock: ahead })
    const failure = await late.announce(aPlan({ uploadedBytes: 500 })).catch((error: Error) => error)
    expect(String((failure as Error).cause)).toContain('LATE')
    expect(await everythingUnder(redis, keyPrefix)).toEqual(before)
  })

  test('is served while Redis answers in time', async () => {
    const { nowSeconds: _, ...real } = { redis, keys, policy: aPolicy(), maxInFlight: 9, nowSeconds: 0 }
    const store = createSwarmStore({ ...real, deadlineMs: 2_000 })
    for (const uploadedBytes of [0, 1, 2])
      expect(await store.announce(aPlan({ uploadedBytes }))).toMatchObject({ status: 'served' })
  })
})

test('peers of a day that Redis\u2019 clock made up are gone a lifetime after it was set back', async () => {
  const policy = aPolicy()
  const store = aStore()
  now += DAY
  await store.announce(aPlan({ leftBytes: 0 }))
  now -= DAY
  const sweeper = createSweeper({
    redis,
    keys,
    peerLifetimeSeconds: policy.peerLifetimeSeconds,
    sweepLimit: 100,
    leaseMs: 60_000,
    nowSeconds: () => now,
  })
  await sweeper.round()
  expect(await store.scrape([anInfohash()])).toMatchObject([{ seeders: 1 }])
  now += policy.peerLifetimeSeconds + 2
  await sweeper.round()
  expect(await store.scrape([anInfohash()])).toMatchObject([{ seeders: 0 }])
  expect(await redis.zcard(keys.seeders(anInfohash()))).toBe(0)
})
