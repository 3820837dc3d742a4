import type { Redis } from 'ioredis'
import { StoreUnavailable } from '../../runtime/errors.ts'
import { bulkCall } from './bulkCall.ts'
import { type Reply, ReplyError } from './replyReader.ts'
import type { TrafficKeys } from './trafficKeys.ts'
import {
  type ClaimedEntries,
  type Delivery,
  type TrafficState,
  trafficAckScript,
  trafficClaimScript,
  trafficGroupScript,
  trafficLeaveScript,
  trafficParkScript,
  trafficReadScript,
  trafficStateScript,
} from './trafficScripts.ts'

/** Redis keeps a consumer that never comes back for ever; one that holds nothing goes after a day. */
const FORGET_CONSUMERS_AFTER_MS = 86_400_000
/** Of entries through a script: some milliseconds of Redis. */
const MOST_BY_SCRIPT = 500
/** Of one answer. Entries of a producer that writes far too much come in small numbers. */
const MOST_BYTES = 16 * 1024 * 1024
/** As long as nobody knows how large entries are. */
const FIRST_LIMIT = 250
/** Without a byte of the answer. */
const BULK_TIMEOUT_MS = 15_000

export interface ConsumerGroupOptions {
  readonly redis: Redis
  /** Another connection to the same Redis, for reading entries and nothing else. */
  readonly bulkRedis: Redis
  readonly keys: TrafficKeys
  readonly group: string
  readonly consumer: string
}

export interface ClaimOptions {
  /** Only what this consumer itself was given before. */
  readonly isOwn: boolean
  /** Only what nobody touched for so long. */
  readonly minIdleMs: number
  /** Only what is above this ID. */
  readonly fromId: string
  readonly limit: number
  /** Another delivery; false: the same consumer, alive all the while, looks again. */
  readonly counts: boolean
}

export type Queue = 'dlq' | 'failed'

/**
 * One consumer's hold on the stream. Every answer names the Redis epoch it belongs to, read in the same step, so that no
 * reconnection in between can mix two lives of Redis. All throw StoreUnavailable.
 */
export class ConsumerGroup {
  readonly #redis: Redis
  readonly #bulkRedis: Redis
  readonly #keys: TrafficKeys
  readonly #group: string
  readonly #consumer: string
  /** How many entries make about MOST_BYTES, going by the last ones. */
  #fit = FIRST_LIMIT
  #hasMore = false

  constructor({ redis, bulkRedis, keys, group, consumer }: ConsumerGroupOptions) {
    this.#redis = redis
    this.#bulkRedis = bulkRedis
    this.#keys = keys
    this.#group = group
    this.#consumer = consumer
  }

  /** Whether the last read got as many entries as it asked for, so that there are probably more. */
  get hasMore(): boolean {
    return this.#hasMore
  }

  /**
   * Entries that nobody was given yet, at most `most` and at most what fits into memory, and what was trimmed before them.
   * Does not wait for any.
   */
  async read(most: number): Promise<Delivery> {
    const limit = Math.min(most, this.#fit)
    this.#hasMore = false
    const delivery = await this.#read(limit)
    this.#hasMore = delivery.entries.length === limit
    return delivery
  }

  async #read(limit: number): Promise<Delivery> {
    const { traffic, deadLetters } = this.#keys
    const { source, definition } = trafficReadScript
    const [group, consumer] = [this.#group, this.#consumer]
    let replies: Reply[]
    let bytes: number
    try {
      ;({ replies, bytes } = await bulkCall(
        this.#bulkRedis,
        [
          ['MULTI'],
          ['EVAL', source, String(definition.keys.length), traffic, deadLetters, group, consumer, '0'],
          ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(limit), 'STREAMS', traffic, '>'],
          ['EXEC'],
        ],
        BULK_TIMEOUT_MS,
      ))
    } catch (cause) {
      throw new StoreUnavailable('reading the traffic stream', { cause })
    }
    const errors = replies.filter((reply) => reply instanceof ReplyError).map(({ message }) => message)
    if (errors.some((message) => message.startsWith('OOM'))) {
      // A full Redis queues no command of a transaction, whatever it is.
      const args = { group, consumer, limit: String(Math.min(limit, MOST_BY_SCRIPT)) }
      return trafficReadScript(this.#redis, { traffic, deadLetters }, args)
    }
    if (errors.some((message) => message.startsWith('READONLY'))) this.#bulkRedis.disconnect(true) // find the new primary
    const results = replies[3]
    if (!Array.isArray(results)) throw readRefused(errors.at(-1) ?? 'no answer')
    const [look, streams] = results as [Reply, Reply]
    if (look instanceof ReplyError) throw readRefused(look.message)
    const delivery = definition.parse(look)
    if (!delivery.hasGroup) return delivery
    if (streams instanceof ReplyError) throw readRefused(streams.message)
    const [, entries = []] = (streams as [string, [string, string[]][]][] | null)?.[0] ?? []
    if (entries.length > 0) this.#fit = Math.max(1, Math.floor((entries.length * MOST_BYTES) / bytes))
    return { ...delivery, entries: entries.map(([id, fields]) => ({ id, fields, deliveries: 1 })) }
  }

  /** Entries that were delivered before and are still not acknowledged. */
  claim({ isOwn, minIdleMs, fromId, limit, counts }: ClaimOptions): Promise<ClaimedEntries> {
    const { traffic, deadLetters } = this.#keys
    return trafficClaimScript(
      this.#redis,
      { traffic, deadLetters },
      {
        group: this.#group,
        consumer: this.#consumer,
        owner: isOwn ? this.#consumer : '',
        minIdleMs: String(minIdleMs),
        fromId,
        limit: String(Math.min(limit, this.#fit)),
        counts: counts ? '1' : '0',
      },
    )
  }

  /** Says that this consumer still works on these, so that no other takes them over. */
  async touch(ids: readonly string[]): Promise<void> {
    await this.#redis.xclaim(this.#keys.traffic, this.#group, this.#consumer, 0, ...ids, 'JUSTID')
  }

  /** Throws StoreUnavailable, too, when this is another Redis epoch by now; nothing was acknowledged then. */
  async ack(redisEpoch: string, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const { traffic } = this.#keys
    const acked = await trafficAckScript(this.#redis, { traffic }, { group: this.#group, redisEpoch, ids })
    if (acked < 0) throw readRefused('Redis is not the one any more that the entries came from')
  }

  /** @returns whether it was this call that parked it */
  async park(
    queue: Queue,
    redisEpoch: string,
    deadLetter: { readonly id: string; readonly reason: string; readonly attempts: number },
  ): Promise<boolean> {
    const { traffic } = this.#keys
    const deadLetters = queue === 'failed' ? this.#keys.failed : this.#keys.deadLetters
    const parked = await trafficParkScript(
      this.#redis,
      { traffic, deadLetters },
      {
        group: this.#group,
        redisEpoch,
        id: deadLetter.id,
        reason: Buffer.from(deadLetter.reason),
        attempts: String(deadLetter.attempts),
      },
    )
    return parked === 1
  }

  state(): Promise<TrafficState> {
    return trafficStateScript(this.#redis, this.#keys, { group: this.#group })
  }

  /** @returns whether the group had to be made */
  async make(redisEpoch: string, lowWatermark: string | undefined): Promise<boolean> {
    const { traffic } = this.#keys
    const made = await trafficGroupScript(
      this.#redis,
      { traffic },
      { group: this.#group, redisEpoch, lowWatermark: lowWatermark ?? '' },
    )
    return made === 1
  }

  /** Removes consumers that ended long ago, and with `isEnding` this one; never one that holds something. */
  async leave(isEnding: boolean): Promise<void> {
    const { traffic } = this.#keys
    await trafficLeaveScript(
      this.#redis,
      { traffic },
      {
        group: this.#group,
        consumer: isEnding ? this.#consumer : '',
        idleMs: String(FORGET_CONSUMERS_AFTER_MS),
      },
    )
  }
}

const readRefused = (message: string) =>
  new StoreUnavailable('reading the traffic stream', { cause: new Error(message) })
