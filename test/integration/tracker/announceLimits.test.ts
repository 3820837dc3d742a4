import { afterAll, beforeEach, expect, test } from 'vitest'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { anIpv4, anIpv6, aPeerId, aPlan, aPolicy, keysUnder } from '../../support/builders/builders.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'

/* To the second: when an announce is too early, and when a place among a passkey's clients is free again. */

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())
const START = 1_800_000_000
const LIFETIME = aPolicy().peerLifetimeSeconds
let now = START
let cases = 0
let keys = keysUnder(keyPrefix)
let store = createSwarmStore({ redis, keys, policy: aPolicy(), maxInFlight: 10 })

beforeEach(() => {
  now = START
  keys = keysUnder(`${keyPrefix}${++cases}:`)
  store = createSwarmStore({ redis, keys, policy: aPolicy(), maxInFlight: 10, nowSeconds: () => now })
})

const V4: Partial<AnnouncePlan> = { address: anIpv4() }
const V6: Partial<AnnouncePlan> = { address: anIpv6() }
const BOTH: Partial<AnnouncePlan> = { address: anIpv4(), otherAddress: anIpv6() }

async function isEarly(plan: Partial<AnnouncePlan> = V4): Promise<boolean | undefined> {
  const outcome = await store.announce(aPlan({ earlySeconds: 450, ...plan }))
  if (outcome.status !== 'served') throw new Error(outcome.status)
  return outcome.isEarly
}

test.each([
  ['IPv4', V4],
  ['IPv6', V6],
  ['both families', BOTH],
])('an announce of %s is early until the bound, and counts anew from there', async (_, plan) => {
  expect(await isEarly(plan)).toBe(false)
  now += 449
  expect(await isEarly(plan)).toBe(true)
  now += 449
  expect(await isEarly(plan)).toBe(true)
  now += 450
  expect(await isEarly(plan)).toBe(false)
})

test('each family has a clock of its own', async () => {
  expect(await isEarly(V4)).toBe(false)
  now += 300
  expect(await isEarly(V6)).toBe(false)
  now += 150
  expect(await isEarly(V4)).toBe(false)
  expect(await isEarly(V6)).toBe(true)
})

test('an announce that names both families is early only when both were named lately', async () => {
  expect(await isEarly(V4)).toBe(false)
  now += 10
  expect(await isEarly(BOTH)).toBe(false)
  now += 10
  expect(await isEarly(BOTH)).toBe(true)
})

test('after the clock was set back nothing is early that seems to come from the future', async () => {
  expect(await isEarly(BOTH)).toBe(false)
  now -= 1
  expect(await isEarly(BOTH)).toBe(false)
  expect(await isEarly(BOTH)).toBe(true) // by the clock as it is now
})

test('without a bound nothing is early', async () => {
  expect(await isEarly({ earlySeconds: 0 })).toBe(false)
  expect(await isEarly({ earlySeconds: 0 })).toBe(false)
})

const limited = async (n: number, plan: Partial<AnnouncePlan> = {}) =>
  (await store.announce(aPlan({ peerId: aPeerId(n), peerLimit: { leeching: 1, seeding: 0 }, ...plan })))
    .status

test('a silent client keeps its place until it is gone from the swarm', async () => {
  expect(await limited(1)).toBe('served')
  now += LIFETIME
  expect(await limited(2)).toBe('peerLimitReached')
  now += 1
  expect(await limited(2)).toBe('served')
  expect(await limited(1)).toBe('peerLimitReached')
})

test('what a client moved while it was refused is credited when it gets in', async () => {
  expect(await limited(1, { uploadedBytes: 100 })).toBe('served')
  now += LIFETIME + 1
  expect(await limited(2)).toBe('served')
  expect(await limited(1, { uploadedBytes: 300 })).toBe('peerLimitReached')
  expect(await limited(2, { event: 'stopped' })).toBe('served')
  expect(await limited(1, { uploadedBytes: 500 })).toBe('served')
  expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ du: '400', dt: String(LIFETIME + 1) })
})

test('a limit of 0 is none, whatever the other one is', async () => {
  for (const n of [1, 2, 3]) expect(await limited(n, { leftBytes: 0 })).toBe('served')
})

test('a limit that is lowered throws nobody out', async () => {
  for (const n of [1, 2]) expect(await limited(n, { peerLimit: undefined })).toBe('served')
  now += LIFETIME
  for (const n of [1, 2]) expect(await limited(n)).toBe('served')
})
