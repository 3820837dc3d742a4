import type { TrafficEntry } from '../../contract/trafficEvent.ts'

/** What one batch did, once it is committed. Bytes as bigint. */
export interface SettleOutcome {
  /** Entries that were new. */
  readonly settled: number
  /** Entries that had been settled before, known by their IDs; they changed nothing. */
  readonly duplicates: number
  /** Of those that were new: older than what the ledger remembers. They are credited nothing, and noted as dead letters. */
  readonly forgotten: number
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  /** Claimed by these entries but covered before (a rollback of Redis, a replay): credited once, not again. */
  readonly overlapUploadedBytes: bigint
  readonly overlapDownloadedBytes: bigint
  /** Sessions in which a hole opened between what was covered and what an entry claims. */
  readonly gaps: number
  /** How often the whole transaction was retried, for a deadlock or two consumers at one row. */
  readonly retries: number
}

/** What closing sessions up to a low watermark did: bytes that Redis lost and the client moved. */
export interface RecoverOutcome {
  readonly sessions: number
  readonly uploadedBytes: bigint
  readonly downloadedBytes: bigint
  /** More is left to close below the same low watermark: call again. */
  readonly isMoreLeft: boolean
}

/** Why an entry will not be credited. Written to the ledger so that staff can explain it, and to the dead letters. */
export interface DeadLetter {
  readonly id: string
  readonly reason: string
  readonly attempts: number
  /** As they stood in the stream; undefined when the entry was gone before it was read. */
  readonly fields: Readonly<Record<string, string>> | undefined
  /** How many entries this stands for: 1, or what a trim took away between two IDs; 0 where nobody can tell. */
  readonly entries: number
  /** Of a loss: time of the first entry after it, Unix seconds, if there is one. */
  readonly nextSeconds?: number | undefined
}

/**
 * The site's context: who moved how much, each byte once. One ledger is one SQL database (SQLite, PostgreSQL, MySQL or
 * MariaDB); any number of consumers write to it at once.
 *
 * `redisEpoch` names one life of one Redis (run id and replication id), so that equal IDs of another timeline do not collide.
 * Every method that writes is one transaction, and retries it whole on deadlock. All throw LedgerUnavailable when the
 * database does not answer; nothing was written then.
 */
export interface SettlementLedger {
  /**
   * Settles up to 4,000 entries, in any order, also again: an entry credits what of its claim is not covered yet.
   * Throws EntryNotSettled, naming the entry, when one entry is refused by the database; nothing was written then.
   */
  settle(redisEpoch: string, entries: readonly TrafficEntry[]): Promise<SettleOutcome>
  /** The highest ID up to which this Redis epoch is settled whole; undefined for a Redis epoch not seen before. */
  lowWatermarkOf(redisEpoch: string): Promise<string | undefined>
  /**
   * Everything in the stream up to `lowWatermark` is settled or dead: nothing older can come. Sets the low watermark, credits holes and
   * steps as recovered in up to `limit` sessions, and forgets settled IDs behind it.
   */
  closeUpTo(redisEpoch: string, lowWatermark: string, limit?: number): Promise<RecoverOutcome>
  /**
   * Forgets sessions, settled IDs, journal lines and windows older than they are to be kept. Age is reckoned from the time of the low
   * watermark, so that a consumer that is behind forgets nothing early, or from the clock where the low watermark is ahead of it.
   */
  prune(lowWatermark: string): Promise<void>
  /** Notes entries that will not be credited; noting the same ID again changes nothing. */
  noteDeadLetters(redisEpoch: string, letters: readonly DeadLetter[]): Promise<void>
  close(): Promise<void>
}
