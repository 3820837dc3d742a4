import type { DialectName } from './sql/dialect.ts'
import { type Reads, readsOf } from './sql/readTexts.ts'
import { Statements } from './sql/statements.ts'
import { type Writes, writesOf } from './sql/writes.ts'

/** The rules that the books are kept by. */
export interface BooksOptions {
  /** Length of a window; 600 unless told. Changing it later leaves the windows of before as they are. */
  readonly windowSeconds?: number
  /** Longest time between two announces that counts as seeding or leeching; 5,400 unless told. */
  readonly maxGapSeconds?: number
  /** How long sessions and generations that ended are remembered; 7 days unless told, at least the tracker's accounting_ttl. */
  readonly accountingTtlSeconds?: number
  /** How long windows are kept; 30 days unless told. */
  readonly windowDays?: number
  /** How long the journal is kept, which `traffic explain` reads; 30 days unless told. 0: no journal. */
  readonly journalDays?: number
  /** Credit what Redis lost and the clients moved; true unless told. Else it is only counted. */
  readonly recover?: boolean
}

export const BOOKS_DEFAULTS: Required<BooksOptions> = {
  windowSeconds: 600,
  maxGapSeconds: 5_400,
  accountingTtlSeconds: 7 * 86_400,
  windowDays: 30,
  journalDays: 30,
  recover: true,
}

const DAY_SECONDS = 86_400
const LONGEST_DAYS = 36_500

/** Least and most of each rule that is a number. */
export const BOOKS_BOUNDS = {
  windowSeconds: [60, DAY_SECONDS],
  maxGapSeconds: [60, 7 * DAY_SECONDS],
  accountingTtlSeconds: [3_600, 3_660 * DAY_SECONDS],
  windowDays: [1, LONGEST_DAYS],
  journalDays: [0, LONGEST_DAYS],
} as const satisfies Partial<Record<keyof BooksOptions, readonly [number, number]>>

/** Those rules and the texts of the statements: one set of tables in one dialect. */
export interface Books extends Required<BooksOptions> {
  readonly dialect: DialectName
  readonly writes: Writes
  readonly reads: Reads
}

export function booksOf(dialect: DialectName, options: BooksOptions = {}, prefix = 'pt_'): Books {
  const statements = new Statements(dialect, prefix)
  return { ...BOOKS_DEFAULTS, ...options, dialect, writes: writesOf(statements), reads: readsOf(statements) }
}
