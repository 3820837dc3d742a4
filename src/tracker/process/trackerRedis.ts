import type { Redis } from 'ioredis'
import type { RedisConfig } from '../../config/config.ts'
import { connectRedis, TRACKER_CONNECTION_NAME } from '../../redis/connection.ts'
import { rootMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { QuietLog } from '../../runtime/quietLog.ts'
import { loadScripts, readMaxmemoryPolicy } from '../store/health.ts'

/** The tracker's connection to Redis, on which the scripts are loaded whenever it is made anew. */
export interface TrackerRedis {
  readonly redis: Redis
  isConnected(): boolean
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
  let isClosed = false
  // A server without SCRIPT serves all the same: the first call of each script loads it.
  async function load(): Promise<void> {
    try {
      await loadScripts(redis)
    } catch (error) {
      if (isClosed) return
      quiet.report('scripts', (repeated) =>
        log.warn(
          { err: rootMessage(error), repeated },
          'redis does not load scripts ahead of time, the first announce does',
        ),
      )
    }
  }
  redis.on('ready', load)
  redis.on('ready', () => warnOfEviction(redis, log))
  return {
    redis,
    isConnected: connection.isReady,
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
