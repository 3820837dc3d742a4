import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { announceScript } from './scripts/announce.ts'
import { leaseScript } from './scripts/lease.ts'
import { scrapeScript } from './scripts/scrape.ts'
import { sweepScript } from './scripts/sweep.ts'

/** Fleet-wide numbers as the scripts keep them. */
export async function readStorageCounts(redis: Redis, keys: Keys) {
  const [[seeders, leechers, trimmed], infohashes, policy] = await Promise.all([
    redis.hmget(keys.stats, 'seeders', 'leechers', 'trimmed') as Promise<[string?, string?, string?]>,
    redis.zcard(keys.swarms),
    readMaxmemoryPolicy(redis),
  ])
  return {
    infohashes,
    seeders: Number(seeders ?? 0),
    leechers: Number(leechers ?? 0),
    isNoEviction: policy === undefined ? undefined : policy === 'noeviction',
    trafficTrimmed: Number(trimmed ?? 0),
  }
}

/** Hands every script to a server that may be new or restarted, so that no announce pays for it. Throws when Redis does not answer. */
export async function loadScripts(redis: Redis): Promise<void> {
  for (const { source } of [announceScript, scrapeScript, sweepScript, leaseScript])
    await redis.script('LOAD', source)
}

/**
 * What Redis does when it is full. Anything but `noeviction` may throw away credit.
 * @returns undefined where it may not be asked (managed services, ACL users without CONFIG)
 */
export async function readMaxmemoryPolicy(redis: Redis): Promise<string | undefined> {
  try {
    const [, policy] = (await redis.config('GET', 'maxmemory-policy')) as string[]
    return policy
  } catch {
    return undefined // not allowed to ask is no fault
  }
}
