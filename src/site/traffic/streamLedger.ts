import type { Redis } from 'ioredis'
import { numberOf } from '../ledger/accounting/entryIds.ts'
import type { SettlementLedger } from '../ledger/types.ts'

/**
 * The ledger as one stream sees it. One Redis may hold several streams that settle into one ledger (a key_prefix for each
 * site, a database for each tracker, a stream_key that was changed). Their IDs come from the same clock, so each has
 * histories of its own: what one has settled up to says nothing about another.
 */
export function ledgerOfStream(ledger: SettlementLedger, redis: Redis, stream: string): SettlementLedger {
  const suffix = numberOf(`${redis.options.db ?? 0} ${stream}`).toString(36) // short: names of streams may be long
  const ofStream = (history: string) => `${history}:${suffix}`
  return {
    settle: (history, entries) => ledger.settle(ofStream(history), entries),
    lowWatermarkOf: (history) => ledger.lowWatermarkOf(ofStream(history)),
    closeUpTo: (history, floor, limit) => ledger.closeUpTo(ofStream(history), floor, limit),
    prune: (floor) => ledger.prune(floor),
    noteDeadLetters: (history, letters) => ledger.noteDeadLetters(ofStream(history), letters),
    close: () => ledger.close(),
  }
}
