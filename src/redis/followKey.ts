import type { Redis } from 'ioredis'

export interface FollowKeyOptions {
  /** No other code may use WATCH or transactions on this connection. */
  readonly redis: Redis
  readonly key: string
  /** Reads the key whole and keeps what it found. Called again whenever the key may have changed. */
  readonly read: () => Promise<void>
  /** Called with each failed look; the next look is a full read. */
  readonly onFailure: (error: Error) => void
  /** Time between two looks. */
  readonly everyMs?: number
  /** A full read this often, whatever Redis says of changes. */
  readonly rereadMs?: number
}

export interface FollowedKey {
  close(): void
}

const EVERY_MS = 1_000
const REREAD_MS = 60_000

/**
 * Keeps a copy of one key current. Redis tells of a change to a watched key when a transaction is refused (WATCH, EXEC),
 * so a look costs one round trip and no reading, whatever the size of the key. It covers DEL, RENAME and expiry as well.
 * EXEC ends the watch and WATCH begins the next one. Both are sent in one write, and Redis serves what one client sent
 * at once without serving others in between. Should a network split the write, `rereadMs` bounds how long a change goes unseen.
 */
export function followKey(options: FollowKeyOptions): FollowedKey {
  const { redis, key, read, onFailure, everyMs = EVERY_MS, rereadMs = REREAD_MS } = options
  let isWatched = false
  let readAtMs = Number.NEGATIVE_INFINITY
  let isLooking = false
  let isClosed = false

  async function hasChanged(): Promise<boolean> {
    if (!isWatched || performance.now() - readAtMs >= rereadMs) return true
    isWatched = false // until the answers are in
    const executed = await askAndWatchAgain()
    isWatched = executed !== null
    return !isWatched
  }

  async function askAndWatchAgain(): Promise<unknown> {
    const { stream } = redis
    stream.cork()
    const answers = Promise.all([
      redis.call('MULTI'),
      redis.call('PING'),
      redis.call('EXEC'),
      redis.call('WATCH', key),
    ])
    stream.uncork()
    const [, , executed] = await answers
    return executed
  }

  async function look(): Promise<void> {
    if (isLooking || isClosed || redis.status !== 'ready') return
    isLooking = true
    try {
      if (!(await hasChanged())) return
      await redis.watch(key) // before reading: what changes meanwhile is seen by the next look
      await read()
      isWatched = true
      readAtMs = performance.now()
    } catch (error) {
      isWatched = false
      if (!isClosed) onFailure(error as Error)
    } finally {
      isLooking = false
    }
  }

  const onReady = () => {
    isWatched = false // a connection's watches end with it
    void look()
  }
  redis.on('ready', onReady)
  const timer = setInterval(look, everyMs)
  timer.unref()
  void look()
  return {
    close() {
      isClosed = true
      redis.off('ready', onReady)
      clearInterval(timer)
    },
  }
}
