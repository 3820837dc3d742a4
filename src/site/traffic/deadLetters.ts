import type { Redis } from 'ioredis'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { Queue } from './consumerGroup.ts'
import type { TrafficKeys } from './trafficKeys.ts'

const FIELD = 'field:'
const PAGE = 200

/** One entry of the streams of dead letters, as it was parked. */
export interface StoredDeadLetter {
  /** Of the dead letter itself; what `show`, `replay` and `purge` take. */
  readonly deadLetterId: string
  readonly queue: Queue
  /** Of the entry it stands for, in the traffic stream of that Redis epoch; for a loss, the first that may be missing. */
  readonly id: string
  readonly redisEpoch: string
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

/** Every dead letter of a queue, oldest first, in pages. Throws StoreUnavailable. */
export async function* readDeadLetters(
  redis: Redis,
  keys: TrafficKeys,
  queue: Queue,
): AsyncGenerator<readonly StoredDeadLetter[]> {
  for (let from = '-'; ; ) {
    const page = await redis.xrange(queueKey(keys, queue), from, '+', 'COUNT', PAGE).catch(unreadable)
    if (page.length > 0) yield page.map(([deadLetterId, fields]) => deadLetterOf(queue, deadLetterId, fields))
    if (page.length < PAGE) return
    from = `(${page.at(-1)![0]}`
  }
}

/** @returns undefined when there is no such dead letter in this queue */
export async function findDeadLetter(
  redis: Redis,
  keys: TrafficKeys,
  queue: Queue,
  deadLetterId: string,
): Promise<StoredDeadLetter | undefined> {
  const [found] = await redis.xrange(queueKey(keys, queue), deadLetterId, deadLetterId).catch(unreadable)
  return found && deadLetterOf(queue, found[0], found[1])
}

function unreadable(cause: unknown): never {
  throw new StoreUnavailable('reading the dead letters', { cause })
}

function deadLetterOf(queue: Queue, deadLetterId: string, values: readonly string[]): StoredDeadLetter {
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
    deadLetterId,
    queue,
    id: text('id'),
    redisEpoch: text('history'),
    group: text('group'),
    reason: text('reason'),
    attempts: number('attempts'),
    entries: number('entries') || 1,
    atSeconds: number('at'),
    fields: fields.length > 0 ? fields : undefined,
  }
}
