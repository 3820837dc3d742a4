import { maskPasskey } from '../../bittorrent/passkey.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { EntryNotSettled, LedgerUnavailable, rootMessage } from '../../runtime/errors.ts'
import type { SettlementLedger, SettleOutcome } from '../ledger/types.ts'

export interface SettleSurroundings {
  readonly ledger: SettlementLedger
  readonly history: string
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
export async function settleBatch(
  entries: readonly TrafficEntry[],
  surroundings: SettleSurroundings,
): Promise<Refused> {
  const { ledger, history, waitForLedger, onSettled } = surroundings
  const refused = new Map<string, string>()
  let settled = 0
  const settle = async (batch: readonly TrafficEntry[]): Promise<void> => {
    let rest = batch
    while (rest.length > 0) {
      const beganMs = performance.now()
      try {
        const outcome = await ledger.settle(history, rest)
        settled += rest.length
        onSettled(outcome, (performance.now() - beganMs) / 1000)
        return
      } catch (error) {
        if (error instanceof LedgerUnavailable) {
          await waitForLedger(error)
          continue
        }
        const culprit = error instanceof EntryNotSettled ? error.id : undefined
        if (culprit !== undefined && rest.some(({ id }) => id === culprit)) {
          refused.set(culprit, reasonOf(error, rest.find(({ id }) => id === culprit)!))
          rest = rest.filter(({ id }) => id !== culprit)
          continue
        }
        if (rest.length === 1) {
          const reason = reasonOf(error, rest[0]!)
          refused.set(rest[0]!.id, reason)
          if (settled === 0 && refused.size >= NOT_THEIR_FAULT) throw new Error(reason)
          return
        }
        const middle = rest.length >> 1
        await settle(rest.slice(0, middle))
        rest = rest.slice(middle)
      }
    }
  }
  await settle(entries)
  return refused
}

/** Databases like to repeat the row that they refuse, and the reason is logged. */
function reasonOf(error: unknown, { event: { passkey } }: TrafficEntry): string {
  return `the database refuses it: ${rootMessage(error)}`.replaceAll(passkey, maskPasskey(passkey))
}
