import type { Redis } from 'ioredis'
import type { Infohash, SwarmCounts } from '../../bittorrent/types.ts'
import type { Keys } from '../../redis/keys.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { AnnouncePlan } from '../core/plan.ts'
import type { AnnounceOutcome, SwarmStore } from '../core/ports.ts'
import { type AnnounceScriptPolicy, announceScript, packPolicy, packRequest } from './scripts/announce.ts'
import { scrapeScript } from './scripts/scrape.ts'

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
  const packedPolicy = packPolicy(policy)
  const peerLifetime = String(policy.peerLifetimeSeconds)

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
      const { infohash, peerId } = plan
      const passkey = plan.passkey ?? ''
      return bounded('announce', () =>
        announceScript(
          redis,
          {
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
          },
          {
            nowSeconds: clock(),
            policy: packedPolicy,
            request: packRequest(plan),
            infohash,
            passkey,
            peerId,
            ip: plan.address.text,
            af: plan.address.family,
            port: String(plan.port),
            event: plan.event,
            uploaded: String(plan.uploadedBytes),
            downloaded: String(plan.downloadedBytes),
            left: String(plan.leftBytes),
            interval: String(plan.intervalSeconds),
            minInterval: String(plan.minIntervalSeconds),
            agent: plan.traffic?.agent ?? '',
            siteFields: plan.siteFields,
          },
        ),
      )
    },

    scrape(infohashes: readonly Infohash[]): Promise<SwarmCounts[]> {
      return bounded('scrape', () =>
        scrapeScript(
          redis,
          {
            snatches: keys.snatches,
            swarms: infohashes.flatMap((infohash) => [keys.seeders(infohash), keys.leechers(infohash)]),
          },
          { nowSeconds: clock(), peerLifetime, infohashes },
        ),
      )
    },
  }
}
