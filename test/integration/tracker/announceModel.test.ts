import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { PACKED_PEER_BYTES } from '../../../src/bittorrent/packedPeer.ts'
import type { AnnounceEvent, Infohash } from '../../../src/bittorrent/types.ts'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import type { AnnounceScriptPolicy } from '../../../src/tracker/store/scripts/announceLayouts.ts'
import { sweepScript } from '../../../src/tracker/store/scripts/sweep.ts'
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
import { SwarmModel } from '../../support/builders/swarmModel.ts'
import { testRedis } from '../../support/servers/redis.ts'

const { url, keyPrefix } = testRedis()
const redis = new Redis(url, { protocol: 2 })
afterAll(() => redis.quit())

const INFOHASHES = [anInfohash(1), anInfohash(2)]
const START = 1_800_000_000
let runs = 0

interface Step {
  readonly wait: number
  readonly peer: number
  readonly passkey: number
  readonly infohash: number
  readonly event: AnnounceEvent
  readonly left: number
  readonly growth: number
  readonly resets: boolean
  readonly families: 'IPv4' | 'IPv6' | 'both'
  readonly place: number
  readonly numwant: number
  readonly wantsOwnFamily: boolean
  readonly sweeps: boolean
  readonly torrents: 'none' | 'one' | 'both'
}

/** What hooks ask of every announce of a run. */
type Demands = Pick<AnnouncePlan, 'checksTorrent' | 'peerLimit' | 'earlySeconds'>

const NO_DEMANDS: Demands = { checksTorrent: false, peerLimit: undefined, earlySeconds: 0 }

const steps = fc.array(
  fc.record<Step>({
    wait: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 900 }) },
      fc.constantFrom(0, 1860, 1861, 90_000, 604_801),
    ),
    peer: fc.integer({ min: 1, max: 5 }),
    passkey: fc.integer({ min: 1, max: 2 }),
    infohash: fc.integer({ min: 0, max: 1 }),
    event: fc.constantFrom('none', 'none', 'none', 'started', 'completed', 'stopped'),
    left: fc.constantFrom(0, 0, 1, 2 ** 53 - 1),
    growth: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 40 })),
    resets: fc.boolean(),
    families: fc.constantFrom('IPv4', 'IPv4', 'IPv6', 'both'),
    place: fc.integer({ min: 1, max: 3 }),
    numwant: fc.constantFrom(0, 1, 2, 50),
    wantsOwnFamily: fc.boolean(),
    sweeps: fc.boolean(),
    torrents: fc.constantFrom('both', 'both', 'both', 'one', 'none'),
  }),
  { minLength: 1, maxLength: 80, size: 'max' },
)

async function membersOf(key: string, oldest: number) {
  const flat = (await redis.callBuffer('ZRANGE', key, '0', '-1', 'WITHSCORES')) as Buffer[]
  const live = new Set<string>()
  for (let i = 0; i < flat.length; i += 2) {
    if (Number(flat[i + 1]) >= oldest) live.add(flat[i]!.toString('hex'))
  }
  return { live, all: flat.length / 2 }
}

function planOf(step: Step, totals: Map<string, number>, demands: Demands): AnnouncePlan {
  const id = `${step.passkey}/${step.infohash}/${step.peer}`
  // A client's totals grow, or start again from a lower number.
  const before = totals.get(id) ?? 0
  const total =
    step.resets && step.wait % 7 === 0 ? step.growth % 1000 : Math.min(before + step.growth, 2 ** 52)
  totals.set(id, total)
  const [v4, v6] = [anIpv4(step.place), anIpv6(step.place)]
  return aPlan({
    ...demands,
    infohash: INFOHASHES[step.infohash]!,
    passkey: aPasskey(step.passkey),
    peerId: aPeerId(step.peer),
    event: step.event,
    leftBytes: step.left,
    uploadedBytes: total,
    downloadedBytes: Math.floor(total / 3),
    address: step.families === 'IPv6' ? v6 : v4,
    otherAddress: step.families === 'both' ? v6 : undefined,
    numwant: step.numwant,
    wantedFamily: step.wantsOwnFamily ? (step.families === 'IPv6' ? 'IPv6' : 'IPv4') : undefined,
  })
}

async function checkAgainstModel(policy: AnnounceScriptPolicy, demands: Demands, run: readonly Step[]) {
  const keys = keysUnder(`${keyPrefix}${++runs}:`)
  const model = new SwarmModel(policy)
  const totals = new Map<string, number>()
  let now = START
  const store = createSwarmStore({ redis, keys, policy, maxInFlight: 10, nowSeconds: () => now })

  for (const step of run) {
    now += step.wait
    if (step.sweeps) await sweepAll(keys, now, policy)
    if (demands.checksTorrent) model.torrents = await keepTorrents(keys.torrents, step.torrents)
    const plan = planOf(step, totals, demands)
    const refusal = model.refusal(plan, now)
    if (refusal) {
      const events = await redis.xlen(keys.traffic)
      expect(await store.announce(plan)).toEqual({ status: refusal })
      expect(await redis.xlen(keys.traffic)).toBe(events)
      await checkState(keys, model, now, policy)
      continue
    }
    const isEarly = model.isEarly(plan, now)
    const expected = model.announce(plan, now)
    const outcome = await store.announce(plan)
    const [seeders, leechers] = [
      model.live(plan.infohash, 'seeder', now),
      model.live(plan.infohash, 'leecher', now),
    ]
    expect(outcome).toMatchObject({
      status: 'served',
      seeders: seeders.size,
      leechers: leechers.size,
      snatches: model.snatches(plan.infohash),
      isEarly,
    })
    expect(await lastEvent(keys.traffic)).toMatchObject(
      stringified({ ...expected, up: plan.uploadedBytes, ts: now }),
    )
    const fit = (members: Set<string>) =>
      new Set([...members].filter((each) => hasFamily(each, plan.wantedFamily)))
    const numwant = isEarly ? 0 : plan.numwant
    if (outcome.status === 'served')
      checkPeers({ ...plan, numwant }, outcome.peers, fit(seeders), fit(leechers))
    await checkState(keys, model, now, policy)
  }
}

/** The site's list, as it is during a step. */
async function keepTorrents(key: string, which: Step['torrents']): Promise<Set<string> | undefined> {
  const listed = { none: [], one: INFOHASHES.slice(1), both: INFOHASHES }[which]
  await redis.del(key)
  if (listed.length === 0) return undefined
  await redis.sadd(key, ...listed)
  return new Set(listed)
}

/** Seeders meet leechers, leechers meet seeders first; nobody meets itself, the gone, or more than numwant. */
function checkPeers(plan: AnnouncePlan, packed: Uint8Array, seeders: Set<string>, leechers: Set<string>) {
  const picked = (Buffer.from(packed)
    .toString('hex')
    .match(new RegExp(`.{${2 * PACKED_PEER_BYTES}}`, 'g')) ?? []) as string[]
  // One endpoint under two passkeys can be in both roles; nobody is listed twice in one.
  const roles = (peer: string) => Number(seeders.has(peer)) + Number(leechers.has(peer))
  for (const peer of picked)
    expect(picked.filter((each) => each === peer).length).toBeLessThanOrEqual(roles(peer))
  const isSeeder = plan.leftBytes === 0 || plan.event === 'completed'
  const others = (members: Set<string>) => [...members].filter((each) => !each.startsWith(plan.peerId))
  // Two users may run clients of one peer id; those at another endpoint are peers like any other.
  const sameId = (members: Set<string>) => [...members].filter((each) => each.startsWith(plan.peerId))
  const pool = isSeeder ? [...leechers] : [...seeders, ...leechers]
  for (const peer of picked) expect(pool).toContain(peer)
  expect(picked.length).toBeLessThanOrEqual(plan.numwant)
  if (plan.event === 'stopped') return expect(picked).toEqual([])
  const atLeast = Math.min(
    plan.numwant,
    isSeeder ? others(leechers).length : others(seeders).length + others(leechers).length,
  )
  expect(picked.length).toBeGreaterThanOrEqual(atLeast)
  if (!isSeeder) {
    const seedersPicked = picked.filter((each) => seeders.has(each)).length
    expect(seedersPicked).toBeGreaterThanOrEqual(Math.min(plan.numwant, others(seeders).length))
  }
  expect(picked.filter((each) => each.startsWith(plan.peerId)).length).toBeLessThanOrEqual(
    sameId(seeders).length + sameId(leechers).length - (isSeeder || sameId(leechers).length > 0 ? 1 : 0),
  )
}

/** Whether a packed peer, in hex, has a port in this family. */
function hasFamily(packed: string, family: 'IPv4' | 'IPv6' | undefined): boolean {
  if (family === undefined) return true
  return family === 'IPv4' ? packed.slice(48, 52) !== '0000' : packed.slice(84, 88) !== '0000'
}

async function checkState(
  keys: ReturnType<typeof keysUnder>,
  model: SwarmModel,
  now: number,
  policy: AnnounceScriptPolicy,
) {
  const sizes = { seeders: 0, leechers: 0 }
  for (const infohash of INFOHASHES as Infohash[]) {
    const oldest = now - policy.peerLifetimeSeconds
    const seeders = await membersOf(keys.seeders(infohash), oldest)
    const leechers = await membersOf(keys.leechers(infohash), oldest)
    expect(seeders.live).toEqual(model.live(infohash, 'seeder', now))
    expect(leechers.live).toEqual(model.live(infohash, 'leecher', now))
    sizes.seeders += seeders.all
    sizes.leechers += leechers.all
    if (seeders.all + leechers.all > 0) expect(await redis.zscore(keys.swarms, infohash)).not.toBeNull()
  }
  const stats = await redis.hgetall(keys.stats)
  expect({ seeders: Number(stats.seeders ?? 0), leechers: Number(stats.leechers ?? 0) }).toEqual(sizes)
}

async function sweepAll(keys: ReturnType<typeof keysUnder>, now: number, policy: AnnounceScriptPolicy) {
  for (const infohash of INFOHASHES) {
    const swarm = {
      seeders: keys.seeders(infohash),
      leechers: keys.leechers(infohash),
      swarms: keys.swarms,
      stats: keys.stats,
    }
    const args = {
      nowSeconds: String(now),
      peerLifetimeSeconds: String(policy.peerLifetimeSeconds),
      limit: '2',
      infohash,
    }
    await sweepScript(redis, swarm, args)
  }
}

async function lastEvent(stream: string): Promise<Record<string, string>> {
  const [entry] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1)
  const fields = entry![1]
  return Object.fromEntries(
    Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i]!, fields[2 * i + 1]!]),
  )
}

const stringified = (record: object) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, String(value)]))

test.each([
  ['as configured by default', aPolicy(), NO_DEMANDS],
  [
    'with both counters together and expiry one peer at a time',
    aPolicy({ counterReset: 'zero', expireLimit: 1 }),
    NO_DEMANDS,
  ],
  [
    'with a list of torrents, limits of sessions and a lower bound between announces',
    aPolicy(),
    { checksTorrent: true, peerLimit: { leeching: 2, seeding: 1 }, earlySeconds: 450 },
  ],
] as const)(
  'scripts and model agree after every step, %s',
  async (_, policy, demands) => {
    await fc.assert(
      fc.asyncProperty(steps, (run) => checkAgainstModel(policy, demands, run)),
      { numRuns: 100 },
    )
  },
  120_000,
)
