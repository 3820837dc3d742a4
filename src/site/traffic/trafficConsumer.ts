import { connectRedis, type RedisConnection } from '../../redis/connection.ts'
import { LedgerUnavailable, rootMessage, StoreUnavailable } from '../../runtime/errors.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { Backoff, pause } from './backoff.ts'
import { ConsumerGroup } from './consumerGroup.ts'
import { type FilledOptions, SILENT, type TrafficConsumerOptions, withDefaults } from './consumerOptions.ts'
import { DeadLetterWriter } from './deadLetterWriter.ts'
import { EntryProcessor } from './entryProcessor.ts'
import { Housekeeping } from './housekeeping.ts'
import { ledgerOfStream } from './streamLedger.ts'
import { type TrafficKeys, trafficKeys } from './trafficKeys.ts'
import type { TrafficState } from './trafficScripts.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** A batch of 4,000 is more than a megabyte, and Redis may be busy. */
const COMMAND_TIMEOUT_MS = 15_000
/** Between two looks at a stream that had little; what comes meanwhile makes one transaction. */
const POLL_MS = 250
const CLAIM_LIMIT = 250
const SAY_AGAIN_MS = 60_000
const STREAM_BEGIN = '0-0'

/** A consumer that connects in the background. Throws RangeError for an option out of its bounds. */
export function createTrafficConsumer(options: TrafficConsumerOptions): TrafficConsumer {
  return new TrafficConsumer(options)
}

/**
 * Settles the traffic stream into a ledger: reads a batch as one of a consumer group, settles it in one transaction,
 * acknowledges it after the commit. Whatever ends in between, the entries come again, and the ledger credits once.
 *
 * Any number may run side by side, with different names. Nothing is kept in the process but the batch in hand.
 */
export class TrafficConsumer {
  readonly #options: FilledOptions
  readonly #connection: RedisConnection
  readonly #bulkConnection: RedisConnection
  readonly #group: ConsumerGroup
  readonly #deadLetters: DeadLetterWriter
  readonly #keys: TrafficKeys
  readonly #processor: EntryProcessor
  readonly #housekeeping: Housekeeping
  readonly #quiet = createQuietLog(SAY_AGAIN_MS)
  readonly #redisBackoff = new Backoff(50, 5_000)
  readonly #ledgerBackoff = new Backoff(100, 5_000)
  readonly #stopping = new AbortController()
  #trouble: 'redis' | 'database' | undefined = 'redis'
  #running: Promise<void> | undefined

  /** Where to go on in what this consumer was given before it began or before a connection broke; undefined: all done. */
  #ownFrom: string | undefined = STREAM_BEGIN
  /** Whether taking that up again is another attempt: yes while the process is new, it may have died of an entry. */
  #isNew = true
  #hasLooked = false
  #hasCaughtUp = false
  /** Up to where the ledger had settled when the group turned out to be gone, until the loss is noted. */
  #groupGoneAfter: string | undefined
  #claimFrom = STREAM_BEGIN
  #claimAtMs = Number.NEGATIVE_INFINITY
  /** Credited nothing for their age, and not said yet. */
  #forgotten = 0

  constructor(options: TrafficConsumerOptions) {
    const filled = withDefaults(options)
    const { redis, log, observer } = filled
    const connection = {
      target: redis,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
    }
    this.#connection = connectRedis({ ...connection, log })
    this.#bulkConnection = connectRedis({ ...connection, log: SILENT }) // the other one says all there is to say
    const keys = trafficKeys(filled.traffic)
    const ledger = ledgerOfStream(filled.ledger, this.#connection.redis, keys.traffic)
    const own = { ...filled, ledger }
    this.#options = own
    this.#keys = keys
    this.#group = new ConsumerGroup({
      ...own,
      redis: this.#connection.redis,
      bulkRedis: this.#bulkConnection.redis,
      keys,
    })
    this.#deadLetters = new DeadLetterWriter({ ledger, group: this.#group, log, observer })
    this.#processor = new EntryProcessor({
      ...own,
      group: this.#group,
      deadLetters: this.#deadLetters,
      waitForLedger: this.#waitForLedger,
      onSettled: (outcome, seconds) => {
        this.#ledgerBackoff.reset()
        this.#trouble = undefined
        this.#noteForgotten(outcome.forgotten)
        observer.settled?.(outcome, seconds)
      },
    })
    this.#housekeeping = new Housekeeping({
      ...own,
      redis: this.#connection.redis,
      consumerGroup: this.#group,
      keys,
    })
  }

  /** What keeps entries from being settled right now; undefined when nothing does. */
  get trouble(): 'redis' | 'database' | 'stopping' | undefined {
    return this.#stopping.signal.aborted ? 'stopping' : this.#trouble
  }

  /** Where the stream and this group stand. Throws StoreUnavailable. */
  readState(): Promise<TrafficState> {
    return this.#group.state()
  }

  /** Runs until `stop`, or until the signal; then finishes the batch in hand, acknowledges it, and resolves. Never rejects. */
  run(signal?: AbortSignal): Promise<void> {
    signal?.addEventListener('abort', () => this.#stopping.abort(), { once: true })
    if (signal?.aborted) this.#stopping.abort()
    this.#running ??= this.#run()
    return this.#running
  }

  /** Resolves when the batch in hand is settled and acknowledged, or left to others because the database does not answer. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    if (this.#running) await this.#running
    else this.#close()
  }

  async #run(): Promise<void> {
    const { log, group, consumer, traffic } = this.#options
    const { signal } = this.#stopping
    log.info({ stream: traffic, group, consumer }, 'settling the traffic stream')
    const connections = [this.#connection, this.#bulkConnection]
    const ready = Promise.all(connections.map((each) => each.readyWithin(CONNECT_TIMEOUT_MS)))
    await Promise.race([ready, aborted(signal)]).catch(() => undefined)
    while (!signal.aborted) {
      try {
        await this.#round()
        this.#trouble = undefined
        this.#redisBackoff.reset()
      } catch (error) {
        await this.#recover(error)
      }
    }
    await this.#end()
  }

  async #round(): Promise<void> {
    const { batch } = this.#options
    if (!this.#hasCaughtUp) {
      await this.#deadLetters.catchUp(this.#connection.redis, this.#keys, this.#waitForLedger)
      this.#hasCaughtUp = true
    }
    const wasBusy = await this.#takeBack()
    const delivery = await this.#group.read(batch)
    const { redisEpoch } = delivery
    if (!delivery.hasGroup) return this.#makeGroup(redisEpoch)
    if (this.#groupGoneAfter !== undefined && delivery.entries.length > 0) {
      await this.#deadLetters.noteGroupGone(delivery, this.#groupGoneAfter, this.#waitForLedger)
      this.#groupGoneAfter = undefined
    }
    if (delivery.lostEntries > 0) await this.#deadLetters.noteLoss(delivery, this.#waitForLedger)
    await this.#processor.process(redisEpoch, delivery.entries)
    await this.#housekeeping.whenDue(this.#stopping.signal)
    if (!wasBusy && !this.#group.hasMore) await pause(POLL_MS, this.#stopping.signal)
  }

  /** One portion of what was delivered before and not acknowledged. @returns whether there may be more at once */
  async #takeBack(): Promise<boolean> {
    const { claimIdleMs } = this.#options
    if (this.#ownFrom !== undefined) {
      const claimed = await this.#group.claim({
        isOwn: true,
        minIdleMs: 0,
        fromId: this.#ownFrom,
        limit: CLAIM_LIMIT,
        counts: this.#isNew,
      })
      this.#hasLooked = true
      await this.#processor.process(claimed.redisEpoch, claimed.entries)
      this.#ownFrom = claimed.lastId || undefined
      return true
    }
    if (performance.now() < this.#claimAtMs) return false
    const claimed = await this.#group.claim({
      isOwn: false,
      minIdleMs: claimIdleMs,
      fromId: this.#claimFrom,
      limit: CLAIM_LIMIT,
      counts: true,
    })
    await this.#processor.process(claimed.redisEpoch, claimed.entries)
    this.#claimFrom = claimed.lastId || STREAM_BEGIN
    if (claimed.lastId !== '') return true
    this.#claimAtMs = performance.now() + Math.min(claimIdleMs, 5_000)
    return false
  }

  /** The group or the whole stream is gone, or this is the first start: begins where the ledger left off. */
  async #makeGroup(redisEpoch: string): Promise<void> {
    const { ledger, group, traffic, log } = this.#options
    const lowWatermark = await ledger.lowWatermarkOf(redisEpoch)
    if (!(await this.#group.make(redisEpoch, lowWatermark))) return
    this.#groupGoneAfter = lowWatermark // the ledger has settled from this life of Redis: there was a group
    log.warn(
      { stream: traffic, group, after: lowWatermark ?? STREAM_BEGIN },
      'made the consumer group: there was none',
    )
  }

  readonly #waitForLedger = async (error: LedgerUnavailable): Promise<void> => {
    const { observer } = this.#options
    this.#trouble = 'database'
    observer.retried?.('database')
    this.#say(
      'database',
      { err: rootMessage(error) },
      'the database does not answer; entries wait in the stream',
    )
    if (this.#stopping.signal.aborted) throw error
    await this.#ledgerBackoff.wait(this.#stopping.signal)
    if (this.#stopping.signal.aborted) throw error
  }

  #noteForgotten(entries: number): void {
    this.#forgotten += entries
    if (this.#forgotten === 0) return
    this.#quiet.report('forgotten', () => {
      this.#options.log.warn(
        { entries: this.#forgotten },
        'entries are older than what the ledger remembers: they may have been credited before, and are credited nothing now',
      )
      this.#forgotten = 0
    })
  }

  async #recover(error: unknown): Promise<void> {
    const { signal } = this.#stopping
    // A read may have been carried out, its answer lost: then entries wait for this consumer.
    this.#ownFrom = STREAM_BEGIN
    this.#isNew &&= !this.#hasLooked
    if (error instanceof LedgerUnavailable) {
      if (!signal.aborted) await this.#waitForLedger(error).catch(() => undefined)
      return
    }
    const err = rootMessage(error)
    if (error instanceof StoreUnavailable) {
      this.#trouble = 'redis'
      this.#options.observer.retried?.('redis')
      this.#say('redis', { err }, 'the traffic stream cannot be read; trying again')
    } else {
      this.#quiet.report('fault', (repeated) =>
        this.#options.log.error({ err, repeated }, 'a fault of the consumer; trying again'),
      )
    }
    await this.#redisBackoff.wait(signal)
  }

  async #end(): Promise<void> {
    const { log, consumer } = this.#options
    // When Redis or the database is gone, what is pending waits for others, and so does the name.
    if (this.#trouble === undefined) await this.#housekeeping.last().catch(() => undefined)
    await this.#group.leave(true).catch(() => undefined)
    this.#close()
    log.info({ consumer }, 'stopped settling')
  }

  #close(): void {
    this.#connection.close()
    this.#bulkConnection.close()
  }

  #say(kind: string, fields: object, message: string): void {
    this.#quiet.report(kind, (repeated) => this.#options.log.warn({ ...fields, repeated }, message))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
