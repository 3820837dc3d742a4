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

export const CONSUMER_DEFAULTS = {
  group: 'group-pt',
  batch: 4_000,
  maxAttempts: 5,
  claimIdleMs: 30_000,
  trim: true,
  keepSeconds: 3_600,
} as const

/** Least and most of each option that is a number. */
export const CONSUMER_BOUNDS = {
  batch: [1, 4_000],
  maxAttempts: [1, 1_000],
  claimIdleMs: [1, 86_400_000],
  keepSeconds: [0, 366 * 86_400],
} as const

const NAME = /^[\x21-\x7e]{1,128}$/
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** @throws RangeError for what is out of its bounds, naming it */
export function withDefaults(options: TrafficConsumerOptions) {
  const keepSeconds = options.keepSeconds ?? CONSUMER_DEFAULTS.keepSeconds
  const filled = {
    redis: options.redis,
    ledger: options.ledger,
    traffic: (options.keyPrefix ?? '') + (options.streamKey ?? TRAFFIC_KEY),
    group: options.group ?? CONSUMER_DEFAULTS.group,
    consumer: options.consumer ?? `${hostname().replace(/[^\x21-\x7e]/g, '_')}-${process.pid}`,
    batch: options.batch ?? CONSUMER_DEFAULTS.batch,
    maxAttempts: options.maxAttempts ?? CONSUMER_DEFAULTS.maxAttempts,
    claimIdleMs: options.claimIdleMs ?? CONSUMER_DEFAULTS.claimIdleMs,
    trim: options.trim ?? CONSUMER_DEFAULTS.trim,
    keepMs: keepSeconds * 1000,
    onClosed: options.onClosed,
    log: options.log ?? SILENT,
    observer: options.observer ?? {},
  }
  requireName('group', filled.group)
  requireName('consumer', filled.consumer)
  requireWhole('batch', filled.batch, ...CONSUMER_BOUNDS.batch)
  requireWhole('maxAttempts', filled.maxAttempts, ...CONSUMER_BOUNDS.maxAttempts)
  requireWhole('claimIdleMs', filled.claimIdleMs, ...CONSUMER_BOUNDS.claimIdleMs)
  const [leastKeep, mostKeep] = CONSUMER_BOUNDS.keepSeconds
  requireWhole('keepSeconds', filled.keepMs, leastKeep * 1000, mostKeep * 1000)
  return filled
}

export type FilledOptions = ReturnType<typeof withDefaults>

export const NAME_RULE = '1 to 128 printable ASCII characters without spaces'
/** Whether a group or a consumer may be called so. */
export const isName = (text: string): boolean => NAME.test(text)

function requireName(what: string, name: string): void {
  if (!isName(name)) throw new RangeError(`${what}: ${NAME_RULE}`)
}
