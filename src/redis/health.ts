import type { Redis } from 'ioredis'
import type { Keys } from './keys.ts'
import { announceScript } from './scripts/announce.ts'
import { scrapeScript } from './scripts/scrape.ts'
import { sweepScript } from './scripts/sweep.ts'

/** Fleet-wide numbers as the scripts keep them. */
export async function readStorageCounts(redis: Redis, keys: Keys) {
  const [[seeders, leechers, trimmed], infohashes] = await Promise.all([
    redis.hmget(keys.stats, 'seeders', 'leechers', 'trimmed') as Promise<[string?, string?, string?]>,
    redis.zcard(keys.swarms),
  ])
  return {
    infohashes,
    seeders: Number(seeders ?? 0),
    leechers: Number(leechers ?? 0),
    trafficTrimmed: Number(trimmed ?? 0),
  }
}

/** Hands every script to a server that may be new or restarted, so that no announce pays for it. Throws when Redis does not answer. */
export async function loadScripts(redis: Redis): Promise<void> {
  for (const { source } of [announceScript, scrapeScript, sweepScript]) await redis.script('LOAD', source)
}
