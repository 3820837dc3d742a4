import type { Redis } from 'ioredis'
import type { Config } from '../../config/config.ts'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { createKeys, type Keys } from '../../redis/keys.ts'
import type { TorrentAliases } from '../core/ports.ts'
import { createTracker, type Hook, type SiteList, type Tracker } from '../core/tracker.ts'
import type { HookDependencies } from '../hooks/hook.ts'
import { definitionOf } from '../hooks/list.ts'
import type { RedisClock } from '../store/redisClock.ts'
import { type CallCount, createSwarmStore, type ObserveCall } from '../store/swarmStore.ts'
import { createSiteVerifier, type VerifyDependencies } from './siteVerifier.ts'

/** All that decides about announces and scrapes under one configuration. A reload makes a new one and changes over. */
export interface Core {
  readonly tracker: Tracker
  readonly keys: Keys
  /** Ends what its hooks do in the background. Requests that it has begun still get their answers. */
  close(): void
}

/** What outlives a reload. */
export interface CoreDependencies extends Omit<HookDependencies, 'scrapeRequiresPasskey'> {
  readonly redis: Redis
  readonly aliases: TorrentAliases
  readonly calls: CallCount
  readonly redisClock: RedisClock
  readonly onUnavailable: (error: unknown) => void
  readonly onCall: ObserveCall
  readonly verify: VerifyDependencies
  readonly isStalled: () => boolean
  readonly onListMissing: (list: SiteList, key: string) => void
}

/** Names of all keys under a configuration. */
export function keysOf(config: Config): Keys {
  return createKeys({
    keyPrefix: config.redis.keyPrefix,
    passkeysKey: config.passkeyApproval?.setKey ?? PASSKEYS_KEY,
    trafficKey: config.trafficPush?.streamKey ?? TRAFFIC_KEY,
    torrentsKey: config.torrentApproval?.setKey,
  })
}

/** Throws what a hook says against its options; then nothing is left running. */
export function createCore(config: Config, dependencies: CoreDependencies): Core {
  const { redis, aliases, calls, redisClock, onUnavailable, onCall } = dependencies
  const keys = keysOf(config)
  const store = createSwarmStore({
    redis,
    keys,
    calls,
    onUnavailable,
    onCall,
    maxInFlight: config.redis.maxInFlight,
    deadlineMs: config.redis.storeTimeoutMs,
    clock: redisClock,
    policy: {
      ...config.swarm,
      skipsIdle: config.trafficPush?.skipIdle ?? false,
      extraFields: config.trafficPush?.extraFields ?? [],
      maxLen: config.trafficPush?.maxLen ?? 0,
    },
  })
  const hooks: Hook[] = []
  const verifier = createSiteVerifier(config, redis, keys, dependencies.verify)
  const close = () => {
    verifier?.close()
    for (const hook of hooks) hook.close?.()
  }
  const scrapeRequiresPasskey = config.http?.scrapeRequiresPasskey ?? false
  try {
    // In the order of the configuration.
    for (const { name, options } of config.hooks)
      hooks.push(definitionOf(name)!.create(options, { ...dependencies, scrapeRequiresPasskey }))
  } catch (error) {
    close()
    throw error
  }
  const tracker = createTracker({
    store,
    hooks,
    verifier,
    aliases,
    isStalled: dependencies.isStalled,
    onListMissing: (list) => dependencies.onListMissing(list, keys[list]),
    policy: {
      intervalSeconds: config.announceIntervalSeconds,
      minIntervalSeconds: config.minAnnounceIntervalSeconds,
      returnSelfIfAlone: config.http?.returnSelfIfAlone ?? true,
    },
  })
  return { tracker, keys, close }
}
