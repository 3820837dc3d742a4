import type { Redis } from 'ioredis'
import type { Infohash, Passkey, SwarmCounts } from '../../bittorrent/types.ts'
import type { Keys } from '../../redis/keys.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { AnnouncePlan } from '../core/plan.ts'
import type { AnnounceOutcome, SwarmStore } from '../core/ports.ts'
import { createRedisClock, type RedisClock } from './redisClock.ts'
import { announceScript } from './scripts/announce.ts'
import { ANNOUNCE_POLICY, ANNOUNCE_REQUEST, type AnnounceScriptPolicy } from './scripts/announceLayouts.ts'
import { scrapeScript } from './scripts/scrape.ts'

/** Its first word is the kind of error (redis/errorKind.ts). */
const TOO_LATE = 'LATE Redis came to the announce after its deadline, and did nothing'

/** Lets a script take the Redis server's clock, so that a fleet has one. */
export const SERVER_CLOCK = '0'

export interface SwarmStoreOptions {
  readonly redis: Redis
  readonly keys: Keys
  readonly policy: AnnounceScriptPolicy
  /** Calls under way at once; one more is refused at once, so that memory stays flat when Redis cannot keep up. */
  readonly maxInFlight: number
  /** The count that `maxInFlight` bounds; stores that take each other's place share one. */
  readonly calls?: CallCount
  /** Told of every failed call. The client only learns that it should come back. */
  readonly onUnavailable?: (error: unknown) => void
  /** Told how long each call took that was sent, whatever came of it. */
  readonly onCall?: ObserveCall | undefined
  /** An announce that Redis comes to later than this is not executed. Default: no deadline. */
  readonly deadlineMs?: number | undefined
  /** Redis' clock; stores that take each other's place share one. */
  readonly clock?: RedisClock
  /** For tests that move time by hand: Unix seconds. */
  readonly nowSeconds?: () => number
}

/** @param script its name, from a fixed set */
export type ObserveCall = (script: string, seconds: number) => void

/** Calls under way. */
export interface CallCount {
  now: number
}

export interface RedisSwarmStore extends SwarmStore {
  /** Calls under way. */
  inFlight(): number
}

export function createSwarmStore(options: SwarmStoreOptions): RedisSwarmStore {
  const { redis, keys, policy, maxInFlight, onUnavailable, onCall, nowSeconds, calls = { now: 0 } } = options
  const { deadlineMs, clock: redisClock = createRedisClock() } = options
  const packedPolicy = ANNOUNCE_POLICY.pack(policy)
  const peerLifetimeSeconds = String(policy.peerLifetimeSeconds)

  async function bounded<T>(script: string, call: () => Promise<T>): Promise<T> {
    if (calls.now >= maxInFlight) {
      const overload = new StoreUnavailable(`more than ${maxInFlight} calls in flight`)
      onUnavailable?.(overload)
      throw overload
    }
    calls.now++
    const startedMs = performance.now()
    try {
      return await call()
    } catch (error) {
      onUnavailable?.(error)
      throw error
    } finally {
      calls.now--
      onCall?.(script, (performance.now() - startedMs) / 1000)
    }
  }

  const clock = () => (nowSeconds ? String(nowSeconds()) : SERVER_CLOCK)

  return {
    inFlight: () => calls.now,

    announce(plan: AnnouncePlan): Promise<AnnounceOutcome> {
      return bounded('announce', async () => {
        const deadline = deadlineMs === undefined ? 0 : redisClock.deadline(deadlineMs)
        const args = { nowSeconds: clock(), policy: packedPolicy, deadlineMs: String(deadline) }
        const { outcome, nowMs } = await announceScript(redis, announceKeys(keys, plan), {
          ...announceArgs(plan),
          ...args,
        })
        if (nowMs !== undefined) redisClock.note(nowMs)
        if (outcome === 'tooLate') throw new StoreUnavailable('announce.lua', { cause: new Error(TOO_LATE) })
        return outcome
      })
    },

    scrape(infohashes: readonly Infohash[]): Promise<SwarmCounts[]> {
      return bounded('scrape', () =>
        scrapeScript(
          redis,
          {
            snatches: keys.snatches,
            swarms: infohashes.flatMap((infohash) => [keys.seeders(infohash), keys.leechers(infohash)]),
          },
          { nowSeconds: clock(), peerLifetimeSeconds, infohashes },
        ),
      )
    },
  }
}

/** The keys that an announce of this session names. */
export function announceKeys(
  keys: Keys,
  { infohash, peerId, passkey = '' as Passkey }: Pick<AnnouncePlan, 'infohash' | 'peerId' | 'passkey'>,
) {
  return {
    passkeys: keys.passkeys,
    accepted: keys.accepted(passkey),
    rejected: keys.rejected(passkey),
    seeders: keys.seeders(infohash),
    leechers: keys.leechers(infohash),
    session: keys.session(infohash, passkey || peerId),
    snatches: keys.snatches,
    swarms: keys.swarms,
    stats: keys.stats,
    traffic: keys.traffic,
    torrents: keys.torrents,
  }
}

function announceArgs(plan: AnnouncePlan) {
  return {
    request: ANNOUNCE_REQUEST.pack(plan),
    infohash: plan.infohash,
    passkey: plan.passkey ?? '',
    peerId: plan.peerId,
    ip: plan.address.text,
    af: plan.address.family,
    port: String(plan.port),
    event: plan.event,
    uploaded: String(plan.uploadedBytes),
    downloaded: String(plan.downloadedBytes),
    left: String(plan.leftBytes),
    intervalSeconds: String(plan.intervalSeconds),
    minIntervalSeconds: String(plan.minIntervalSeconds),
    agent: plan.traffic?.agent ?? '',
    siteFields: plan.siteFields,
  }
}
