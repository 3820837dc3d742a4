import { MalformedEvent, parseTrafficEvent } from '../../contract/parseTrafficEvent.ts'
import { parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import type { SettleOutcome } from '../ledger/types.ts'
import type { ConsumerGroup, Queue } from './consumerGroup.ts'
import type { FilledOptions } from './consumerOptions.ts'
import type { DeadLetterWriter, WaitForLedger } from './deadLetterWriter.ts'
import { settleEntries } from './settleEntries.ts'
import type { DeliveredEntry } from './trafficScripts.ts'

const SAY_AGAIN_MS = 60_000

export interface EntryProcessorOptions
  extends Pick<FilledOptions, 'ledger' | 'maxAttempts' | 'claimIdleMs' | 'log'> {
  readonly group: ConsumerGroup
  readonly deadLetters: DeadLetterWriter
  readonly waitForLedger: WaitForLedger
  readonly onSettled: (outcome: SettleOutcome, seconds: number) => void
}

/** What becomes of entries that this consumer was given: settled and acknowledged, parked, or left pending for another attempt. */
export class EntryProcessor {
  readonly #options: EntryProcessorOptions
  readonly #quiet = createQuietLog(SAY_AGAIN_MS)

  constructor(options: EntryProcessorOptions) {
    this.#options = options
  }

  /** Throws StoreUnavailable, LedgerUnavailable when `waitForLedger` gives up, and what is a fault of ours. */
  async process(redisEpoch: string, delivered: readonly DeliveredEntry[]): Promise<void> {
    if (delivered.length === 0) return
    const { group, claimIdleMs } = this.#options
    const ids = delivered.map(({ id }) => id)
    // Another consumer may only take what this one does not work on any more, however long the database takes.
    // Should Redis not answer, the acknowledgement will find out.
    const alive = setInterval(() => void group.touch(ids).catch(() => undefined), claimIdleMs / 3)
    try {
      await this.#process(redisEpoch, delivered)
    } finally {
      clearInterval(alive)
    }
  }

  async #process(redisEpoch: string, delivered: readonly DeliveredEntry[]): Promise<void> {
    const { ledger, group, deadLetters, maxAttempts, waitForLedger, onSettled, log } = this.#options
    const { entries, gone, parked } = this.#sort(delivered)
    for (const entry of gone) await deadLetters.noteGone(redisEpoch, entry, waitForLedger)
    const refused = await settleEntries(entries, { ledger, redisEpoch, waitForLedger, onSettled })
    const settled = entries.filter(({ id }) => !refused.has(id))
    await group.ack(
      redisEpoch,
      settled.map(({ id }) => id),
    )
    for (const entry of delivered) {
      const reason = refused.get(entry.id)
      if (reason === undefined) continue
      if (entry.deliveries >= maxAttempts) parked.push(['failed', entry, reason])
      else {
        const fields = { id: entry.id, attempt: entry.deliveries, reason }
        this.#quiet.report('refused', (repeated) =>
          log.warn({ ...fields, repeated }, 'an entry is not settled; it is tried again later'),
        )
      }
    }
    for (const [queue, entry, reason] of parked)
      await deadLetters.park(queue, redisEpoch, { ...entry, reason }, waitForLedger)
  }

  #sort(delivered: readonly DeliveredEntry[]) {
    const { maxAttempts } = this.#options
    const entries: TrafficEntry[] = []
    const gone: DeliveredEntry[] = []
    const parked: [Queue, DeliveredEntry, string][] = []
    for (const entry of delivered) {
      if (entry.fields === undefined) gone.push(entry)
      else if (entry.deliveries > maxAttempts) parked.push(['failed', entry, diedOf(entry.deliveries - 1)])
      else {
        try {
          parseStreamId(entry.id)
          entries.push({ id: entry.id, event: parseTrafficEvent(entry.fields) })
        } catch (error) {
          if (!(error instanceof MalformedEvent || error instanceof RangeError)) throw error
          parked.push(['dlq', entry, error.message])
        }
      }
    }
    return { entries, gone, parked }
  }
}

function diedOf(times: number): string {
  return `given to a consumer ${times} times, and each time it ended before the entry was settled`
}
