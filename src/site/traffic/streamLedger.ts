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
  const ofStream = (redisEpoch: string) => `${redisEpoch}:${suffix}`
  return {
    settle: (redisEpoch, entries) => ledger.settle(ofStream(redisEpoch), entries),
    lowWatermarkOf: (redisEpoch) => ledger.lowWatermarkOf(ofStream(redisEpoch)),
    closeUpTo: (redisEpoch, lowWatermark, limit) =>
      ledger.closeUpTo(ofStream(redisEpoch), lowWatermark, limit),
    prune: (lowWatermark) => ledger.prune(lowWatermark),
    noteDeadLetters: (redisEpoch, deadLetters) => ledger.noteDeadLetters(ofStream(redisEpoch), deadLetters),
    close: () => ledger.close(),
  }
}
