import type { Redis } from 'ioredis'
import type { RedisConfig } from '../../config/config.ts'
import { connectRedis, TRACKER_CONNECTION_NAME } from '../../redis/connection.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { QuietLog } from '../../runtime/quietLog.ts'
import { loadScripts, readMaxmemoryPolicy } from '../store/health.ts'

/** The tracker's connection to Redis, on which the scripts are loaded whenever it is made anew. */
export interface TrackerRedis {
  readonly redis: Redis
  isConnected(): boolean
  /** Loads the scripts if the present connection has not done so. @returns false when Redis refuses them */
  ensureScripts(): Promise<boolean>
  close(): void
}

/** Connects, and goes on trying for as long as it takes. */
export function connectTrackerRedis(config: RedisConfig, log: Logger, quiet: QuietLog): TrackerRedis {
  const connection = connectRedis({
    target: config.connection,
    connectTimeoutMs: config.connectTimeoutMs,
    commandTimeoutMs: config.storeTimeoutMs,
    log,
    name: TRACKER_CONNECTION_NAME,
  })
  const { redis } = connection
  let areScriptsLoaded = false
  let isClosed = false
  async function load(): Promise<boolean> {
    try {
      await loadScripts(redis)
      areScriptsLoaded = true
    } catch (error) {
      areScriptsLoaded = false
      if (isClosed) return false
      quiet.report('scripts', (repeated) =>
        log.error({ err: (error as Error).message, repeated }, 'redis does not take the scripts'),
      )
    }
    return areScriptsLoaded
  }
  redis.on('ready', load)
  redis.on('ready', () => warnOfEviction(redis, log))
  redis.on('close', () => {
    areScriptsLoaded = false // the next server may not have them
  })
  return {
    redis,
    isConnected: connection.isReady,
    ensureScripts: async () => areScriptsLoaded || load(),
    close() {
      isClosed = true
      connection.close()
    },
  }
}

async function warnOfEviction(redis: Redis, log: Logger): Promise<void> {
  const policy = await readMaxmemoryPolicy(redis)
  if (policy === undefined || policy === 'noeviction') return
  log.warn(
    { policy },
    'maxmemory-policy is not noeviction: a full Redis would throw away sessions and credit',
  )
}
