import { Redis } from 'ioredis'

/** RESP2, as the tracker's own connection. */
export const connectTo = (url: string) => new Redis(url, { protocol: 2 })

/** One entry of the stream, fields by name in the order written. */
export type StoredEvent = Readonly<Record<string, string>>

export async function eventsOf(redis: Redis, stream: string): Promise<StoredEvent[]> {
  const entries = await redis.xrange(stream, '-', '+')
  return entries.map(([, fields]) =>
    Object.fromEntries(
      Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i]!, fields[2 * i + 1]!]),
    ),
  )
}

/** Every byte and every expiry under a prefix. Two equal ones: nothing at all was written in between. */
export async function everythingUnder(redis: Redis, prefix: string): Promise<Map<string, string>> {
  const found = await redis.keys(`${prefix}*`)
  const stored = new Map<string, string>()
  for (const key of found.sort()) {
    const dump = await redis.dumpBuffer(key)
    stored.set(key, `${dump?.toString('hex')} expires ${await redis.pexpiretime(key)}`)
  }
  return stored
}

export const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
