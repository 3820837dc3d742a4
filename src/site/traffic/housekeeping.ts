import type { Redis } from 'ioredis'
import { parseStreamId, streamIdBefore } from '../../contract/streamId.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { SettlementLedger } from '../ledger/types.ts'
import type { ConsumerGroup } from './consumerGroup.ts'
import type { ConsumerObserver } from './consumerObserver.ts'
import type { TrafficKeys } from './trafficKeys.ts'
import { type GroupState, type TrafficState, trafficTrimScript } from './trafficScripts.ts'

const EVERY_MS = 1_000
const TRIM_EVERY_MS = 10_000
const PRUNE_EVERY_MS = 300_000
const SAY_TRIMMED_EVERY_MS = 300_000
const CLOSE_LIMIT = 1_000
/** Of closing and of trimming, before the next batch is read. */
const STEPS_AT_ONCE = 5
const TRIM_LIMIT = 20_000
/** Of maxmemory; above it nothing finished is kept. */
const NEARLY_FULL = 0.9

export interface HousekeepingOptions {
  readonly redis: Redis
  readonly keys: TrafficKeys
  readonly consumerGroup: ConsumerGroup
  readonly ledger: SettlementLedger
  readonly observer: ConsumerObserver
  readonly log: Logger
  readonly trim: boolean
  readonly keepMs: number
  readonly onClosed: ((settledUpTo: number) => Promise<void>) | undefined
}

/**
 * The ID up to which everything is settled or dead, so that nothing older can come: an entry stays pending until it is.
 * Undefined while nothing was read.
 */
export function lowWatermarkOfGroup({ oldestPendingId, lastDeliveredId }: GroupState): string | undefined {
  try {
    if (oldestPendingId !== undefined) return streamIdBefore(oldestPendingId)
    return parseStreamId(lastDeliveredId).ms > 0 ? lastDeliveredId : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined // an ID that nobody but its producer can be to blame for
    throw error
  }
}

/** What a consumer does between batches: closes the ledger up to the low watermark, forgets, trims. Everything may be done by several at once. */
export class Housekeeping {
  readonly #options: HousekeepingOptions
  #dueMs = Number.NEGATIVE_INFINITY
  #trimDueMs = Number.NEGATIVE_INFINITY
  #pruneDueMs = Number.NEGATIVE_INFINITY
  #sayTrimmedMs = Number.NEGATIVE_INFINITY
  #trimmed = 0
  /** Redis epoch and low watermark that are closed to the end. */
  #closed = ''

  constructor(options: HousekeepingOptions) {
    this.#options = options
  }

  /** Throws StoreUnavailable and LedgerUnavailable. */
  async whenDue(signal: AbortSignal): Promise<void> {
    if (performance.now() < this.#dueMs) return
    this.#dueMs = performance.now() + EVERY_MS
    const state = await this.#options.consumerGroup.state()
    await this.#close(state, signal)
    await this.#tellClosed(state, signal)
    if (this.#options.trim) await this.#trim(state, signal)
  }

  /** Before the end: what was settled last is closed by this consumer, and not by the next. */
  async last(): Promise<void> {
    await this.#close(await this.#options.consumerGroup.state(), new AbortController().signal)
  }

  async #close({ redisEpoch, groups: [group] }: TrafficState, signal: AbortSignal): Promise<void> {
    const lowWatermark = group && lowWatermarkOfGroup(group)
    const { ledger, observer } = this.#options
    if (lowWatermark === undefined) return
    if (this.#closed !== `${redisEpoch} ${lowWatermark}`) {
      let isMoreLeft = true
      for (let step = 0; isMoreLeft && step < STEPS_AT_ONCE && !signal.aborted; step++) {
        const outcome = await ledger.closeUpTo(redisEpoch, lowWatermark, CLOSE_LIMIT)
        observer.recovered?.(outcome)
        isMoreLeft = outcome.isMoreLeft
      }
      if (!isMoreLeft) this.#closed = `${redisEpoch} ${lowWatermark}`
    }
    if (performance.now() < this.#pruneDueMs || signal.aborted) return
    this.#pruneDueMs = performance.now() + PRUNE_EVERY_MS
    await ledger.prune(lowWatermark)
    await this.#options.consumerGroup.leave(false)
  }

  async #tellClosed({ groups: [group] }: TrafficState, signal: AbortSignal): Promise<void> {
    const lowWatermark = group && lowWatermarkOfGroup(group)
    if (lowWatermark === undefined || signal.aborted) return
    await this.#options.onClosed?.(Math.floor(parseStreamId(lowWatermark).ms / 1000))
  }

  async #trim({ usedMemoryBytes, maxMemoryBytes }: TrafficState, signal: AbortSignal): Promise<void> {
    const isNearlyFull = maxMemoryBytes > 0 && usedMemoryBytes > NEARLY_FULL * maxMemoryBytes
    if (performance.now() < this.#trimDueMs && !isNearlyFull) return
    const { redis, keys, keepMs } = this.#options
    const args = { keepMs: String(isNearlyFull ? 0 : keepMs), limit: String(TRIM_LIMIT), isDry: '0' }
    let isMoreLeft = true
    for (let step = 0; isMoreLeft && step < STEPS_AT_ONCE && !signal.aborted; step++) {
      const outcome = await trafficTrimScript(redis, { traffic: keys.traffic }, args)
      this.#trimmed += outcome.dropped
      isMoreLeft = outcome.isMoreLeft
    }
    if (!isMoreLeft) this.#trimDueMs = performance.now() + TRIM_EVERY_MS
    if (this.#trimmed === 0 || performance.now() < this.#sayTrimmedMs) return
    this.#sayTrimmedMs = performance.now() + SAY_TRIMMED_EVERY_MS
    this.#options.log.info({ entries: this.#trimmed }, 'trimmed finished entries from the traffic stream')
    this.#trimmed = 0
  }
}
