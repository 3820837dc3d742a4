import { Redis } from 'ioredis'
import type { Logger } from '../runtime/logger.ts'
import { createQuietLog } from '../runtime/quietLog.ts'

const SAY_AGAIN_MS = 30_000
const LONGEST_BACKOFF_MS = 2_000

export interface RedisTarget {
  readonly host?: string
  readonly port?: number
  /** A unix socket, in place of host and port. */
  readonly path?: string
  readonly username?: string
  readonly password?: string
  readonly db?: number
  readonly tls?: object
}

export interface ConnectionOptions {
  readonly target: RedisTarget
  readonly connectTimeoutMs: number
  /** A command without an answer for this long fails. */
  readonly commandTimeoutMs: number
  readonly log: Logger
}

export interface RedisConnection {
  readonly redis: Redis
  /** Connected, and past loading its data. Commands sent while this is false fail at once. */
  isReady(): boolean
  /** Resolves when connected. Throws an Error of one line, with the last reason, when it takes longer. */
  readyWithin(timeoutMs: number): Promise<void>
  close(): void
}

/**
 * Connects, and keeps connecting for as long as it takes. A command never waits for a connection and is never sent
 * twice: an announce is answered "try again" instead, and carries the same totals when it comes back.
 */
export function connectRedis({
  target,
  connectTimeoutMs,
  commandTimeoutMs,
  log,
}: ConnectionOptions): RedisConnection {
  const redis = new Redis({
    ...(target as object),
    protocol: 2,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), LONGEST_BACKOFF_MS),
    // After a failover the old primary refuses writes: find the new one.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  })
  let lastError = 'no answer'
  const quiet = createQuietLog(SAY_AGAIN_MS)
  let wasReady = false
  redis.on('error', (error: Error) => {
    lastError = error.message
    quiet.report('error', () => log.warn({ err: error.message }, 'redis is not reachable, trying again'))
  })
  redis.on('close', () => {
    if (wasReady) log.warn({}, 'redis connection lost')
    wasReady = false
  })
  redis.on('ready', () => {
    wasReady = true
    log.info({}, 'redis is ready')
  })
  return {
    redis,
    isReady: () => redis.status === 'ready',
    readyWithin(timeoutMs) {
      if (redis.status === 'ready') return Promise.resolve()
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`redis cannot be reached: ${lastError}`)), timeoutMs)
        redis.once('ready', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
    close() {
      wasReady = false // we know
      redis.disconnect()
    },
  }
}
