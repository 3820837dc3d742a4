import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { type Ledger, type LedgerOptions, openLedger } from '../../../src/site/ledger/ledger.ts'
import { asBigint } from '../../../src/site/ledger/sql/tables.ts'
import { temporaryFolder } from '../programs/trackerProcesses.ts'
import { SQL_SERVERS, type SqlServer, startSqlServer, stopSqlServers } from './sqlServers.ts'

export type DatabaseKind = 'sqlite' | (typeof SQL_SERVERS)[number]

export interface TestDatabases {
  readonly kind: DatabaseKind
  /** URL of an empty database. */
  newUrl(): Promise<string>
  /** A ledger in a database of its own, or at a URL. */
  open(options?: LedgerOptions & { readonly url?: string }): Promise<Ledger>
  /** Not with SQLite, which has none. */
  server(): SqlServer
}

const START_WITHIN_MS = 120_000

/** The same tests on SQLite, PostgreSQL and MariaDB, real ones that the file starts for itself. */
export function onEachDatabase(title: string, body: (databases: TestDatabases) => void): void {
  describe.each(['sqlite', ...SQL_SERVERS] as const)(`${title}, on %s`, (kind) => {
    let started: SqlServer | undefined
    const ledgers: Ledger[] = []
    let files = 0
    const server = () => {
      if (started === undefined) throw new Error(`${kind} has no server`)
      return started
    }
    const newUrl = async () =>
      kind === 'sqlite' ? `sqlite://${join(temporaryFolder(), `books${++files}.db`)}` : server().newDatabase()
    beforeAll(async () => {
      if (kind !== 'sqlite') started = await startSqlServer(kind)
    }, START_WITHIN_MS)
    afterAll(async () => {
      await Promise.allSettled(ledgers.map((ledger) => ledger.close()))
      await stopSqlServers()
    })
    body({
      kind,
      newUrl,
      server,
      open: async ({ url, ...options } = {}) => {
        const ledger = await openLedger(url ?? (await newUrl()), options)
        ledgers.push(ledger)
        return ledger
      },
    })
  })
}

/** Rows of a table with whole numbers as bigint, whatever the driver makes of them, in the order of all columns. */
export async function rowsOf(ledger: Ledger, table: string): Promise<Record<string, unknown>[]> {
  const rows = await ledger.database.db
    .selectFrom(table as 'pt_users')
    .selectAll()
    .execute()
  return rows.map(plainRow).sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
}

const TEXT_COLUMNS =
  /^(passkey|infohash|peer_id|hold|name|value|covered|reason|fields|event|kind|ip4|ip6|agent)$/

function plainRow(row: Record<string, unknown>): Record<string, unknown> {
  const cell = (name: string, value: unknown) =>
    value === null || TEXT_COLUMNS.test(name) ? value : asBigint(value as string)
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cell(name, value)]))
}

function textOf(row: Record<string, unknown>): string {
  return Object.values(row).join(' ')
}
