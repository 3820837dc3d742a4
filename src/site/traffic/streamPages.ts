import type { Redis } from 'ioredis'
import { streamIdAfter } from '../../contract/streamId.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { RawEntry } from './tail.ts'

const PAGE = 2_000

/** Every entry up to an ID, some thousand at a time, the oldest first. Throws StoreUnavailable. */
export async function* readStream(redis: Redis, stream: string, lastId: string): AsyncGenerator<RawEntry[]> {
  let from = '-'
  for (;;) {
    const page = await redis.xrange(stream, from, lastId, 'COUNT', PAGE).catch(unreadable)
    if (page.length > 0) yield page.map(([id, fields]) => ({ id, fields }))
    if (page.length < PAGE) return
    from = streamIdAfter(page.at(-1)![0])
  }
}

function unreadable(cause: unknown): never {
  throw new StoreUnavailable('reading the traffic stream', { cause })
}
