import type { Redis } from 'ioredis'
import { infoReader } from '../../redis/storageNumbers.ts'
import { announceScript } from './scripts/announce.ts'
import { leaseScript } from './scripts/lease.ts'
import { probeScript } from './scripts/probe.ts'
import { scrapeScript } from './scripts/scrape.ts'
import { sweepScript } from './scripts/sweep.ts'

/** Hands every script to a server that may be new or restarted, so that no announce pays for it. Throws when Redis does not answer. */
export async function loadScripts(redis: Redis): Promise<void> {
  for (const { source } of [announceScript, scrapeScript, sweepScript, leaseScript, probeScript])
    await redis.script('LOAD', source)
}

/**
 * What Redis does when it is full. Anything but `noeviction` may throw away credit.
 * @returns undefined where it may not be asked
 */
export async function readMaxmemoryPolicy(redis: Redis): Promise<string | undefined> {
  const info = await redis.info('memory').catch(() => undefined) // not allowed to ask is no fault
  return infoReader(info)('maxmemory_policy')
}
