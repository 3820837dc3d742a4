import { readFileSync } from 'node:fs'
import BetterSqlite3 from 'better-sqlite3'
import { sql } from 'kysely'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { Ledger } from '../../../src/site/ledger/ledger.ts'
import { TABLES, type Table } from '../../../src/site/ledger/sql/tables.ts'
import { anInfohash, aPasskey, aPeerId } from '../../support/builders/builders.ts'
import { anEntry, lossOf, T0 } from '../../support/builders/trafficEntries.ts'
import { type DatabaseKind, onEachDatabase } from '../../support/servers/ledgers.ts'

/** Dumps of a ledger that release 0.1.0 has filled, and the totals it read from it. */
const fixture = (name: string) =>
  readFileSync(new URL(`../../fixtures/ledger-0.1.0/${name}`, import.meta.url), 'utf8')

const REDIS_EPOCH = 'redis of 0.1.0'
const NOW_SECONDS = T0 + 86_400

const LOADERS: Readonly<Record<DatabaseKind, (url: string, dump: string) => Promise<void>>> = {
  sqlite: async (url, dump) => {
    new BetterSqlite3(new URL(url).pathname).exec(dump).close()
  },
  postgres: async (url, dump) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(dump).finally(() => client.end())
  },
  mariadb: async (url, dump) => {
    const connection = await createConnection({ uri: url, multipleStatements: true })
    await connection.query(dump).finally(() => connection.end())
  },
}

/** Tables, columns and indexes as the database describes them. */
const DESCRIPTIONS: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: [`select type, name, sql from sqlite_master where name like 'pt_%' order by name`],
  postgres: [
    `select table_name, column_name, ordinal_position, data_type, character_maximum_length, collation_name, is_nullable,
      column_default from information_schema.columns where table_name like 'pt_%' order by 1, 3`,
    `select indexdef from pg_indexes where tablename like 'pt_%' order by 1`,
    `select relname, reloptions from pg_class where relname like 'pt_%' order by 1`,
  ],
  mariadb: [
    `select table_name, column_name, ordinal_position, column_type, collation_name, is_nullable, column_default
      from information_schema.columns where table_schema = database() order by 1, 3`,
    `select table_name, index_name, seq_in_index, column_name, non_unique from information_schema.statistics
      where table_schema = database() order by 1, 2, 3`,
  ],
}

async function describeTables(kind: DatabaseKind, { database }: Ledger): Promise<string[]> {
  const results = await Promise.all(DESCRIPTIONS[kind].map((text) => sql.raw(text).execute(database.db)))
  const text = (value: unknown) => (typeof value === 'bigint' ? String(value) : value)
  return results.flatMap(({ rows }) =>
    rows.map((row) => JSON.stringify(row, (_, value) => text(value)).replace(/(\\n|\s)+/g, ' ')),
  )
}

onEachDatabase('the tables of a ledger', ({ kind, newUrl, open }) => {
  const openReleased = async (url: string) => {
    await LOADERS[kind](url, fixture(`${kind}.sql`))
    return open({ url, now: () => NOW_SECONDS })
  }
  const totalsOf = (ledger: Ledger) => Promise.all([1, 2, 3, 4].map((n) => ledger.userTotals(aPasskey(n))))
  const client = { passkey: aPasskey(1), infohash: anInfohash(1), peerId: aPeerId(1) }

  test('a ledger of 0.1.0 opens with its totals and rules, and settlement goes on', async () => {
    const ledger = await openReleased(await newUrl())
    const before = await totalsOf(ledger)
    expect(
      JSON.parse(JSON.stringify(before, (_, each) => (typeof each === 'bigint' ? `${each}` : each))),
    ).toEqual(JSON.parse(fixture('totals.json')))
    expect(ledger.windowSeconds).toBe(300)
    expect(await ledger.lowWatermarkOf(REDIS_EPOCH)).toBe(`${(T0 + 300) * 1000}-0`)

    const known = anEntry({ ...client, at: T0 + 420, du: 5, up: 5130, down: 550, dt: 60 })
    const fresh = anEntry({ ...client, at: T0 + 480, du: 70, up: 5200, down: 550, dt: 60 })
    const outcome = await ledger.settle(REDIS_EPOCH, [known, fresh])
    expect(outcome).toMatchObject({ settled: 1, duplicates: 1, uploadedBytes: 70n })
    // 14 bytes between 5,111 and 5,125 were lost before the release changed, as the consumer had noticed.
    await ledger.noteDeadLetters(REDIS_EPOCH, [lossOf(anEntry({ at: T0 + 400 }))])
    const recovered = await ledger.closeUpTo(REDIS_EPOCH, fresh.id)
    expect(recovered.uploadedBytes).toBe(14n)
    expect((await ledger.userTotals(aPasskey(1)))?.uploadedBytes).toBe(before[0]!.uploadedBytes + 84n)
    const held = anEntry({
      passkey: aPasskey(2),
      infohash: anInfohash(2),
      peerId: aPeerId(2),
      at: T0 + 500,
      du: 9,
      up: 7009,
      dt: 60,
    })
    await ledger.settle(REDIS_EPOCH, [held])
    expect(await ledger.userTotals(aPasskey(2))).toMatchObject({
      uploadedBytes: 0n,
      heldUploadedBytes: 7009n,
    })
  })

  test('a new ledger has the tables of 0.1.0, and whatever later migrations add', async () => {
    const [released, created] = [await openReleased(await newUrl()), await open()]
    expect(await describeTables(kind, created)).toEqual(await describeTables(kind, released))
  })

  test('migrations make what the definition says', async () => {
    const { db } = (await open()).database
    const made = (await db.introspection.getTables()).filter(({ name }) => !/^pt_migrations/.test(name))
    const columns = made.map(({ name, columns }) => [
      name,
      Object.fromEntries(
        columns.map((column) => [
          column.name,
          [/int/i.test(column.dataType), column.isNullable, !column.isNullable && column.hasDefaultValue],
        ]),
      ),
    ])
    const defined = Object.entries<Table>(TABLES).map(([name, table]) => [
      `pt_${name}`,
      Object.fromEntries(
        Object.entries(table.columns).map(([column, { kind: type, isNullable, default: value }]) => [
          column,
          [type === 'whole', isNullable === true, value !== undefined],
        ]),
      ),
    ])
    expect(Object.fromEntries(columns)).toEqual(Object.fromEntries(defined))
  })
})
