import { Redis } from 'ioredis'
import type { Logger } from '../runtime/logger.ts'
import { createQuietLog } from '../runtime/quietLog.ts'
import { resetOnTimeout } from './resetOnTimeout.ts'
import { stayInDatabase } from './stayInDatabase.ts'

const SAY_AGAIN_MS = 30_000
const LONGEST_BACKOFF_MS = 2_000
/** How long a socket that is being closed may keep the process alive. */
const DISCONNECT_TIMEOUT_MS = 100
const NO_STREAM = /^Stream isn't writeable/
const NEEDS_NO_PASSWORD = /without any password configured|no password is set/
/** The reason where no error was raised. */
export const NO_ANSWER = 'no answer'
/** A server that starts, is full, or is a moment away. Any other failure stays until somebody changes something. */
const HEALS =
  /LOADING|max number of clients|MASTERDOWN|Connection is closed|ECONNRESET|EPIPE|ETIMEDOUT|EAI_AGAIN/
/** How soon a server that refuses writes is left again: it may stay the only one there is. */
const LEAVE_READONLY_MS = 5_000

/** How CLIENT LIST shows a tracker process: the doctor counts them. */
export const TRACKER_CONNECTION_NAME = 'redswarm-tracker'

/** A Redis server in parts. */
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
  /** In parts, or as a URL that the client understands. */
  readonly target: RedisTarget | string
  readonly connectTimeoutMs: number
  /** A command without an answer for this long fails, and the connection with it. */
  readonly commandTimeoutMs: number
  readonly log: Logger
  /** For CLIENT LIST. */
  readonly name?: string
}

export interface RedisConnection {
  readonly redis: Redis
  /** Connected, and past loading its data. Commands sent while this is false fail at once. */
  isReady(): boolean
  /** Resolves when connected. Throws an Error of one line, with the last reason, when it takes longer. */
  readyWithin(timeoutMs: number): Promise<void>
  /** The same for a command that somebody waits for: it throws at once what waiting does not heal, such as a wrong password. */
  readyOrRefused(timeoutMs: number): Promise<void>
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
  name,
}: ConnectionOptions): RedisConnection {
  let leftReadonlyMs = Number.NEGATIVE_INFINITY
  const options = {
    protocol: 2 as const,
    ...(name === undefined ? {} : { connectionName: name }),
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs,
    // Behind resetOnTimeout: with no answer at all for this long the connection is given up whatever was sent on it.
    socketTimeout: 2 * commandTimeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), LONGEST_BACKOFF_MS),
    // After a failover the old primary refuses writes: find the new one.
    reconnectOnError(error: Error) {
      if (!error.message.startsWith('READONLY') || Date.now() - leftReadonlyMs < LEAVE_READONLY_MS)
        return false
      leftReadonlyMs = Date.now()
      return true
    },
  }
  const redis =
    typeof target === 'string' ? new Redis(target, options) : new Redis({ ...(target as object), ...options })
  let lastError = NO_ANSWER
  let isClosed = false
  const quiet = createQuietLog(SAY_AGAIN_MS)
  let wasReady = false
  let isReadyNews = true
  const warn = (kind: string, message: string, fields: object = {}) => {
    if (isClosed) return // whatever comes of it, we wanted it
    quiet.report(kind, (repeated) => {
      isReadyNews = true
      log.warn({ ...fields, repeated }, message)
    })
  }
  takeNeedlessPassword(redis, () =>
    warn('password', 'redis asks for no password, and the configuration gives one'),
  )
  stayInDatabase(redis)
  resetOnTimeout(redis)
  redis.on('error', (error: Error) => {
    if (NO_STREAM.test(error.message)) return // why there is none has been said
    lastError = error.message
    warn('error', 'redis is not reachable, trying again', { err: error.message })
  })
  redis.on('close', () => {
    if (wasReady) warn('lost', 'redis connection lost')
    wasReady = false
  })
  redis.on('ready', () => {
    wasReady = true
    if (isReadyNews) log.info({}, 'redis is ready')
    isReadyNews = false
  })

  return {
    redis,
    isReady: () => redis.status === 'ready',
    readyWithin: (timeoutMs) =>
      ready(
        redis,
        timeoutMs,
        () => true,
        () => lastError,
      ),
    readyOrRefused: (timeoutMs) =>
      ready(
        redis,
        timeoutMs,
        (error) => HEALS.test(error.message),
        () => lastError,
      ),
    close() {
      isClosed = true
      redis.disconnect()
    },
  }
}

/** Resolves when connected. Throws the last reason after the time-out, and at once when an error does not heal. */
async function ready(
  redis: Redis,
  timeoutMs: number,
  heals: (error: Error) => boolean,
  reason: () => string,
): Promise<void> {
  if (redis.status === 'ready') return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = () => reject(new Error(`redis cannot be reached: ${reason()}`))
  const timer = setTimeout(fail, timeoutMs)
  const onError = (error: Error) => {
    if (!NO_STREAM.test(error.message) && !heals(error)) fail()
  }
  redis.once('ready', resolve)
  redis.on('error', onError)
  try {
    await promise
  } finally {
    clearTimeout(timer)
    redis.off('ready', resolve)
    redis.off('error', onError)
  }
}

/** Goes on without a password where Redis has none. The client would write this one error past our log, to the terminal. */
function takeNeedlessPassword(redis: Redis, onNeedless: () => void): void {
  const auth = redis.auth.bind(redis) as (...credentials: unknown[]) => Promise<'OK'>
  redis.auth = (...credentials: unknown[]) =>
    auth(...credentials).catch((error: Error) => {
      if (!NEEDS_NO_PASSWORD.test(error.message)) throw error
      onNeedless()
      return 'OK'
    })
}
