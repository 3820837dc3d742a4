import { parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { EntryNotSettled } from '../../runtime/errors.ts'
import { historyNumber, streamIdText } from './accounting/entryIds.ts'
import { type Books, type BooksOptions, booksOf } from './books.ts'
import { closeIn } from './close.ts'
import { noteIn } from './deadLetters.ts'
import { type JournalLine, type JournalQuery, readJournal } from './explain.ts'
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
  highestFloor,
  journalRange,
  type Recomputation,
  type RecomputeRequest,
  recompute,
  type WindowRange,
} from './recompute.ts'
import { keepRules } from './rules.ts'
import { settleIn } from './settle.ts'
import { type Database, type DatabaseOptions, openDatabase } from './sql/dialect.ts'
import { databaseFault, faultOf, withoutData } from './sql/faults.ts'
import { migrate } from './sql/migrations.ts'
import { asNumber } from './sql/tables.ts'
import { type Committed, Tx, transact } from './sql/transaction.ts'
import type { DeadLetter, RecoverOutcome, SettlementLedger, SettleOutcome } from './types.ts'

/** How the books are kept, and how the database is reached. */
export interface LedgerOptions extends BooksOptions, DatabaseOptions {
  /** Unix seconds; the clock's unless told. Nothing is forgotten before its time by this, whatever the IDs of entries say. */
  readonly now?: (() => number) | undefined
}

const MAX_ENTRIES = 4_000
const SESSIONS_PER_CLOSE = 1_000

/** The site's books in one SQL database. What its methods promise stands at SettlementLedger. */
export class Ledger implements SettlementLedger {
  readonly database: Database
  readonly #books: Books
  readonly #now: () => number

  private constructor(database: Database, books: Books, now: () => number) {
    this.database = database
    this.#books = books
    this.#now = now
  }

  /**
   * Opens the books and brings their tables up to date. Rules that are not given are those they were last kept by. Throws
   * Error with one line for a URL that names no database and a missing driver, LedgerUnavailable when the database does not
   * answer.
   */
  static async open(url: string, options: LedgerOptions = {}): Promise<Ledger> {
    const database = await openDatabase(url, options)
    try {
      await migrate(database)
      const { now = () => Math.floor(Date.now() / 1000) } = options
      return new Ledger(database, booksOf(database.dialect, await keepRules(database, options)), now)
    } catch (error) {
      await database.db.destroy().catch(() => {}) // what is wrong with it has been said
      throw error
    }
  }

  /** Length of a window. */
  get windowSeconds(): number {
    return this.#books.windowSeconds
  }

  async settle(history: string, entries: readonly TrafficEntry[]): Promise<SettleOutcome> {
    if (entries.length > MAX_ENTRIES) throw new RangeError(`more than ${MAX_ENTRIES} entries in one batch`)
    try {
      const { result, retries } = await this.#transact((tx) => settleIn(tx, this.#books, history, entries))
      return { ...result, retries }
    } catch (error) {
      if (faultOf(error) !== 'refused') throw error
      throw new EntryNotSettled(await this.#refusedAmong(history, entries), { cause: withoutData(error) })
    }
  }

  async floorOf(history: string): Promise<string | undefined> {
    const [row] = await this.#read((tx) => tx.rows(this.#books.reads.history, historyNumber(history)))
    if (row?.floor_ms == null) return undefined
    return streamIdText({ ms: asNumber(row.floor_ms), seq: asNumber(row.floor_seq) })
  }

  async closeUpTo(history: string, floor: string, limit = SESSIONS_PER_CLOSE): Promise<RecoverOutcome> {
    const closing = {
      history: { number: historyNumber(history), name: history },
      floor: parseStreamId(floor),
      limit,
      nowSeconds: this.#now(),
    }
    return (await this.#transact((tx) => closeIn(tx, this.#books, closing))).result
  }

  async prune(floor: string): Promise<void> {
    const fromMs = agesFromMs(parseStreamId(floor).ms, this.#now())
    await pruneIn((work) => this.#transact(work), this.#books, fromMs)
  }

  async noteDeadLetters(history: string, letters: readonly DeadLetter[]): Promise<void> {
    await this.#transact((tx) =>
      noteIn(tx, this.#books, { number: historyNumber(history), name: history }, letters),
    )
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
   * where the books differ. Changes nothing in the books. Undefined when there is nothing to compare.
   */
  recompute(request: RecomputeRequest = {}): Promise<Recomputation | undefined> {
    return this.#read(() => recompute(this.database, this.#books, request))
  }

  /** The windows of which the journal has every entry; undefined while it is empty. */
  journalRange(): Promise<WindowRange | undefined> {
    return this.#read(() => journalRange(this.database, this.windowSeconds))
  }

  /** Up to where every entry is settled, whichever life of Redis it was in; undefined before that is known. */
  async settledUpTo(): Promise<string | undefined> {
    const floor = await this.#read(() => highestFloor(this.database))
    return floor && streamIdText(floor)
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
  async #refusedAmong(history: string, entries: readonly TrafficEntry[]): Promise<string> {
    if (entries.length === 1) return entries[0]!.id
    const half = entries.slice(0, Math.ceil(entries.length / 2))
    const isInHalf = await this.#isRefused(history, half)
    return this.#refusedAmong(history, isInHalf ? half : entries.slice(half.length))
  }

  async #isRefused(history: string, entries: readonly TrafficEntry[]): Promise<boolean> {
    try {
      await this.#transact(async (tx) => {
        await settleIn(tx, this.#books, history, entries)
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
