import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
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
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, type StoredEvent, sum } from '../../support/servers/stored.ts'

/*
What is exact, and when. A session's events are in the order in which its announces were executed.
1. Whatever the order, an event's du is what its `up` rose above the event before it, and 0 when it did not rise.
2. Announces whose totals never fall in that order (one client that waits for its answers, and any number of
   simultaneous copies of its latest announce): the sum of du is exactly last - first.
3. Announces of one session that overtake each other look like a counter that went backwards and rose again, so the sum
   may count a stretch twice. The claims (up - du, up] still cover exactly (first, highest] when the first was the lowest:
   what the site credits by intervals is exact.
*/

const { url, keyPrefix } = testRedis()
const connections = [connectTo(url), connectTo(url), connectTo(url), connectTo(url)]
afterAll(() => connections.forEach((each) => void each.disconnect()))
let runs = 0

/** Stores as of several instances, each on connections of its own, on one swarm state. */
function aFleet() {
  const keys = keysUnder(`${keyPrefix}${++runs}:`)
  const stores = connections.map((redis) =>
    createSwarmStore({ redis, keys, policy: aPolicy(), maxInFlight: 10_000 }),
  )
  return { stores, events: () => eventsOf(connections[0]!, keys.traffic) }
}

const of = (name: string) => (event: StoredEvent) => Number(event[name])

test('sixty sessions at once, each over all connections in turn, are credited exactly what their totals grew', async () => {
  const { stores, events } = aFleet()
  const sessions = Array.from({ length: 60 }, (_, i) => ({
    passkey: aPasskey((i % 20) + 1),
    infohash: anInfohash((i % 3) + 1),
    peerId: aPeerId(i + 1),
  }))
  const growth = (session: number, step: number) => ((session + 1) * (step + 7) * 104_729) % 2 ** 33

  await Promise.all(
    sessions.map(async (session, i) => {
      let uploadedBytes = i * 1000
      for (let step = 0; step < 12; step++) {
        const event = step === 11 ? 'stopped' : step === 0 ? 'started' : 'none'
        const leftBytes = i % 2 === 0 || step > 6 ? 0 : 1000
        const plan = aPlan({
          ...session,
          event,
          leftBytes,
          uploadedBytes,
          downloadedBytes: uploadedBytes / 2,
        })
        await stores[(i + step) % stores.length]!.announce(plan)
        uploadedBytes += growth(i, step)
      }
    }),
  )

  const all = await events()
  expect(all).toHaveLength(60 * 12)
  for (const [i, session] of sessions.entries()) {
    const own = all.filter((each) => each.peer_id === session.peerId)
    const grown = sum(Array.from({ length: 11 }, (_, step) => growth(i, step)))
    expect(sum(own.map(of('du')))).toBe(grown)
    expect(own.at(-1)).toMatchObject({ up: String(i * 1000 + grown), event: 'stopped' })
  }
})

test('simultaneous copies of one announce, over both families and all connections, are credited once', async () => {
  const { stores, events } = aFleet()
  const totals = [0, 1_000, 1_001, 2 ** 30, 2 ** 34]
  for (const uploadedBytes of totals) {
    const copies = Array.from({ length: 24 }, (_, i) =>
      aPlan({ uploadedBytes, downloadedBytes: uploadedBytes, address: i % 2 ? anIpv4() : anIpv6() }),
    )
    await Promise.all(copies.map((plan, i) => stores[i % stores.length]!.announce(plan)))
  }
  const all = await events()
  expect(all).toHaveLength(24 * totals.length)
  expect(sum(all.map(of('du')))).toBe(2 ** 34)
  expect(sum(all.map(of('dd')))).toBe(2 ** 34)
  expect(all.filter((each) => each.du !== '0')).toHaveLength(totals.length - 1)
})

test('announces of one session that overtake each other claim every byte and none beyond the highest total', async () => {
  const { stores, events } = aFleet()
  await stores[0]!.announce(aPlan())
  const totals = Array.from({ length: 200 }, (_, i) => (i + 1) * 1_000)
  const issued = totals.map((each, i) => ({ each, at: (i * 71) % totals.length })).sort((a, b) => a.at - b.at)
  await Promise.all(
    issued.map(({ each }, i) =>
      stores[i % stores.length]!.announce(aPlan({ uploadedBytes: each, downloadedBytes: each * 3 })),
    ),
  )

  const all = await events()
  expect(all).toHaveLength(201)
  expect(new Set(all.map(of('up'))).size).toBe(201)
  for (const [i, event] of all.entries()) {
    const before = of('up')(all[i - 1] ?? event)
    expect(of('du')(event)).toBe(Math.max(0, of('up')(event) - before))
    expect(of('dd')(event)).toBe(3 * of('du')(event))
  }
  expect(covered(all)).toEqual([[0, 200_000]])
})

/** The claims (up - du, up] of events, joined where they touch. */
function covered(events: readonly StoredEvent[]): number[][] {
  const claims = events.map((each) => [of('up')(each) - of('du')(each), of('up')(each)])
  const joined: number[][] = []
  for (const [from, to] of claims.sort((a, b) => a[0]! - b[0]!) as [number, number][]) {
    const last = joined.at(-1)
    if (last && from <= last[1]!) last[1] = Math.max(last[1]!, to)
    else joined.push([from, to])
  }
  return joined
}

test('without resets the deltas of any session add up to last minus first', async () => {
  const growth = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 35 }))
  const step = fc.record({
    up: growth,
    down: growth,
    event: fc.constantFrom('none', 'started', 'completed', 'stopped'),
    left: fc.constantFrom(0, 1000),
    place: fc.integer({ min: 1, max: 3 }),
    wait: fc.integer({ min: 0, max: 90_000 }),
    store: fc.nat({ max: connections.length - 1 }),
  })
  await fc.assert(
    fc.asyncProperty(growth, fc.array(step, { minLength: 1, maxLength: 30 }), async (first, steps) => {
      let now = 1_800_000_000
      const keys = keysUnder(`${keyPrefix}${++runs}:`)
      const stores = connections.map((redis) =>
        createSwarmStore({ redis, keys, policy: aPolicy(), maxInFlight: 10, nowSeconds: () => now }),
      )
      let [uploadedBytes, downloadedBytes] = [first, first]
      await stores[0]!.announce(aPlan({ uploadedBytes, downloadedBytes }))
      for (const each of steps) {
        now += each.wait
        uploadedBytes += each.up
        downloadedBytes += each.down
        const { event, left: leftBytes } = each
        const address = anIpv4(each.place)
        await stores[each.store]!.announce(
          aPlan({ uploadedBytes, downloadedBytes, event, leftBytes, address }),
        )
      }
      const all = await eventsOf(connections[0]!, keys.traffic)
      expect(sum(all.map(of('du')))).toBe(uploadedBytes - first)
      expect(sum(all.map(of('dd')))).toBe(downloadedBytes - first)
      const afterStop = steps.filter((_, at) => steps[at - 1]?.event === 'stopped')
      const gone = sum(afterStop.map(({ wait }) => wait))
      expect(sum(all.map(of('dt')))).toBe(now - 1_800_000_000 - gone)
      expect(new Set(all.map(of('since'))).size).toBe(1)
    }),
    { numRuns: 50 },
  )
})
