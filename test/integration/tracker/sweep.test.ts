import { afterAll, expect, test } from 'vitest'
import { readStorageNumbers } from '../../../src/redis/storageNumbers.ts'
import { sweepScript } from '../../../src/tracker/store/scripts/sweep.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { createSweeper, type SweeperOptions } from '../../../src/tracker/store/sweeper.ts'
import {
  anInfohash,
  anIpv4,
  aPasskey,
  aPeerId,
  aPlan,
  aPolicy,
  keysUnder,
} from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const other = connectTo(url)
afterAll(() => [redis, other].forEach((each) => void each.disconnect()))
const LIFETIME = aPolicy().peerLifetimeSeconds
const NOTHING = { swarms: 0, seedersDropped: 0, leechersDropped: 0 }
let runs = 0

/** A store whose announces expire nobody on their way, and sweepers on the same clock. */
function aFleet() {
  const keys = keysUnder(`${keyPrefix}${++runs}:`)
  const clock = { now: 1_800_000_000 }
  const nowSeconds = () => clock.now
  const policy = aPolicy({ expireLimit: 0 })
  const store = createSwarmStore({ redis, keys, policy, maxInFlight: 10_000, nowSeconds })
  const sweeper = (options: Partial<SweeperOptions> = {}) =>
    createSweeper({
      redis,
      keys,
      peerLifetimeSeconds: LIFETIME,
      sweepLimit: 1000,
      leaseMs: 60_000,
      nowSeconds,
      ...options,
    })
  const announce = (swarm: number, peer: number, leftBytes = 0) =>
    store.announce(
      aPlan({
        infohash: anInfohash(swarm),
        peerId: aPeerId(peer),
        passkey: aPasskey(peer),
        address: anIpv4(1 + (peer % 250)),
        leftBytes,
        traffic: undefined,
      }),
    )
  /** Members there are in the sets of these swarms, beside what the fleet counters say. */
  const counted = async (swarms: number) => {
    const sizes = { seeders: 0, leechers: 0 }
    for (let i = 1; i <= swarms; i++) {
      sizes.seeders += await redis.zcard(keys.seeders(anInfohash(i)))
      sizes.leechers += await redis.zcard(keys.leechers(anInfohash(i)))
    }
    const { seeders, leechers } = await readStorageNumbers(redis, keys)
    expect({ seeders, leechers }, 'the fleet counters are exact').toEqual(sizes)
    return sizes
  }
  return { keys, clock, announce, sweeper, counted }
}

test('silent peers go, live ones stay, and swarms without any leave the index', async () => {
  const { keys, clock, announce, sweeper, counted } = aFleet()
  for (let peer = 1; peer <= 4; peer++) await announce(1, peer, peer % 2)
  await announce(2, 9)
  clock.now += LIFETIME
  await announce(1, 3, 1)
  await announce(1, 8)
  expect(await sweeper().round()).toEqual({ isLeader: true, ...NOTHING }) // nobody is silent for longer yet

  clock.now += 1
  const one = sweeper({ leaseMs: 1 }) // the first one still has the lease
  await redis.del(keys.sweepLease)
  expect(await one.round()).toEqual({ isLeader: true, swarms: 2, seedersDropped: 3, leechersDropped: 1 })
  expect(await counted(2)).toEqual({ seeders: 1, leechers: 1 })
  expect(await redis.zrange(keys.swarms, '0', '-1', 'WITHSCORES')).toEqual([
    anInfohash(1),
    String(clock.now - 1 + LIFETIME + 1),
  ])
  expect(await redis.exists(keys.seeders(anInfohash(2)))).toBe(0)
})

test('a peer that is silent for exactly the lifetime stays, and goes a second later', async () => {
  const { clock, announce, sweeper, counted } = aFleet()
  const one = sweeper()
  await announce(1, 1)
  clock.now += 1
  await announce(1, 2)
  clock.now += LIFETIME
  expect(await one.round()).toMatchObject({ swarms: 1, seedersDropped: 1 })
  expect(await counted(1)).toEqual({ seeders: 1, leechers: 0 })
  clock.now += 1
  expect(await one.round()).toMatchObject({ swarms: 1, seedersDropped: 1 })
})

test('a round visits hundreds of swarms in one go and leaves nothing behind', async () => {
  const { keys, clock, announce, sweeper, counted } = aFleet()
  const swarms = 350
  await Promise.all(
    Array.from({ length: swarms * 3 }, (_, i) => announce(1 + (i % swarms), i + 1, i % 3 === 0 ? 1 : 0)),
  )
  clock.now += LIFETIME + 1
  const round = await sweeper().round()
  expect(round).toMatchObject({ isLeader: true, swarms })
  expect(round.seedersDropped + round.leechersDropped).toBe(swarms * 3)
  expect(await counted(swarms)).toEqual({ seeders: 0, leechers: 0 })
  expect(await redis.exists(keys.swarms)).toBe(0)
})

test('one call drops no more than its limit of each role, says that more is left, and keeps counters exact', async () => {
  const { keys, clock, announce, sweeper, counted } = aFleet()
  for (let peer = 1; peer <= 25; peer++) await announce(1, peer, peer <= 7 ? 1 : 0)
  clock.now += LIFETIME + 1
  const call = () =>
    sweepScript(
      redis,
      {
        seeders: keys.seeders(anInfohash(1)),
        leechers: keys.leechers(anInfohash(1)),
        swarms: keys.swarms,
        stats: keys.stats,
      },
      {
        nowSeconds: String(clock.now),
        peerLifetimeSeconds: String(LIFETIME),
        limit: '5',
        infohash: anInfohash(1),
      },
    )
  expect(await call()).toEqual({ seedersDropped: 5, leechersDropped: 5, isMoreLeft: true })
  expect(await counted(1)).toEqual({ seeders: 13, leechers: 2 })
  expect(await call()).toEqual({ seedersDropped: 5, leechersDropped: 2, isMoreLeft: true })
  expect(await counted(1)).toEqual({ seeders: 8, leechers: 0 })
  expect(await sweeper({ sweepLimit: 3 }).round()).toMatchObject({ seedersDropped: 8 }) // comes back until done
  expect(await counted(1)).toEqual({ seeders: 0, leechers: 0 })
  expect(await call()).toEqual({ seedersDropped: 0, leechersDropped: 0, isMoreLeft: false })
})

test('while one instance holds the lease, another does nothing; it takes over after the release', async () => {
  const { clock, announce, sweeper, counted } = aFleet()
  const [first, second] = [sweeper(), sweeper({ redis: other })]
  await announce(1, 1)
  expect((await first.round()).isLeader).toBe(true)
  clock.now += LIFETIME + 1
  expect(await second.round()).toEqual({ isLeader: false, ...NOTHING })
  expect(await counted(1)).toEqual({ seeders: 1, leechers: 0 })

  await second.release() // not its own to give
  expect((await second.round()).isLeader).toBe(false)
  await first.release()
  expect(await second.round()).toMatchObject({ isLeader: true, seedersDropped: 1 })
  expect((await first.round()).isLeader).toBe(false)
})

test('a lease of an instance that died runs out, and the next one takes over', async () => {
  const { keys, sweeper } = aFleet()
  const [died, next] = [sweeper({ leaseMs: 300 }), sweeper({ redis: other })]
  expect((await died.round()).isLeader).toBe(true)
  expect(await redis.pttl(keys.sweepLease)).toBeGreaterThan(0) // or nobody would ever take over
  await becomes(async () => (await next.round()).isLeader, true)
})

test('each round renews the lease of its holder', async () => {
  const { keys, sweeper } = aFleet()
  const one = sweeper({ leaseMs: 3_600_000 })
  await one.round()
  await redis.pexpire(keys.sweepLease, 60_000)
  await one.round()
  expect(await redis.pttl(keys.sweepLease)).toBeGreaterThan(60_000)
})

test('of many instances that begin at once, one sweeps', async () => {
  const { sweeper } = aFleet()
  const rounds = await Promise.all(
    Array.from({ length: 12 }, (_, i) => sweeper({ redis: i % 2 ? other : redis }).round()),
  )
  expect(rounds.filter((each) => each.isLeader)).toHaveLength(1)
})

test('a peer that announces again while a sweep is under way is never dropped, and counters stay exact', async () => {
  const { clock, announce, sweeper, counted, keys } = aFleet()
  const [swarms, peers] = [3, 60]
  const all = async (leftBytes: number, from = 1) => {
    const peersFrom = Array.from({ length: peers - from + 1 }, (_, i) => from + i)
    await Promise.all(peersFrom.map((peer) => announce(1 + (peer % swarms), peer, leftBytes)))
  }
  await all(0)
  clock.now += LIFETIME + 1
  const sweeping = sweeper({ redis: other, sweepLimit: 1 }).round() // one at a time, so that announces come between
  await all(1, 31)
  await sweeping

  const live = new Set<string>()
  for (let i = 1; i <= swarms; i++) {
    for (const member of await redis.zrangeBuffer(keys.leechers(anInfohash(i)), '0', '-1')) {
      live.add(member.subarray(0, 20).toString('hex'))
    }
  }
  expect(live).toEqual(new Set(Array.from({ length: 30 }, (_, i) => aPeerId(31 + i))))
  expect(await counted(swarms)).toEqual({ seeders: 0, leechers: 30 })
})

test('a swarm whose keys are broken does not keep the others from being swept', async () => {
  const { keys, clock, announce, sweeper } = aFleet()
  const swarms = 150
  await Promise.all(Array.from({ length: swarms }, (_, i) => announce(i + 1, i + 1)))
  const broken = Array.from({ length: 101 }, (_, i) => anInfohash(i + 1))
  for (const infohash of broken) await redis.set(keys.seeders(infohash), 'text')
  clock.now += LIFETIME + 1
  await expect(sweeper().round()).rejects.toThrow('101 of 150 swarms') // said once, when all others are done
  expect(await redis.zcard(keys.swarms)).toBe(101)
})

test('sweeping nothing changes nothing', async () => {
  const { keys, sweeper } = aFleet()
  expect(await sweeper().round()).toEqual({ isLeader: true, ...NOTHING })
  expect(await redis.exists(keys.stats, keys.swarms)).toBe(0)
})
