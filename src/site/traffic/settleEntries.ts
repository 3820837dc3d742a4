import { maskPasskey } from '../../bittorrent/passkey.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { EntryNotSettled, LedgerUnavailable, rootMessage } from '../../runtime/errors.ts'
import type { SettlementLedger, SettleOutcome } from '../ledger/types.ts'

export interface SettleDependencies {
  readonly ledger: SettlementLedger
  readonly redisEpoch: string
  /** The database did not answer. Resolves when it is time to try again; rejects to give the batch up. */
  readonly waitForLedger: (error: LedgerUnavailable) => Promise<void>
  /** After each transaction. */
  readonly onSettled: (outcome: SettleOutcome, seconds: number) => void
}

/** So many entries, each refused alone for an unknown reason while none is settled, are not to blame themselves. */
const NOT_THEIR_FAULT = 16

/** Why the database refuses an entry, by ID. */
export type Refused = ReadonlyMap<string, string>

/**
 * Settles all that can be settled: one transaction when nothing is wrong; an entry that the database refuses is left out,
 * and one that makes the whole batch fail without being named is found by halving. When that holds for all, the fault is
 * ours or the database's: it is thrown, and no entry pays for it.
 */
export async function settleEntries(
  entries: readonly TrafficEntry[],
  dependencies: SettleDependencies,
): Promise<Refused> {
  const { ledger, redisEpoch, waitForLedger, onSettled } = dependencies
  const refused = new Map<string, string>()
  let settled = 0
  const refuse = (entry: TrafficEntry, error: unknown) => {
    const reason = reasonOf(error, entry)
    refused.set(entry.id, reason)
    return reason
  }
  const refuseAlone = (entry: TrafficEntry, error: unknown) => {
    const reason = refuse(entry, error)
    if (settled === 0 && refused.size >= NOT_THEIR_FAULT) throw new Error(reason)
  }
  const settle = async (batch: readonly TrafficEntry[]): Promise<void> => {
    let rest = batch
    while (rest.length > 0) {
      const beganMs = performance.now()
      try {
        const outcome = await ledger.settle(redisEpoch, rest)
        settled += rest.length
        onSettled(outcome, (performance.now() - beganMs) / 1000)
        return
      } catch (error) {
        if (error instanceof LedgerUnavailable) {
          await waitForLedger(error)
          continue
        }
        const culprit = culpritOf(error, rest)
        if (culprit) {
          refuse(culprit, error)
          rest = rest.filter((entry) => entry !== culprit)
          continue
        }
        if (rest.length === 1) return refuseAlone(rest[0]!, error)
        const middle = rest.length >> 1
        await settle(rest.slice(0, middle))
        rest = rest.slice(middle)
      }
    }
  }
  await settle(entries)
  return refused
}

/** The entry of the batch that the error names. */
const culpritOf = (error: unknown, batch: readonly TrafficEntry[]) =>
  error instanceof EntryNotSettled ? batch.find(({ id }) => id === error.id) : undefined

/** Databases like to repeat the row that they refuse, and the reason is logged. */
function reasonOf(error: unknown, { event: { passkey } }: TrafficEntry): string {
  return `the database refuses it: ${rootMessage(error)}`.replaceAll(passkey, maskPasskey(passkey))
}
