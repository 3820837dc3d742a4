import { type Redis, ReplyError } from 'ioredis'
import { parseInfohash } from '../../bittorrent/bytes20.ts'
import type { Infohash } from '../../bittorrent/types.ts'
import { followKey } from '../../redis/followKey.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { TorrentAliases } from '../core/ports.ts'

/** Fields that one HSCAN asks for: a few hundred microseconds of Redis. */
const PAGE = 1_000

export interface TorrentAliasesOptions {
  readonly redis: Redis
  /** The hash: v2 infohash (cut to 20 bytes) -> v1 infohash, both 40 hex digits. */
  readonly key: string
  /** Called when the list cannot be read. The last copy stays in use. */
  readonly onFailure: (error: Error) => void
  /** Called after a full read with the number of fields that are not a pair of infohashes. They are left out. */
  readonly onMalformed: (fields: number) => void
  readonly everyMs?: number
}

export interface FollowedAliases extends TorrentAliases {
  /** Resolves when the list was read for the first time. */
  readonly firstRead: Promise<void>
  /** The list was read at least once. */
  isRead(): boolean
  close(): void
}

/**
 * This process' copy of the site's list of hybrid torrents. It follows the hash within about a second.
 *
 * Until the list has been read once, and while Redis is connected, `resolve` throws StoreUnavailable: an announce under an
 * unresolved v2 infohash would be credited a second time. A Redis user without rights on the key (an ACL file of a release before) counts as an empty list.
 */
export function createTorrentAliases(options: TorrentAliasesOptions): FollowedAliases {
  const { redis, key, onFailure, onMalformed, everyMs } = options
  let aliases: ReadonlyMap<string, Infohash> | undefined
  const { promise: firstRead, resolve: onFirstRead } = Promise.withResolvers<void>()
  const followed = followKey({
    redis,
    key,
    ...(everyMs === undefined ? {} : { everyMs }),
    async read() {
      const { pairs, malformed } = await readPairs(redis, key)
      aliases = pairs
      onFirstRead()
      if (malformed > 0) onMalformed(malformed)
    },
    onFailure(error) {
      if (error instanceof ReplyError) {
        aliases ??= new Map()
        onFirstRead()
      }
      onFailure(error)
    },
  })
  return {
    resolve(infohash) {
      if (aliases === undefined) {
        if (redis.status !== 'ready') return infohash // the store will refuse the announce
        throw new StoreUnavailable(`${key} has not been read yet`)
      }
      return aliases.size === 0 ? infohash : (aliases.get(infohash) ?? infohash)
    },
    firstRead,
    isRead: () => aliases !== undefined,
    close: followed.close,
  }
}

/** HSCAN may return a field twice, and misses none that is there from beginning to end. */
async function readPairs(redis: Redis, key: string) {
  const pairs = new Map<string, Infohash>()
  let malformed = 0
  let cursor = '0'
  do {
    const [next, fields] = await redis.hscan(key, cursor, 'COUNT', PAGE)
    for (let at = 0; at < fields.length; at += 2) {
      const [alias, infohash] = [parseInfohash(fields[at]!), parseInfohash(fields[at + 1]!)]
      if (alias === undefined || infohash === undefined) malformed++
      else pairs.set(alias, infohash)
    }
    cursor = next
  } while (cursor !== '0')
  return { pairs, malformed }
}
