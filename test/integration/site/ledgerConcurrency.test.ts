import { sql } from 'kysely'
import { expect, test } from 'vitest'
import type { Passkey } from '../../../src/bittorrent/types.ts'
import type { TrafficEntry } from '../../../src/contract/trafficEvent.ts'
import { EntryNotSettled, LedgerUnavailable } from '../../../src/runtime/errors.ts'
import type { Ledger } from '../../../src/site/ledger/ledger.ts'
import type { Database } from '../../../src/site/ledger/sql/dialect.ts'
import { openDatabase } from '../../../src/site/ledger/sql/openDatabase.ts'
import { anInfohash, aPasskey, aPeerId } from '../../support/builders/builders.ts'
import { anEntry, lossOf, T0 } from '../../support/builders/trafficEntries.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { eventually } from '../../support/programs/trackerProcesses.ts'
import { type DatabaseKind, onEachDatabase, rowsOf } from '../../support/servers/ledgers.ts'

type Db = Database['db']

const H = 'run:replication'
const USERS = 5
const SESSIONS = 20
const ROUNDS = 12
const GROWTH = 1_000

/** Sessions of few users on few torrents, who all meet in the same rows; each grows in every round. */
function rounds(): TrafficEntry[][] {
  return Array.from({ length: ROUNDS }, (_, round) =>
    Array.from({ length: SESSIONS }, (_, n) =>
      anEntry({
        passkey: aPasskey(n % USERS),
        infohash: anInfohash(n % 3),
        peerId: aPeerId(n),
        at: T0 + round * 60,
        seq: n,
        dt: round === 0 ? 0 : 60,
        up: round * GROWTH,
        du: round === 0 ? 0 : GROWTH,
        down: round < 5 ? 0 : 10,
        event: round === 5 ? 'completed' : 'none',
      }),
    ),
  )
}

async function totalOf(
  ledger: Ledger,
  column: 'uploaded' | 'completed' | 'announces' | 'seed_seconds',
): Promise<bigint> {
  const rows = await rowsOf(ledger, 'pt_users')
  return rows.reduce((sum, row) => sum + (row[column] as bigint), 0n)
}

onEachDatabase('several writers', ({ open, newUrl, kind, server }) => {
  test('settle into the same rows at once, and the totals are exact', async () => {
    const url = await newUrl()
    const ledgers = await Promise.all([1, 2, 3].map(() => open({ url })))
    const all = rounds()
    // Each ledger has every third entry of every round, in an order of its own, and an eighth of the others' again.
    await Promise.all(
      ledgers.map(async (ledger, own) => {
        for (const round of own === 1 ? all.toReversed() : all) {
          const mine = round.filter((_, n) => n % 3 === own || (n + own) % 8 === 0)
          await ledger.settle(H, own === 2 ? mine.toReversed() : mine)
        }
      }),
    )
    const [ledger] = ledgers
    expect(await totalOf(ledger!, 'uploaded')).toBe(BigInt(SESSIONS * (ROUNDS - 1) * GROWTH))
    expect(await totalOf(ledger!, 'announces')).toBe(BigInt(SESSIONS * ROUNDS))
    const pairs = new Set(Array.from({ length: SESSIONS }, (_, n) => `${n % USERS} ${n % 3}`))
    expect(await totalOf(ledger!, 'completed')).toBe(BigInt(pairs.size))
    expect(await totalOf(ledger!, 'seed_seconds')).toBeLessThanOrEqual(BigInt(SESSIONS * (ROUNDS - 1) * 60))
    const windows = await rowsOf(ledger!, 'pt_windows')
    expect(windows.reduce((sum, { uploaded }) => sum + (uploaded as bigint), 0n)).toBe(
      BigInt(SESSIONS * (ROUNDS - 1) * GROWTH),
    )
  })

  test('settle the same entries out of two lives of Redis at once, and what has no totals is credited once', async () => {
    const url = await newUrl()
    const [one, other] = await Promise.all([open({ url }), open({ url })])
    for (let round = 0; round < ROUNDS; round++) {
      const entries = Array.from({ length: 40 }, (_, n) =>
        anEntry({ peerId: aPeerId(n % 7), at: T0 + round, seq: n, du: GROWTH, hasTotals: false }),
      )
      await Promise.all([one.settle('life1:', entries), other.settle('life2:', entries)])
    }
    expect(await totalOf(one, 'uploaded')).toBe(BigInt(ROUNDS * 40 * GROWTH))
    expect(await totalOf(one, 'announces')).toBe(BigInt(ROUNDS * 40))
  })

  test('close and prune beside those who settle, and the totals are exact', async () => {
    const url = await newUrl()
    const [settling, closing] = await Promise.all([open({ url }), open({ url })])
    const all = rounds()
    for (const [at, round] of all.entries()) {
      const floor = all[Math.max(0, at - 1)]![0]!.id.replace('-0', '-99')
      const kept = at === 0 || at === ROUNDS - 1 ? round : round.filter((_, n) => (n + at) % 4 !== 0) // the others are lost
      const lost = round.filter((entry) => !kept.includes(entry))
      await settling.noteDeadLetters(H, lost.map(lossOf))
      await Promise.all([
        settling.settle(H, kept),
        at > 0 ? closing.closeUpTo(H, floor, 5) : undefined,
        closing.prune(floor),
      ])
    }
    const floor = all.at(-1)![0]!.id.replace('-0', '-99')
    while ((await closing.closeUpTo(H, floor, 5)).isMoreLeft);
    expect(await totalOf(settling, 'uploaded')).toBe(BigInt(SESSIONS * (ROUNDS - 1) * GROWTH))
  })

  test('who is in the way of another tries again', async () => {
    const url = await newUrl()
    const ledger = await open({ url })
    const [one, two] = [anEntry({ passkey: aPasskey(1) }), anEntry({ passkey: aPasskey(2), seq: 1 })]
    await ledger.settle(H, [one, two])
    const { retries, meetings } = await meet(kind, url, ledger, (meeting) => {
      const grown = { at: T0 + 60 * (meeting + 1), up: 5 * (meeting + 1), du: 5 }
      return [
        anEntry({ ...grown, passkey: aPasskey(1) }),
        anEntry({ ...grown, passkey: aPasskey(2), seq: 1 }),
      ]
    })
    expect(retries).toBeGreaterThan(0)
    expect(await totalOf(ledger, 'uploaded')).toBe(BigInt(10 * meetings))
  })

  test('an entry that the database refuses is named, nothing is written, and the rest settles', async () => {
    const ledger = await open()
    const secret = 'refused-passkey-of-somebody' as Passkey
    await refuse(kind, ledger, secret)
    const entries = Array.from({ length: 9 }, (_, n) =>
      anEntry({ passkey: aPasskey(n), seq: n, du: 1, hasTotals: false }),
    )
    const bad = anEntry({ passkey: secret, seq: 77, du: 1 })
    const error = await ledger
      .settle(H, [...entries.slice(0, 6), bad, ...entries.slice(6)])
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(EntryNotSettled)
    expect(error.id).toBe(bad.id)
    expect(
      String(error) + JSON.stringify(error) + String(error.cause) + JSON.stringify(error.cause),
    ).not.toContain(secret)
    expect(await rowsOf(ledger, 'pt_settled')).toEqual([])
    expect(await rowsOf(ledger, 'pt_users')).toEqual([])
    expect(await ledger.settle(H, entries)).toMatchObject({ settled: 9 })
  })

  test.skipIf(kind === 'sqlite')('a server that dies settles each entry once', async () => {
    const ledger = await open()
    const all = rounds()
    let isDown = false
    let failures = 0
    const settling = (async () => {
      for (let at = 0; at < all.length; ) {
        try {
          await ledger.settle(H, all[at]!)
          at++
        } catch (error) {
          if (!(error instanceof LedgerUnavailable)) throw error
          expect(`${error} ${error.cause}`).not.toContain(aPasskey(1))
          failures++
          await eventually('the server is back', 60_000, () => !isDown || undefined)
        }
      }
    })()
    for (let deaths = 0; deaths < 3; deaths++) {
      isDown = true
      await server().kill()
      await server().start()
      isDown = false
    }
    await settling
    await ledger.settle(H, all.flat())
    expect(await totalOf(ledger, 'uploaded')).toBe(BigInt(SESSIONS * (ROUNDS - 1) * GROWTH))
    expect(await totalOf(ledger, 'announces')).toBe(BigInt(SESSIONS * ROUNDS))
    expect(failures).toBeGreaterThan(0)
  })
})

const REFUSALS: Readonly<Record<DatabaseKind, (passkey: string) => string[]>> = {
  sqlite: (passkey) => [
    `create trigger refuse before insert on pt_users when new.passkey = '${passkey}' begin select raise(abort, 'no such user'); end`,
  ],
  postgres: (passkey) => [`alter table pt_users add constraint refuse check (passkey <> '${passkey}')`],
  mariadb: (passkey) => [
    `create trigger refuse before insert on pt_users for each row
      if new.passkey = '${passkey}' then signal sqlstate '45000' set message_text = 'no such user'; end if`,
  ],
}

/** A rule of the site's own that forbids a user. */
async function refuse(kind: DatabaseKind, ledger: Ledger, passkey: string): Promise<void> {
  for (const text of REFUSALS[kind](passkey)) await sql.raw(text).execute(ledger.database.db)
}

interface Meeting {
  readonly retries: number
  readonly meetings: number
}

type EntriesOf = (meeting: number) => TrafficEntry[]

/**
 * Settles while another transaction holds what the ledger wants and wants what the ledger holds: SQLite's file, elsewhere
 * the rows of two users in the other order. Until the ledger was the one that had to try again.
 */
async function meet(kind: DatabaseKind, url: string, ledger: Ledger, entriesOf: EntriesOf): Promise<Meeting> {
  const other = await openDatabase(url)
  try {
    if (kind === 'sqlite') return await meetInFile(other.db, ledger, entriesOf(0))
    await sql`create table heavy (n integer)`.execute(other.db)
    for (let meetings = 1; ; meetings++) {
      const { retries } = await meetInRows(kind, other.db, ledger, entriesOf(meetings - 1))
      if (retries > 0 || meetings === 10) return { retries, meetings }
    }
  } finally {
    await other.db.destroy()
  }
}

async function meetInFile(db: Db, ledger: Ledger, entries: TrafficEntry[]): Promise<Meeting> {
  const settling = await db.transaction().execute(async () => {
    const promise = ledger.settle(H, entries)
    await turn() // SQLite has waited for the file, inside the process, and given up by then
    return { promise }
  })
  const { retries } = await settling.promise
  return { retries, meetings: 1 }
}

async function meetInRows(
  kind: 'postgres' | 'mariadb',
  db: Db,
  ledger: Ledger,
  entries: TrafficEntry[],
): Promise<{ retries: number }> {
  const touch = (passkey: string) =>
    sql`update pt_users set leech_seconds = leech_seconds + 1 where passkey = ${passkey}`
  let settling: Promise<{ retries: number }> | undefined
  const meeting = db.transaction().execute(async (trx) => {
    // MariaDB ends the one that has written less.
    if (kind === 'mariadb') await sql`insert into heavy select seq from seq_1_to_1000`.execute(trx)
    await touch(aPasskey(2)).execute(trx)
    settling = ledger.settle(H, entries)
    await becomes(() => waiting(kind, db), 1)
    await touch(aPasskey(1)).execute(trx)
  })
  await meeting.catch(() => {}) // it may be the one that the server ends
  return settling!
}

/** How many transactions wait for another's rows. */
async function waiting(kind: 'postgres' | 'mariadb', db: Db): Promise<number> {
  const query =
    kind === 'postgres'
      ? sql<{ n: string }>`select count(*) as n from pg_stat_activity
          where wait_event_type = 'Lock' and datname = current_database()`
      : sql<{ n: string }>`select variable_value as n from information_schema.global_status
          where variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS'`
  return Number((await query.execute(db)).rows[0]!.n)
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
