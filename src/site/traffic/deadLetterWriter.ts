import type { Redis } from 'ioredis'
import { LedgerUnavailable, rootMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import type { DeadLetter, SettlementLedger } from '../ledger/types.ts'
import type { ConsumerGroup, Queue } from './consumerGroup.ts'
import type { ConsumerObserver } from './consumerObserver.ts'
import { QUEUES, readDeadLetters } from './deadLetters.ts'
import type { TrafficKeys } from './trafficKeys.ts'
import type { DeliveredEntry, Delivery } from './trafficScripts.ts'

const SAY_AGAIN_MS = 10_000
/** What the ledger keeps of a dead letter; Redis has it to the byte. */
const MOST_FIELDS = 64
const LONGEST_NAME = 64
const LONGEST_VALUE = 512

export interface DeadLetterWriterOptions {
  readonly ledger: SettlementLedger
  readonly group: ConsumerGroup
  readonly log: Logger
  readonly observer: ConsumerObserver
}

/** Resolves when the database may be asked again; rejects to give up. */
export type WaitForLedger = (error: LedgerUnavailable) => Promise<void>

/**
 * Writes down what will not be credited, in the ledger and in Redis. An entry is noted before it is parked, so that a
 * crash in between leaves it pending and it is noted again. A loss is known to Redis first, and `catchUp` tells the
 * ledger of those that a crash kept from it.
 */
export class DeadLetterWriter {
  readonly #options: DeadLetterWriterOptions
  readonly #quiet = createQuietLog(SAY_AGAIN_MS)

  constructor(options: DeadLetterWriterOptions) {
    this.#options = options
  }

  /** Entries that were trimmed before they were read; Redis has a dead letter for them already. */
  async noteLoss(
    { redisEpoch, missingId, lostEntries, entries }: Delivery,
    wait: WaitForLedger,
  ): Promise<void> {
    const { log, observer } = this.#options
    observer.lost?.(lostEntries)
    log.error(
      { entries: lostEntries, from: missingId },
      'entries were trimmed from the traffic stream before they were read; the next announces of their sessions bring the bytes back',
    )
    const reason = 'trimmed from the stream before the group read it'
    await this.#note(
      redisEpoch,
      {
        id: missingId,
        reason,
        attempts: 0,
        fields: undefined,
        entries: lostEntries,
        nextSeconds: firstSeconds(entries),
      },
      wait,
    )
  }

  /** The group was gone, and with it what it had not read: the stream was deleted, or all of Redis was emptied. */
  async noteGroupGone(
    { redisEpoch, entries }: Delivery,
    settledUpTo: string,
    wait: WaitForLedger,
  ): Promise<void> {
    const reason = 'the consumer group was gone; what it had not read by then is lost'
    const nextSeconds = firstSeconds(entries)
    await this.#note(
      redisEpoch,
      { id: settledUpTo, reason, attempts: 0, fields: undefined, entries: 0, nextSeconds },
      wait,
    )
  }

  /** One that was trimmed while a consumer had it. */
  async noteGone(redisEpoch: string, { id, deliveries }: DeliveredEntry, wait: WaitForLedger): Promise<void> {
    const { observer } = this.#options
    observer.lost?.(1)
    this.#say('gone', { id }, 'an entry was trimmed from the traffic stream before it was acknowledged')
    const reason = 'trimmed from the stream after a consumer took it and before it was acknowledged'
    await this.#note(redisEpoch, { id, reason, attempts: deliveries, fields: undefined, entries: 1 }, wait)
  }

  async park(
    queue: Queue,
    redisEpoch: string,
    { id, deliveries, fields, reason }: DeliveredEntry & { readonly reason: string },
    wait: WaitForLedger,
  ): Promise<void> {
    const { group, observer } = this.#options
    const deadLetter = { id, reason, attempts: deliveries, fields: cut(fields), entries: 1 }
    await this.#note(redisEpoch, deadLetter, wait)
    try {
      if (!(await group.park(queue, redisEpoch, deadLetter))) return
    } catch (error) {
      if (!isWrongType(error)) throw error
      this.#say(
        'key',
        { id, reason },
        'dead letters cannot be written, their key is no stream; the entry stays pending',
      )
      return
    }
    observer.deadLettered?.(queue)
    this.#say(queue, { id, attempts: deliveries, reason }, PARKED[queue])
  }

  /**
   * Tells the ledger of every loss that Redis has. Of losses only: an entry may have been replayed since, and noting it
   * again would open it for another replay.
   */
  async catchUp(redis: Redis, keys: TrafficKeys, wait: WaitForLedger): Promise<void> {
    for (const queue of QUEUES) {
      try {
        for await (const page of readDeadLetters(redis, keys, queue))
          for (const { redisEpoch, fields, ...deadLetter } of page)
            if (fields === undefined) await this.#note(redisEpoch, { ...deadLetter, fields }, wait)
      } catch (error) {
        if (!isWrongType(error)) throw error
        this.#say('key', { queue }, 'dead letters cannot be read, their key is no stream')
      }
    }
  }

  async #note(redisEpoch: string, deadLetter: DeadLetter, wait: WaitForLedger): Promise<void> {
    for (;;) {
      try {
        return await this.#options.ledger.noteDeadLetters(redisEpoch, [deadLetter])
      } catch (error) {
        if (error instanceof LedgerUnavailable) await wait(error)
        else {
          // Redis keeps it all the same; one dead letter that the database refuses must not stop the rest.
          this.#say(
            'note',
            { id: deadLetter.id, err: rootMessage(error) },
            'the ledger does not take a dead letter',
          )
          return
        }
      }
    }
  }

  #say(kind: string, fields: object, message: string): void {
    this.#quiet.report(kind, (repeated) => this.#options.log.warn({ ...fields, repeated }, message))
  }
}

const PARKED: Readonly<Record<Queue, string>> = {
  dlq: 'an entry of the traffic stream is malformed; it is among the dead letters',
  failed: 'an entry of the traffic stream is given up; it is among the failed ones',
}

/** Time of the first of these entries, as its producer says; undefined for none, and for a malformed one. */
function firstSeconds([first]: Delivery['entries']): number | undefined {
  const fields = first?.fields ?? []
  const at = fields.findIndex((name, index) => index % 2 === 0 && name === 'ts')
  const seconds = at < 0 ? Number.NaN : Number(fields[at + 1])
  return Number.isSafeInteger(seconds) ? seconds : undefined
}

const isWrongType = (error: unknown) => rootMessage(error).startsWith('WRONGTYPE')

/** Databases do not take U+0000, and no dead letter should be larger than what it is about. */
function cut(fields: readonly string[] | undefined): Record<string, string> | undefined {
  if (!fields) return undefined
  const kept: [string, string][] = []
  for (let i = 0; i + 1 < fields.length && kept.length < MOST_FIELDS; i += 2)
    kept.push([clean(fields[i]!, LONGEST_NAME), clean(fields[i + 1]!, LONGEST_VALUE)])
  return Object.fromEntries(kept)
}

const clean = (text: string, longest: number) =>
  text.slice(0, longest).replaceAll('\0', '\uFFFD').toWellFormed()
