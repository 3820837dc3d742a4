import { parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { EntryNotSettled } from '../../runtime/errors.ts'
import { streamIdText } from './accounting/entryIds.ts'
import { closeIn } from './close.ts'
import { noteIn } from './deadLetters.ts'
import { type JournalLine, type JournalQuery, readJournal } from './explain.ts'
import { contextOf, type LedgerContext } from './ledgerContext.ts'
import { agesFromMs, pruneIn } from './prune.ts'
import {
  readUser,
  readUserTorrent,
  readUserTorrents,
  readWindows,
  type TorrentPage,
  type UserTorrent,
  type UserTotals,
  type WindowQuery,
  type WindowTotals,
} from './reading.ts'
import {
  highestLowWatermark,
  journalRange,
  type Recomputation,
  type RecomputeRequest,
  recompute,
  type WindowRange,
} from './recompute.ts'
import { lowWatermarkIn, redisEpochOf } from './redisEpochs.ts'
import { keepRules, type LedgerRules } from './rules.ts'
import { settleIn } from './settle.ts'
import type { Database, DatabaseOptions } from './sql/dialect.ts'
import { databaseFault, faultOf, withoutData } from './sql/faults.ts'
import { migrate } from './sql/migrations.ts'
import { openDatabase } from './sql/openDatabase.ts'
import { type Committed, Tx, transact } from './sql/transaction.ts'
import type { DeadLetter, RecoverOutcome, SettlementLedger, SettleOutcome } from './types.ts'

/** How the ledger is kept, and how the database is reached. */
export interface LedgerOptions extends LedgerRules, DatabaseOptions {
  /** Unix seconds. Default: the clock's. Nothing is forgotten before its time by this, whatever the IDs of entries say. */
  readonly now?: (() => number) | undefined
}

const MAX_ENTRIES = 4_000
const SESSIONS_PER_CLOSE = 1_000

/**
 * Opens a ledger and brings its tables up to date. Rules that are not given are the ones that the ledger was last kept by.
 * Throws Error with one line for a URL that names no database and a missing driver, LedgerUnavailable when the database
 * does not answer.
 */
export async function openLedger(url: string, options: LedgerOptions = {}): Promise<Ledger> {
  const database = await openDatabase(url, options)
  try {
    await migrate(database)
    const { now = () => Math.floor(Date.now() / 1000) } = options
    return new Ledger(database, contextOf(database.dialect, await keepRules(database, options)), now)
  } catch (error) {
    await database.db.destroy().catch(() => {}) // the first error is the one to report
    throw error
  }
}

/** The site's ledger in one SQL database. SettlementLedger documents the methods it declares. */
export class Ledger implements SettlementLedger {
  readonly database: Database
  readonly #context: LedgerContext
  readonly #now: () => number

  /** Use openLedger. */
  constructor(database: Database, context: LedgerContext, now: () => number) {
    this.database = database
    this.#context = context
    this.#now = now
  }

  /** Length of a window. */
  get windowSeconds(): number {
    return this.#context.windowSeconds
  }

  async settle(redisEpoch: string, entries: readonly TrafficEntry[]): Promise<SettleOutcome> {
    if (entries.length > MAX_ENTRIES) throw new RangeError(`more than ${MAX_ENTRIES} entries in one batch`)
    try {
      const { result, retries } = await this.#transact((tx) =>
        settleIn(tx, this.#context, redisEpoch, entries, this.#now()),
      )
      return { ...result, retries }
    } catch (error) {
      if (faultOf(error) !== 'refused') throw error
      throw new EntryNotSettled(await this.#refusedAmong(redisEpoch, entries), { cause: withoutData(error) })
    }
  }

  async lowWatermarkOf(redisEpoch: string): Promise<string | undefined> {
    const { number } = redisEpochOf(redisEpoch)
    const [row] = await this.#read((tx) => tx.rows(this.#context.reads.redisEpoch, number))
    const lowWatermark = lowWatermarkIn(row)
    return lowWatermark && streamIdText(lowWatermark)
  }

  async closeUpTo(
    redisEpoch: string,
    lowWatermark: string,
    limit = SESSIONS_PER_CLOSE,
  ): Promise<RecoverOutcome> {
    const closing = {
      redisEpoch: redisEpochOf(redisEpoch),
      lowWatermark: parseStreamId(lowWatermark),
      limit,
      nowSeconds: this.#now(),
    }
    return (await this.#transact((tx) => closeIn(tx, this.#context, closing))).result
  }

  async prune(lowWatermark: string): Promise<void> {
    const fromMs = agesFromMs(parseStreamId(lowWatermark).ms, this.#now())
    await pruneIn((work) => this.#transact(work), this.#context, fromMs)
  }

  async noteDeadLetters(redisEpoch: string, deadLetters: readonly DeadLetter[]): Promise<void> {
    await this.#transact((tx) => noteIn(tx, this.#context, redisEpochOf(redisEpoch), deadLetters))
  }

  /** @returns undefined for a user of whom no announce was settled */
  userTotals(passkey: string): Promise<UserTotals | undefined> {
    return this.#read(({ db }) => readUser(db, passkey))
  }

  /** Up to `limit` (1,000) torrents of a user in the order of their infohashes, those after `after`. */
  userTorrents(passkey: string, page?: TorrentPage): Promise<UserTorrent[]> {
    return this.#read(({ db }) => readUserTorrents(db, passkey, page))
  }

  /** One torrent of a user; undefined when no announce of it was settled. */
  userTorrent(passkey: string, infohash: string): Promise<UserTorrent | undefined> {
    return this.#read(({ db }) => readUserTorrent(db, passkey, infohash))
  }

  /** A user's windows with their rates, the newest first. Windows in which nothing was moved do not exist. */
  windows(passkey: string, query?: WindowQuery): Promise<WindowTotals[]> {
    return this.#read(({ db }) => readWindows(db, passkey, query))
  }

  /** What was credited to a user and why, as far back as the journal is kept. */
  async *explain(passkey: string, query?: JournalQuery): AsyncGenerator<JournalLine> {
    try {
      yield* readJournal(this.database.db, passkey, query)
    } catch (error) {
      throw databaseFault(error)
    }
  }

  /**
   * Computes what users moved anew, from entries of the stream or from the journal, in tables named `pt_shadow_…`, and says
   * where the ledger differs. Changes nothing in the ledger. Undefined when there is nothing to compare.
   */
  recompute(request: RecomputeRequest = {}): Promise<Recomputation | undefined> {
    return this.#read(() => recompute(this.database, this.#context, request))
  }

  /** The windows of which the journal has every entry; undefined while it is empty. */
  journalRange(): Promise<WindowRange | undefined> {
    return this.#read(() => journalRange(this.database, this.windowSeconds))
  }

  /** Up to where every entry is settled, whichever life of Redis it was in; undefined before that is known. */
  async settledUpTo(): Promise<string | undefined> {
    const lowWatermark = await this.#read(() => highestLowWatermark(this.database))
    return lowWatermark && streamIdText(lowWatermark)
  }

  async close(): Promise<void> {
    await this.database.db.destroy()
  }

  #transact<Result>(work: (tx: Tx) => Promise<Result>): Promise<Committed<Result>> {
    return transact(this.database, work)
  }

  async #read<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    try {
      return await work(new Tx(this.database.db, this.database.dialect))
    } catch (error) {
      throw databaseFault(error)
    }
  }

  /** The ID of one entry that the database refuses, found by settling ever smaller parts of the batch and taking that back. */
  async #refusedAmong(redisEpoch: string, entries: readonly TrafficEntry[]): Promise<string> {
    if (entries.length === 1) return entries[0]!.id
    const half = entries.slice(0, Math.ceil(entries.length / 2))
    const isInHalf = await this.#isRefused(redisEpoch, half)
    return this.#refusedAmong(redisEpoch, isInHalf ? half : entries.slice(half.length))
  }

  async #isRefused(redisEpoch: string, entries: readonly TrafficEntry[]): Promise<boolean> {
    try {
      await this.#transact(async (tx) => {
        await settleIn(tx, this.#context, redisEpoch, entries, this.#now())
        throw new TakenBack()
      })
    } catch (error) {
      if (error instanceof TakenBack) return false
      if (faultOf(error) === 'refused') return true
      throw error
    }
    return false
  }
}

/** Ends a transaction that was a test. */
class TakenBack extends Error {}
