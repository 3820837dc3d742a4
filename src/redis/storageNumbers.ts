import { type ChainableCommander, type Redis, ReplyError } from 'ioredis'
import { DEAD_LETTERS_SUFFIX, FAILED_SUFFIX } from '../contract/redisKeys.ts'
import type { Keys } from './keys.ts'

/**
 * What the metrics tell of the whole fleet, in one pipeline of commands that are cheap whatever the size of the keys.
 *
 * A number that Redis does not give (an ACL user without the command, a key of a wrong type) is undefined. Throws when
 * Redis does not answer.
 */
export async function readStorageNumbers(redis: Redis, keys: Keys) {
  const [stats, infohashes, passkeys, streamEntries, oldest, time, deadLetters, failedEntries, info] =
    await answersTo<Answers>(
      redis
        .pipeline()
        .hmget(keys.stats, 'seeders', 'leechers', 'trimmed')
        .zcard(keys.swarms)
        .scard(keys.passkeys)
        .xlen(keys.traffic)
        .xrange(keys.traffic, '-', '+', 'COUNT', 1)
        .time()
        .xlen(keys.traffic + DEAD_LETTERS_SUFFIX)
        .xlen(keys.traffic + FAILED_SUFFIX)
        .info('memory', 'stats'),
    )
  const field = infoReader(info)
  const policy = field('maxmemory_policy')
  return {
    seeders: stats && Number(stats[0]),
    leechers: stats && Number(stats[1]),
    trafficTrimmed: stats && Number(stats[2]),
    infohashes,
    passkeys,
    /** Redis knows no empty sets. */
    hasWhitelist: passkeys === undefined ? undefined : passkeys > 0,
    streamEntries,
    oldestEntryAgeSeconds: oldest && time && ageSeconds(oldest[0]?.[0], time),
    deadLetters,
    failedEntries,
    usedMemoryBytes: numberOf(field('used_memory')),
    maxMemoryBytes: numberOf(field('maxmemory')),
    evictedKeys: numberOf(field('evicted_keys')),
    isNoEviction: policy === undefined ? undefined : policy === 'noeviction',
  }
}

type Answers = [
  stats: (string | null)[],
  infohashes: number,
  passkeys: number,
  streamEntries: number,
  oldest: [id: string, fields: string[]][],
  time: [seconds: string, microseconds: string],
  deadLetters: number,
  failedEntries: number,
  info: string,
]

async function answersTo<T extends readonly unknown[]>(
  pipeline: ChainableCommander,
): Promise<{ [I in keyof T]: T[I] | undefined }> {
  const answers = (await pipeline.exec())!.map(([error, answer]) => {
    if (error && !(error instanceof ReplyError)) throw error
    return error ? undefined : answer
  })
  return answers as { [I in keyof T]: T[I] | undefined }
}

/** @param id of the oldest entry; its first part is the ms at which Redis took it */
function ageSeconds(id: string | undefined, [seconds, microseconds]: readonly [string, string]): number {
  if (id === undefined) return 0
  const nowSeconds = Number(seconds) + Number(microseconds) / 1e6
  return Math.max(0, nowSeconds - Number.parseInt(id, 10) / 1000)
}

/** Reads single fields of what INFO answers; undefined where there is no such field, or no answer. */
export const infoReader = (info: string | undefined) => (name: string) =>
  info === undefined ? undefined : new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]

const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))
