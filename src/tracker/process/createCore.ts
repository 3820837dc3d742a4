import type { Redis } from 'ioredis'
import type { Config } from '../../config/config.ts'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { createKeys, type Keys } from '../../redis/keys.ts'
import { createTracker, type Hook, type Tracker } from '../core/tracker.ts'
import { type CallCount, createSwarmStore, type ObserveCall } from '../store/swarmStore.ts'
import { type HookSurroundings, hookOf } from './hookOf.ts'
import { createSiteVerifier, type VerifySurroundings } from './siteVerifier.ts'

/** All that decides about announces and scrapes under one configuration. A reload makes a new one and changes over. */
export interface Core {
  readonly tracker: Tracker
  readonly keys: Keys
  /** Ends what its hooks do in the background. Requests that it has begun still get their answers. */
  close(): void
}

/** What outlives a reload. */
export interface CoreSurroundings extends HookSurroundings {
  readonly redis: Redis
  readonly calls: CallCount
  readonly onUnavailable: (error: unknown) => void
  readonly onCall: ObserveCall
  readonly verify: VerifySurroundings
}

/** Throws what a hook says against its options; then nothing is left running. */
export function createCore(config: Config, surroundings: CoreSurroundings): Core {
  const { redis, calls, onUnavailable, onCall } = surroundings
  const keys = createKeys({
    keyPrefix: config.redis.keyPrefix,
    passkeysKey: config.passkeyApproval?.setKey ?? PASSKEYS_KEY,
    trafficKey: config.trafficPush?.streamKey ?? TRAFFIC_KEY,
    torrentsKey: config.torrentApproval?.setKey,
  })
  const store = createSwarmStore({
    redis,
    keys,
    calls,
    onUnavailable,
    onCall,
    maxInFlight: config.redis.maxInFlight,
    policy: {
      ...config.swarm,
      skipsIdle: config.trafficPush?.skipIdle ?? false,
      extraFields: config.trafficPush?.extraFields ?? [],
      maxLen: config.trafficPush?.maxLen ?? 0,
    },
  })
  const hooks: Hook[] = []
  const verifier = createSiteVerifier(config, redis, keys, surroundings.verify)
  const close = () => {
    verifier?.close()
    for (const hook of hooks) hook.close?.()
  }
  try {
    for (const hook of config.hooks) hooks.push(hookOf(hook, config, surroundings)) // in the order of the configuration
  } catch (error) {
    close()
    throw error
  }
  const tracker = createTracker({
    store,
    hooks,
    verifier,
    policy: {
      intervalSeconds: config.announceIntervalSeconds,
      minIntervalSeconds: config.minAnnounceIntervalSeconds,
      returnSelfIfAlone: config.http?.returnSelfIfAlone ?? true,
    },
  })
  return { tracker, keys, close }
}
