import type { Redis } from 'ioredis'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { Queue } from './consumerGroup.ts'
import type { TrafficKeys } from './trafficKeys.ts'

const FIELD = 'field:'
const PAGE = 200

/** One entry of the streams of dead letters, as it was parked. */
export interface StoredLetter {
  /** Of the letter itself; what `show`, `replay` and `purge` take. */
  readonly letterId: string
  readonly queue: Queue
  /** Of the entry it stands for, in the traffic stream of that history; for a loss, the first that may be missing. */
  readonly id: string
  readonly history: string
  readonly group: string
  readonly reason: string
  readonly attempts: number
  /** How many entries it stands for. */
  readonly entries: number
  /** Unix seconds. */
  readonly atSeconds: number
  /** Names and values in turn; undefined when the entry was gone before anyone read it: nothing can be replayed. */
  readonly fields: readonly string[] | undefined
}

export const QUEUES: readonly Queue[] = ['dlq', 'failed']

export const queueKey = (keys: TrafficKeys, queue: Queue) =>
  queue === 'failed' ? keys.failed : keys.deadLetters

/** Every letter of a queue, oldest first, in pages. Throws StoreUnavailable. */
export async function* readLetters(
  redis: Redis,
  keys: TrafficKeys,
  queue: Queue,
): AsyncGenerator<readonly StoredLetter[]> {
  for (let from = '-'; ; ) {
    const page = await redis.xrange(queueKey(keys, queue), from, '+', 'COUNT', PAGE).catch(unreadable)
    if (page.length > 0) yield page.map(([letterId, fields]) => letterOf(queue, letterId, fields))
    if (page.length < PAGE) return
    from = `(${page.at(-1)![0]}`
  }
}

/** @returns undefined when there is no such letter in this queue */
export async function findLetter(
  redis: Redis,
  keys: TrafficKeys,
  queue: Queue,
  letterId: string,
): Promise<StoredLetter | undefined> {
  const [found] = await redis.xrange(queueKey(keys, queue), letterId, letterId).catch(unreadable)
  return found && letterOf(queue, found[0], found[1])
}

function unreadable(cause: unknown): never {
  throw new StoreUnavailable('reading the dead letters', { cause })
}

function letterOf(queue: Queue, letterId: string, values: readonly string[]): StoredLetter {
  const about = new Map<string, string>()
  const fields: string[] = []
  for (let i = 0; i + 1 < values.length; i += 2) {
    const name = values[i]!
    if (name.startsWith(FIELD)) fields.push(name.slice(FIELD.length), values[i + 1]!)
    else about.set(name, values[i + 1]!)
  }
  const text = (name: string) => about.get(name) ?? ''
  const number = (name: string) => Number(about.get(name)) || 0
  return {
    letterId,
    queue,
    id: text('id'),
    history: text('history'),
    group: text('group'),
    reason: text('reason'),
    attempts: number('attempts'),
    entries: number('entries') || 1,
    atSeconds: number('at'),
    fields: fields.length > 0 ? fields : undefined,
  }
}
