import type { RecoverOutcome, SettleOutcome } from '../ledger/types.ts'
import type { Queue } from './consumerGroup.ts'

/** What a consumer tells whoever counts. Never throws. */
export interface ConsumerObserver {
  /** One transaction. */
  settled?(outcome: SettleOutcome, seconds: number): void
  recovered?(outcome: RecoverOutcome): void
  /** Entries that left the stream before they were read. */
  lost?(entries: number): void
  deadLettered?(queue: Queue): void
  retried?(cause: 'redis' | 'database'): void
}
