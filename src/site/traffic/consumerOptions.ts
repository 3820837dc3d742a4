import { hostname } from 'node:os'
import { TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import type { RedisTarget } from '../../redis/connection.ts'
import type { Logger } from '../../runtime/logger.ts'
import { requireWhole } from '../../runtime/requireWhole.ts'
import type { SettlementLedger } from '../ledger/types.ts'
import type { ConsumerObserver } from './consumerObserver.ts'

/** Where the stream is, whom it is settled for, and how. */
export interface TrafficConsumerOptions {
  /** `redis://[user:password@]host[:port][/db]`, or the same in parts. The consumer makes a connection of its own. */
  readonly redis: string | RedisTarget
  /** Stays open when the consumer ends. */
  readonly ledger: SettlementLedger
  /** As `key_prefix` of the tracker. */
  readonly keyPrefix?: string | undefined
  /** As `stream_key` of `traffic push`. */
  readonly streamKey?: string | undefined
  /** Of those who share the work; `group-pt` unless told. */
  readonly group?: string | undefined
  /** Of this process among them; host and process id unless told. A name that stays takes its unfinished work up at once. */
  readonly consumer?: string | undefined
  /** Entries a transaction, 1 to 4000, which it is unless told. */
  readonly batch?: number | undefined
  /** Deliveries after which an entry is given up; 5 unless told. */
  readonly maxAttempts?: number | undefined
  /** What another consumer did not finish for so long is taken over; 30 s unless told. */
  readonly claimIdleMs?: number | undefined
  /** Whether entries that every group has finished are dropped; true unless told. */
  readonly trim?: boolean | undefined
  /** Those younger than this stay, unless Redis is nearly full; an hour unless told. */
  readonly keepSeconds?: number | undefined
  /**
   * Called about once a second, between batches, with the time up to which everything is settled or dead (Unix seconds):
   * windows that ended before it are closed. Settling goes on when it resolves; it must not reject.
   */
  readonly onClosed?: ((settledUpTo: number) => Promise<void>) | undefined
  readonly log?: Logger | undefined
  readonly observer?: ConsumerObserver | undefined
}

export const DEFAULT_GROUP = 'group-pt'
export const DEFAULT_MAX_ATTEMPTS = 5
export const DEFAULT_BATCH = 4_000
export const MOST_BATCH = 4_000
export const DEFAULT_CLAIM_IDLE_MS = 30_000
export const DEFAULT_KEEP_SECONDS = 3_600

const NAME = /^[\x21-\x7e]{1,128}$/
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** @throws RangeError for what is out of its bounds, naming it */
export function withDefaults(options: TrafficConsumerOptions) {
  const filled = {
    redis: options.redis,
    ledger: options.ledger,
    traffic: (options.keyPrefix ?? '') + (options.streamKey ?? TRAFFIC_KEY),
    group: options.group ?? DEFAULT_GROUP,
    consumer: options.consumer ?? `${hostname().replace(/[^\x21-\x7e]/g, '_')}-${process.pid}`,
    batch: options.batch ?? DEFAULT_BATCH,
    maxAttempts: options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    claimIdleMs: options.claimIdleMs ?? DEFAULT_CLAIM_IDLE_MS,
    trim: options.trim ?? true,
    keepMs: (options.keepSeconds ?? DEFAULT_KEEP_SECONDS) * 1000,
    onClosed: options.onClosed,
    log: options.log ?? SILENT,
    observer: options.observer ?? {},
  }
  requireName('group', filled.group)
  requireName('consumer', filled.consumer)
  requireWhole('batch', filled.batch, 1, MOST_BATCH)
  requireWhole('maxAttempts', filled.maxAttempts, 1, 1_000)
  requireWhole('claimIdleMs', filled.claimIdleMs, 1, 86_400_000)
  requireWhole('keepSeconds', filled.keepMs, 0, 366 * 86_400_000)
  return filled
}

export type FilledOptions = ReturnType<typeof withDefaults>

/** Whether a group or a consumer may be called so. */
export const isName = (text: string): boolean => NAME.test(text)

function requireName(what: string, name: string): void {
  if (!isName(name)) throw new RangeError(`${what}: 1 to 128 printable ASCII characters without spaces`)
}
