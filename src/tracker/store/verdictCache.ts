import type { Redis } from 'ioredis'
import type { Keys } from '../../redis/keys.ts'
import type { VerdictCache } from '../core/ports.ts'

export interface VerdictCacheOptions {
  readonly redis: Redis
  readonly keys: Pick<Keys, 'accepted' | 'rejected'>
  readonly acceptedSeconds: number
  readonly rejectedSeconds: number
}

/** Remembers what the site's verify endpoint said, for the whole fleet. Never writes the site's set. */
export function createVerdictCache(options: VerdictCacheOptions): VerdictCache {
  const { redis, keys, acceptedSeconds, rejectedSeconds } = options
  return {
    async accept(passkey) {
      await redis.set(keys.accepted(passkey), '1', 'EX', acceptedSeconds)
    },
    async reject(passkey) {
      await redis.set(keys.rejected(passkey), '1', 'EX', rejectedSeconds)
    },
  }
}
