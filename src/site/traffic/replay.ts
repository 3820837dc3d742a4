import type { Redis } from 'ioredis'
import { MalformedEvent, parseTrafficEvent } from '../../contract/parseTrafficEvent.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { SettlementLedger } from '../ledger/types.ts'
import { queueKey, type StoredDeadLetter } from './deadLetters.ts'
import { settleEntries } from './settleEntries.ts'
import { ledgerOfStream } from './streamLedger.ts'
import type { TrafficKeys } from './trafficKeys.ts'

export interface ReplayOutcome {
  /** Settled now, or found settled before; they are dead letters no more. */
  readonly replayed: number
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  /** Still not settled, and why; by dead letter ID. They stay where they are. */
  readonly refused: ReadonlyMap<string, string>
}

const LOST = 'the entry was gone before it was read, there is nothing to settle'

/**
 * Settles dead letters under the IDs their entries had, then removes them. Killed in between, the next replay finds them
 * settled: the ledger credits once. Throws StoreUnavailable and LedgerUnavailable; what is done stays done.
 */
export async function replayDeadLetters(
  {
    redis,
    keys,
    ledger,
  }: { readonly redis: Redis; readonly keys: TrafficKeys; readonly ledger: SettlementLedger },
  deadLetters: readonly StoredDeadLetter[],
): Promise<ReplayOutcome> {
  const ofStream = ledgerOfStream(ledger, redis, keys.traffic)
  const refused = new Map<string, string>()
  let replayed = 0
  let uploadedBytes = 0n
  let downloadedBytes = 0n
  for (const [redisEpoch, ofEpoch] of Map.groupBy(deadLetters, (deadLetter) => deadLetter.redisEpoch)) {
    const { entries, byEntry, malformed } = parseDeadLetters(ofEpoch)
    for (const [deadLetterId, reason] of malformed) refused.set(deadLetterId, reason)
    const refusedEntries = await settleEntries(entries, {
      ledger: ofStream,
      redisEpoch,
      waitForLedger: (error) => Promise.reject(error),
      onSettled: (outcome) => {
        uploadedBytes += outcome.uploadedBytes
        downloadedBytes += outcome.downloadedBytes
      },
    })
    const settled: StoredDeadLetter[] = []
    for (const [id, sameEntry] of byEntry) {
      const reason = refusedEntries.get(id)
      if (reason === undefined) settled.push(...sameEntry)
      else for (const { deadLetterId } of sameEntry) refused.set(deadLetterId, reason)
    }
    await removeDeadLetters(redis, keys, settled)
    replayed += settled.length
  }
  return { replayed, uploadedBytes, downloadedBytes, refused }
}

function parseDeadLetters(deadLetters: readonly StoredDeadLetter[]) {
  const entries: TrafficEntry[] = []
  const byEntry = new Map<string, StoredDeadLetter[]>()
  /** Reasons by dead letter ID. */
  const malformed = new Map<string, string>()
  for (const deadLetter of deadLetters) {
    try {
      if (deadLetter.fields === undefined) throw new MalformedEvent(LOST)
      entries.push({ id: deadLetter.id, event: parseTrafficEvent(deadLetter.fields) })
      byEntry.set(deadLetter.id, [...(byEntry.get(deadLetter.id) ?? []), deadLetter])
    } catch (error) {
      if (!(error instanceof MalformedEvent)) throw error
      malformed.set(deadLetter.deadLetterId, error.message)
    }
  }
  return { entries, byEntry, malformed }
}

/** @returns how many there were */
export async function removeDeadLetters(
  redis: Redis,
  keys: TrafficKeys,
  deadLetters: readonly StoredDeadLetter[],
): Promise<number> {
  let removed = 0
  for (const [queue, ofQueue] of Map.groupBy(deadLetters, (deadLetter) => deadLetter.queue)) {
    const ids = ofQueue.map(({ deadLetterId }) => deadLetterId)
    removed += await redis.xdel(queueKey(keys, queue), ...ids).catch((cause: unknown) => {
      throw new StoreUnavailable('removing dead letters', { cause })
    })
  }
  return removed
}
