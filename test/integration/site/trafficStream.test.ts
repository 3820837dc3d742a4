import { afterAll, expect, test } from 'vitest'
import { EXTRA_FIELDS, type ExtraField, PUBLISHED_FIELDS } from '../../../src/contract/trafficEvent.ts'
import { readStorageNumbers } from '../../../src/redis/storageNumbers.ts'
import type { AnnounceScriptPolicy } from '../../../src/tracker/store/scripts/announceLayouts.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import {
  anInfohash,
  anIpv4,
  anIpv6,
  aPasskey,
  aPeerId,
  aPlan,
  aPolicy,
  keysUnder,
} from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'
import { startTracker } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())
let runs = 0

function aStore(policy: Partial<AnnounceScriptPolicy> = {}) {
  const keys = keysUnder(`${keyPrefix}${++runs}:`)
  const clock = { now: 1_800_000_000 }
  const nowSeconds = () => clock.now
  const store = createSwarmStore({ redis, keys, policy: aPolicy(policy), maxInFlight: 100, nowSeconds })
  return { keys, store, clock, events: () => eventsOf(redis, keys.traffic) }
}

const TOP = 2 ** 53 - 1

test('an event is the published fields in their order, then the extras', async () => {
  const { store, events, clock } = aStore()
  await store.announce(aPlan({ uploadedBytes: 10, downloadedBytes: 20, event: 'started' }))
  clock.now += 1800
  await store.announce(aPlan({ uploadedBytes: 17, downloadedBytes: 29, address: anIpv6(5), leftBytes: 0 }))
  const event = (await events())[1]!
  expect(Object.keys(event)).toEqual([...PUBLISHED_FIELDS, ...EXTRA_FIELDS])
  expect(event).toEqual({
    passkey: aPasskey(),
    infohash: anInfohash(),
    peer_id: aPeerId(),
    port: '6881',
    ip: '2001:db8::5',
    af: 'IPv6',
    du: '7',
    dd: '9',
    left: '0',
    event: 'none',
    ts: '1800001800',
    dt: '1800',
    interval: '1800',
    min_interval: '900',
    up: '17',
    down: '29',
    since: '1800000000',
    seeders: '1',
    leechers: '0',
    agent: 'TR3000',
  })
})

test('the fourteen fields are those published', () => {
  const published = 'passkey infohash peer_id port ip af du dd left event ts dt interval min_interval' // as published for sites
  expect(PUBLISHED_FIELDS).toEqual(published.split(' '))
})

const SUBSETS: readonly ExtraField[][] = [
  [],
  ...EXTRA_FIELDS.map((field) => [field]),
  ['agent', 'up'],
  ['leechers', 'since', 'down'],
]
test.each(SUBSETS.map((each) => [each.join(', ') || 'none', each] as const))(
  'extras asked for: %s; no others are written',
  async (_, extraFields) => {
    const { store, events } = aStore({ extraFields })
    await store.announce(aPlan())
    const expected = [...PUBLISHED_FIELDS, ...EXTRA_FIELDS.filter((field) => extraFields.includes(field))]
    expect(Object.keys((await events())[0]!)).toEqual(expected)
  },
)

test('counters up to 2^53 - 1 are written digit by digit', async () => {
  const { store, events } = aStore()
  await store.announce(aPlan({ uploadedBytes: TOP - 7, downloadedBytes: TOP - 30e9, leftBytes: TOP }))
  await store.announce(aPlan({ uploadedBytes: TOP, downloadedBytes: TOP - 1, leftBytes: TOP }))
  await store.announce(aPlan({ uploadedBytes: TOP, downloadedBytes: TOP, leftBytes: 123_456_789_012_345 }))
  const [, second, third] = await events()
  expect(second).toMatchObject({
    du: '7',
    dd: '29999999999',
    left: '9007199254740991',
    up: '9007199254740991',
    down: '9007199254740990',
  })
  expect(third).toMatchObject({ du: '0', dd: '1', left: '123456789012345', down: '9007199254740991' })
})

test('max_len caps the stream, and every entry that went is counted', async () => {
  const { store, events, keys } = aStore({ maxLen: 250 })
  for (let i = 0; i < 700; i++) await store.announce(aPlan({ uploadedBytes: i }))
  const kept = (await events()).length
  const trafficTrimmed = (await readStorageNumbers(redis, keys)).trafficTrimmed!
  expect(kept).toBeLessThan(250 + 100) // trimmed by whole nodes of 100 entries
  expect(kept).toBeGreaterThanOrEqual(250)
  expect(kept + trafficTrimmed).toBe(700)
})

test('without max_len nothing is ever trimmed', async () => {
  const { store, events, keys } = aStore()
  for (let i = 0; i < 350; i++) await store.announce(aPlan({ uploadedBytes: i }))
  expect(await events()).toHaveLength(350)
  expect((await readStorageNumbers(redis, keys)).trafficTrimmed).toBe(0)
})

test('skip_idle leaves out announces that moved nothing and say nothing, and no others', async () => {
  const { store, events, clock } = aStore({ skipsIdle: true })
  const step = async (plan: Parameters<typeof aPlan>[0]) => {
    clock.now += 60
    await store.announce(aPlan(plan))
    return (await events()).length
  }
  expect(await step({ event: 'started' })).toBe(1)
  expect(await step({})).toBe(1)
  expect(await step({ uploadedBytes: 1 })).toBe(2)
  expect(await step({ uploadedBytes: 1 })).toBe(2)
  expect(await step({ uploadedBytes: 1, downloadedBytes: 1 })).toBe(3)
  expect(await step({ uploadedBytes: 1, downloadedBytes: 1, event: 'completed' })).toBe(4)
  expect(await step({ uploadedBytes: 1, downloadedBytes: 1, event: 'stopped' })).toBe(5)
  expect((await events()).map((each) => each.dt)).toEqual(['0', '60', '60', '60', '60'])
})

test('an idle announce is an event by default', async () => {
  const { store, events, clock } = aStore()
  await store.announce(aPlan())
  clock.now += 900
  await store.announce(aPlan())
  expect((await events())[1]).toMatchObject({ du: '0', dd: '0', event: 'none', dt: '900' })
})

test('no event is written when traffic push is off, and the swarm works all the same', async () => {
  const { store, events } = aStore()
  expect(await store.announce(aPlan({ traffic: undefined }))).toMatchObject({ status: 'served', leechers: 1 })
  expect(await events()).toEqual([])
})

test('through HTTP the agent is the User-Agent, cut to 64 bytes', async () => {
  const prefix = `${keyPrefix}${++runs}:`
  const tracker = await startTracker({ redisUrl: url, keyPrefix: prefix })
  await redis.sadd(keysUnder(prefix).passkeys, aPasskey())
  await becomes(tracker.readiness, 'ready')
  await tracker.announce({ userAgent: 'x'.repeat(200) })
  await tracker.announce({ userAgent: 'qBittorrent/5.1.2' })
  const agents = (await eventsOf(redis, keysUnder(prefix).traffic)).map((each) => each.agent)
  expect(agents).toEqual(['x'.repeat(64), 'qBittorrent/5.1.2'])
  await tracker.close()
})

test('on an open tracker the session is the peer id, and the passkey of its events is empty', async () => {
  const prefix = `${keyPrefix}${++runs}:`
  const keys = keysUnder(prefix)
  const tracker = await startTracker({ redisUrl: url, keyPrefix: prefix, isOpen: true })
  await becomes(tracker.readiness, 'ready')
  for (const peer of [1, 2]) await tracker.announce({ peerId: aPeerId(peer), uploaded: peer * 100 })
  for (const peer of [1, 2]) await tracker.announce({ peerId: aPeerId(peer), uploaded: peer * 1000 })
  const events = await eventsOf(redis, keys.traffic)
  expect(events.map((each) => [each.passkey, each.du])).toEqual([
    ['', '0'],
    ['', '0'],
    ['', '900'],
    ['', '1800'],
  ])
  expect(await redis.exists(keys.session(anInfohash(), aPeerId(1)))).toBe(1)
  expect(await redis.exists(keys.passkeys)).toBe(0)
  await tracker.close()
})

test('sessions of one peer id under two passkeys, or in two swarms, do not mix', async () => {
  const { store, events } = aStore()
  await store.announce(aPlan({ uploadedBytes: 100 }))
  await store.announce(aPlan({ uploadedBytes: 900, passkey: aPasskey(2), address: anIpv4(2) }))
  await store.announce(aPlan({ uploadedBytes: 500, infohash: anInfohash(2) }))
  await store.announce(aPlan({ uploadedBytes: 150 }))
  expect((await events()).map((each) => each.du)).toEqual(['0', '0', '0', '50'])
})
