import { setTimeout as delay } from 'node:timers/promises'
import { CompiledQuery, type Kysely } from 'kysely'
import { LedgerUnavailable } from '../../../runtime/errors.ts'
import type { Database, SqlDialect } from './dialect.ts'
import { databaseFault, faultOf, withoutData } from './faults.ts'
import type { RowStatement } from './statements.ts'
import type { LedgerTables } from './tables.ts'

export type Row = Readonly<Record<string, bigint | string | number | null>>

const MAX_RETRIES = 10
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 500

/** Runs statements whose text is known beforehand: nothing is built or parsed for a query but its parameters. */
export class Tx {
  readonly db: Kysely<LedgerTables>
  readonly #dialect: SqlDialect

  constructor(db: Kysely<LedgerTables>, dialect: SqlDialect) {
    this.db = db
    this.#dialect = dialect
  }

  async rows(text: string, ...parameters: readonly unknown[]): Promise<readonly Row[]> {
    return (await this.db.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]))).rows
  }

  /** @returns rows changed, as the database counts them */
  async run(text: string, ...parameters: readonly unknown[]): Promise<number> {
    const { numAffectedRows } = await this.db.executeQuery(CompiledQuery.raw(text, [...parameters]))
    return Number(numAffectedRows ?? 0)
  }

  /** A query that takes rows of keys. Without any, it is not sent. */
  async find<Keys>(statement: RowStatement<Keys>, keys: readonly Keys[]): Promise<readonly Row[]> {
    return keys.length === 0 ? [] : this.rows(statement.text, this.#parameter(statement, keys))
  }

  /** A statement that takes rows. Without any, it is not sent. */
  async write<New>(statement: RowStatement<New>, rows: readonly New[]): Promise<void> {
    if (rows.length > 0) await this.run(statement.text, this.#parameter(statement, rows))
  }

  #parameter<New>({ cellsOf }: RowStatement<New>, rows: readonly New[]): unknown {
    return this.#dialect.rowsParameter(rows.map(cellsOf))
  }
}

export interface Committed<Result> {
  readonly result: Result
  /** How often the whole transaction was made again. */
  readonly retries: number
}

/**
 * One transaction, made again from the start while others are in its way (deadlock, a lock not had in time, the same ID
 * written first by someone else). Throws LedgerUnavailable when the database does not answer, or others are in the way
 * too often; what the database refuses for its content comes as the driver's error.
 */
export async function transact<Result>(
  { db, dialect }: Database,
  work: (tx: Tx) => Promise<Result>,
): Promise<Committed<Result>> {
  for (let retries = 0; ; retries++) {
    try {
      return { result: await db.transaction().execute((trx) => work(new Tx(trx, dialect))), retries }
    } catch (error) {
      if (faultOf(error) !== 'again') throw databaseFaultUnlessRefused(error)
      if (retries === MAX_RETRIES) {
        const cause = withoutData(error)
        throw new LedgerUnavailable(`given up after ${retries} retries: ${cause.message}`, { cause })
      }
      await delay(Math.random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** retries))
    }
  }
}

function databaseFaultUnlessRefused(error: unknown): unknown {
  return faultOf(error) === 'refused' ? error : databaseFault(error)
}
