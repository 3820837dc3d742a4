import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { AnnounceEvent } from '../../../src/bittorrent/types.ts'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import type { AnnounceOutcome } from '../../../src/tracker/core/ports.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import {
  anInfohash,
  anIpv4,
  aPasskey,
  aPeerId,
  aPlan,
  aPolicy,
  keysUnder,
} from '../../support/builders/builders.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'

/*
A Redis script that fails half way keeps what it wrote before. So whatever is wrong with a key, an announce is either
carried out whole, or fails with every byte as it was.
*/

// Of our own, where every entry is a node of its stream: max_len trims at once.
const { url } = await startRedis({ args: ['--stream-node-max-entries', '1'] })
const redis = connectTo(url)
afterAll(() => redis.disconnect())
const START = 1_800_000_000
const LIFETIME = aPolicy().peerLifetimeSeconds
const EVENTS: readonly AnnounceEvent[] = ['none', 'started', 'completed', 'stopped']
const HISTORIES = ['unknown', 'leecher', 'seeder', 'gone', 'silent leecher', 'silent seeder'] as const
const WHEREABOUTS = ['same place', 'another place'] as const
let cases = 0

interface Case {
  readonly history: (typeof HISTORIES)[number]
  readonly event: AnnounceEvent
  readonly leftBytes: number
  readonly place: (typeof WHEREABOUTS)[number]
  readonly others: boolean
}

/** Every event, from every role, to both roles, from the same and another address, in a swarm with and without others. */
const CASES: readonly Case[] = HISTORIES.flatMap((history) =>
  EVENTS.flatMap((event) =>
    [0, 1000].flatMap((leftBytes) =>
      WHEREABOUTS.flatMap((place) =>
        [true, false].map((others) => ({ history, event, leftBytes, place, others })),
      ),
    ),
  ),
)

/** The swarm as the case wants it, and the announce that comes next. */
async function prepare(each: Case, maxLen: number) {
  const prefix = `${++cases}:`
  const keys = keysUnder(prefix)
  let now = START
  const policy = aPolicy({ maxLen })
  const store = createSwarmStore({ redis, keys, policy, maxInFlight: 10, nowSeconds: () => now })
  const self = { peerId: aPeerId(1), approval: 'whitelist' } as const
  await redis.sadd(keys.passkeys, aPasskey())
  await redis.sadd(keys.torrents, anInfohash())

  if (each.others) {
    await store.announce(aPlan({ peerId: aPeerId(2), passkey: aPasskey(2), leftBytes: 0 })) // silent by then
    await store.announce(aPlan({ peerId: aPeerId(3), passkey: aPasskey(3) }))
  }
  if (each.history !== 'unknown') {
    if (!each.history.startsWith('silent')) now += LIFETIME + 1
    const leftBytes = each.history.endsWith('seeder') ? 0 : 1000
    await store.announce(aPlan({ ...self, leftBytes }))
    if (each.history === 'gone') await store.announce(aPlan({ ...self, event: 'stopped' }))
    if (each.history.startsWith('silent')) now += LIFETIME + 1
  } else now += LIFETIME + 1
  if (each.others) await store.announce(aPlan({ peerId: aPeerId(4), passkey: aPasskey(4), leftBytes: 0 }))
  now += 60
  const plan = aPlan({
    ...self,
    event: each.event,
    leftBytes: each.leftBytes,
    address: anIpv4(each.place === 'same place' ? 1 : 9),
    uploadedBytes: 500,
    checksTorrent: true,
    peerLimit: { leeching: 9, seeding: 9 },
  })
  return { prefix, keys, store, plan }
}

type Prepared = Awaited<ReturnType<typeof prepare>>

/** Carries the announce out, and holds it to all or nothing. True: it was served. */
async function allOrNothing({ prefix, keys, store, plan }: Prepared, each: Case): Promise<boolean> {
  const before = await everythingUnder(redis, prefix)
  const outcome: AnnounceOutcome | Error = await store.announce(plan).catch((error: Error) => error)
  if (outcome instanceof Error) {
    expect(outcome).toBeInstanceOf(StoreUnavailable)
    expect(await everythingUnder(redis, prefix), `nothing half done: ${JSON.stringify(each)}`).toEqual(before)
    return false
  }
  expect(outcome.status).toBe('served')
  expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ up: '500', event: plan.event })
  return true
}

afterEach(() => redis.flushall())

const KEYS: readonly [
  string,
  (keys: Prepared['keys'], plan: AnnouncePlan) => string,
  'always' | 'sometimes',
][] = [
  ['the traffic stream', (keys) => keys.traffic, 'always'],
  ['the whitelist', (keys) => keys.passkeys, 'always'],
  ['the list of torrents', (keys) => keys.torrents, 'always'],
  ['the seeders', (keys, plan) => keys.seeders(plan.infohash), 'always'],
  ['the leechers', (keys, plan) => keys.leechers(plan.infohash), 'always'],
  ['the session', (keys, plan) => keys.session(plan.infohash, aPasskey()), 'always'],
  ['the snatches', (keys) => keys.snatches, 'always'],
  ['the index of swarms', (keys) => keys.swarms, 'sometimes'],
  ['the fleet counters', (keys) => keys.stats, 'sometimes'],
]

describe.each([0, 3])('with max_len %i', (maxLen) => {
  test.each(KEYS)('%s of a wrong type fails an announce whole', async (_, keyOf, failing) => {
    let refused = 0
    for (const each of CASES) {
      const prepared = await prepare(each, maxLen)
      const key = keyOf(prepared.keys, prepared.plan)
      await redis.set(key, 'not what it should be')
      if (!(await allOrNothing(prepared, each))) refused++
      await redis.del(key)
    }
    if (failing === 'always') expect(refused).toBe(CASES.length)
    else expect(refused).toBeGreaterThan(0)
  })
})

test.each([
  ['seeders', 'text'],
  ['leechers', ''],
  ['seeders', '1.5'],
  ['leechers', '1e3'],
  ['seeders', '1.0'],
  ['leechers', ' 1'],
  ['seeders', '0x10'],
  ['leechers', '+5'],
  ['leechers', '-0'],
  ['seeders', '007'],
  ['leechers', '9223372036854775807'],
  ['seeders', '-9223372036854775808'],
  ['trimmed', 'text'],
  ['trimmed', '9223372036854775807'],
  ['snatches', 'text'],
  ['snatches', '1.0'],
  ['snatches', '9223372036854775807'],
])('a counter of %s that holds "%s" fails an announce whole or not at all', async (field, text) => {
  for (const each of CASES) {
    const prepared = await prepare(each, 3)
    const { keys, plan } = prepared
    if (field === 'snatches') await redis.hset(keys.snatches, plan.infohash, text)
    else await redis.hset(keys.stats, field, text)
    await allOrNothing(prepared, each)
  }
})

test('a stream that has used up its last ID fails an announce whole', async () => {
  for (const each of CASES) {
    const prepared = await prepare(each, 0)
    await redis.del(prepared.keys.traffic)
    await redis.xadd(prepared.keys.traffic, '18446744073709551615-18446744073709551615', 'a', 'b')
    expect(await allOrNothing(prepared, each)).toBe(false)
  }
})

test('a session record of an unknown layout is a first sight, and no failure', async () => {
  const each = CASES[0]!
  const prepared = await prepare(each, 0)
  const { keys, plan } = prepared
  await redis.hset(keys.session(anInfohash(), aPasskey()), Buffer.from(plan.peerId, 'hex'), 'something else')
  expect(await allOrNothing(prepared, each)).toBe(true)
  expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ du: '0', dt: '0' })
})

test('another type under a key of cached verdicts counts as a verdict, and breaks nothing', async () => {
  const each = CASES[0]!
  const prepared = await prepare(each, 0)
  await redis.hset(prepared.keys.rejected(aPasskey()), 'a', 'b')
  expect(await allOrNothing(prepared, each)).toBe(true) // the whitelist comes first
})
