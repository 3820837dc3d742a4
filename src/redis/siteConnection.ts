import { Redis } from 'ioredis'
import { rootMessage, StoreUnavailable } from '../runtime/errors.ts'
import { stayInDatabase } from './stayInDatabase.ts'

const CONNECT_TIMEOUT_MS = 2_000
const LONGEST_BACKOFF_MS = 500
/** With a server that refuses connections a call fails within five seconds: long enough for a restart, not for a page to hang. */
const MAX_RETRIES = 10

export interface SiteConnection {
  readonly redis: Redis
  /** What the work gives. When it failed for want of a connection, the error says why there is none. */
  reaching<T>(work: () => Promise<T>): Promise<T>
  close(): void
}

/** A connection that the library makes for a site, or the site's own, which stays open. */
export function siteConnection(given: string | Redis): SiteConnection {
  if (typeof given !== 'string') return { redis: given, reaching: (work) => work(), close: () => undefined }
  const redis = new Redis(given, {
    protocol: 2,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(50 * attempt, LONGEST_BACKOFF_MS),
    maxRetriesPerRequest: MAX_RETRIES,
  })
  stayInDatabase(redis)
  let trouble: Error | undefined
  // Without a listener ioredis prints each failed attempt with its stack.
  redis.on('error', (error) => {
    trouble = error
  })
  redis.on('ready', () => {
    trouble = undefined
  })
  return {
    redis,
    async reaching(work) {
      try {
        return await work()
      } catch (error) {
        if (trouble === undefined || redis.status === 'ready') throw error
        throw new StoreUnavailable(`redis cannot be reached: ${rootMessage(trouble)}`, { cause: trouble })
      }
    },
    close: () => redis.disconnect(),
  }
}
