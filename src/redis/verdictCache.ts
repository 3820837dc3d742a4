import type { Redis } from 'ioredis'
import type { VerdictCache } from '../tracker/ports.ts'
import type { Keys } from './keys.ts'

export interface VerdictCacheOptions {
  readonly redis: Redis
  readonly keys: Pick<Keys, 'passkeys' | 'stagedPasskeys' | 'replacedPasskeys' | 'accepted' | 'rejected'>
  readonly acceptedSeconds: number
  readonly rejectedSeconds: number
}

/** Beside a whitelist a rejection counts while that is there; without any it decides alone (lib/passkeyVerdict.lua). */
const BESIDE_WHITELIST = '1'
const ALONE = 'alone'

/**
 * Remembers what the site's verify endpoint said, for the whole fleet. Never writes the site's set.
 *
 * A site in the middle of a swap by two renames still keeps a list: under its staging name, or the name it had before.
 */
export function createVerdictCache(options: VerdictCacheOptions): VerdictCache {
  const { redis, keys, acceptedSeconds, rejectedSeconds } = options
  return {
    async accept(passkey) {
      await redis.set(keys.accepted(passkey), '1', 'EX', acceptedSeconds)
    },
    async reject(passkey) {
      const lists = await redis.exists(keys.passkeys, keys.stagedPasskeys, keys.replacedPasskeys)
      const keepsWhitelist = lists > 0
      const mark = keepsWhitelist ? BESIDE_WHITELIST : ALONE
      await redis.set(keys.rejected(passkey), mark, 'EX', rejectedSeconds)
      return { keepsWhitelist }
    },
  }
}
