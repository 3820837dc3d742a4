import type { Redis } from 'ioredis'
import { MalformedEvent, parseTrafficEvent } from '../../contract/parseTrafficEvent.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { SettlementLedger } from '../ledger/types.ts'
import { queueKey, type StoredLetter } from './deadLetters.ts'
import { settleEntries } from './settleEntries.ts'
import { ledgerOfStream } from './streamLedger.ts'
import type { TrafficKeys } from './trafficKeys.ts'

export interface ReplayOutcome {
  /** Settled now, or found settled before; they are dead letters no more. */
  readonly replayed: number
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  /** Still not settled, and why; by letter ID. They stay where they are. */
  readonly refused: ReadonlyMap<string, string>
}

const LOST = 'the entry was gone before it was read, there is nothing to settle'

/**
 * Settles dead letters under the IDs their entries had, then removes them. Killed in between, the next replay finds them
 * settled: the ledger credits once. Throws StoreUnavailable and LedgerUnavailable; what is done stays done.
 */
export async function replayLetters(
  {
    redis,
    keys,
    ledger,
  }: { readonly redis: Redis; readonly keys: TrafficKeys; readonly ledger: SettlementLedger },
  letters: readonly StoredLetter[],
): Promise<ReplayOutcome> {
  const ofStream = ledgerOfStream(ledger, redis, keys.traffic)
  const refused = new Map<string, string>()
  let replayed = 0
  let uploadedBytes = 0n
  let downloadedBytes = 0n
  for (const [history, ofHistory] of Map.groupBy(letters, (letter) => letter.history)) {
    const { entries, byEntry, malformed } = parseLetters(ofHistory)
    for (const [letterId, reason] of malformed) refused.set(letterId, reason)
    const refusedEntries = await settleEntries(entries, {
      ledger: ofStream,
      history,
      waitForLedger: (error) => Promise.reject(error),
      onSettled: (outcome) => {
        uploadedBytes += outcome.uploadedBytes
        downloadedBytes += outcome.downloadedBytes
      },
    })
    const settled: StoredLetter[] = []
    for (const [id, sameEntry] of byEntry) {
      const reason = refusedEntries.get(id)
      if (reason === undefined) settled.push(...sameEntry)
      else for (const { letterId } of sameEntry) refused.set(letterId, reason)
    }
    await removeLetters(redis, keys, settled)
    replayed += settled.length
  }
  return { replayed, uploadedBytes, downloadedBytes, refused }
}

function parseLetters(letters: readonly StoredLetter[]) {
  const entries: TrafficEntry[] = []
  const byEntry = new Map<string, StoredLetter[]>()
  /** Reasons by letter ID. */
  const malformed = new Map<string, string>()
  for (const letter of letters) {
    try {
      if (letter.fields === undefined) throw new MalformedEvent(LOST)
      entries.push({ id: letter.id, event: parseTrafficEvent(letter.fields) })
      byEntry.set(letter.id, [...(byEntry.get(letter.id) ?? []), letter])
    } catch (error) {
      if (!(error instanceof MalformedEvent)) throw error
      malformed.set(letter.letterId, error.message)
    }
  }
  return { entries, byEntry, malformed }
}

/** @returns how many there were */
export async function removeLetters(
  redis: Redis,
  keys: TrafficKeys,
  letters: readonly StoredLetter[],
): Promise<number> {
  let removed = 0
  for (const [queue, ofQueue] of Map.groupBy(letters, (letter) => letter.queue)) {
    const ids = ofQueue.map(({ letterId }) => letterId)
    removed += await redis.xdel(queueKey(keys, queue), ...ids).catch((cause: unknown) => {
      throw new StoreUnavailable('removing dead letters', { cause })
    })
  }
  return removed
}
