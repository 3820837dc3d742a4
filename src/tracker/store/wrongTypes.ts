import type { Redis } from 'ioredis'
import type { Keys } from '../../redis/keys.ts'

/** What the scripts take the fleet's own keys for. */
const TYPES = {
  passkeys: 'set',
  torrents: 'set',
  traffic: 'stream',
  snatches: 'hash',
  swarms: 'zset',
  stats: 'hash',
} as const

/**
 * Redis' WRONGTYPE does not say which key it means. This asks for the type of each that it can be.
 *
 * @returns a phrase for each key that holds something else; none when it is a key of one swarm or session, or when Redis
 *   does not answer
 */
export async function wrongTypes(redis: Redis, keys: Pick<Keys, keyof typeof TYPES>): Promise<string[]> {
  const phrases = Object.entries(TYPES).map(async ([name, expectedType]) => {
    const key = keys[name as keyof typeof TYPES]
    const type = await redis.type(key).catch(() => 'none')
    return type === expectedType || type === 'none' ? [] : [`${key} is a ${type}, not a ${expectedType}`]
  })
  return (await Promise.all(phrases)).flat()
}
