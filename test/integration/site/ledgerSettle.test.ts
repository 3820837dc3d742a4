import { chmodSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Passkey } from '../../../src/bittorrent/types.ts'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import { anInfohash, aPasskey, aPeerId } from '../../support/builders/builders.ts'
import { anEntry, lossOf, T0 } from '../../support/builders/trafficEntries.ts'
import { onEachDatabase, rowsOf } from '../../support/servers/ledgers.ts'

const H = 'run:replication'
const OTHER = 'another run:replication'
const HOUR = 3600
const DAY = 86_400
const BOOKS = ['pt_users', 'pt_user_torrents', 'pt_windows', 'pt_sessions', 'pt_entries', 'pt_sightings']

async function booksOf(ledger: Ledger): Promise<Record<string, unknown>[][]> {
  return Promise.all(BOOKS.map((table) => rowsOf(ledger, table)))
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

const [first, second, third] = [
  anEntry({ at: T0, up: 100, down: 50, since: T0, left: 900, event: 'started' }),
  anEntry({ at: T0 + 100, up: 400, du: 300, down: 950, dd: 900, dt: 100, event: 'completed' }),
  anEntry({ at: T0 + 700, up: 1_000, du: 600, down: 950, dt: 600 }),
] as const

onEachDatabase('settling', ({ open, newUrl, kind }) => {
  test('credits user, torrent, window and time', async () => {
    const ledger = await open()
    const outcome = await ledger.settle(H, [first, second, third])
    expect(outcome).toMatchObject({
      settled: 3,
      duplicates: 0,
      forgotten: 0,
      uploadedBytes: 900n,
      downloadedBytes: 900n,
      gaps: 0,
    })
    expect(await ledger.userTotals(aPasskey())).toMatchObject({
      uploadedBytes: 900n,
      downloadedBytes: 900n,
      seedSeconds: 600n,
      leechSeconds: 100n,
      announces: 3n,
      completed: 1,
      firstSeen: T0,
      lastSeen: T0 + 700,
    })
    expect(await ledger.userTorrents(aPasskey())).toMatchObject([
      { infohash: anInfohash(), uploadedBytes: 900n, completedAt: T0 + 100, leftBytes: 0n },
    ])
    expect(await ledger.windows(aPasskey())).toMatchObject([
      {
        startSeconds: T0 + 600,
        uploadedBytes: 600n,
        downloadedBytes: 0n,
        seconds: 600n,
        uploadRate: 1,
        downloadRate: 0,
      },
      {
        startSeconds: T0,
        uploadedBytes: 300n,
        downloadedBytes: 900n,
        seconds: 100n,
        uploadRate: 3,
        downloadRate: 9,
      },
    ])
  })

  test('knows what it settled: again, twice in a batch, in a new order', async () => {
    const ledger = await open()
    await ledger.settle(H, [first, second, third])
    const before = await booksOf(ledger)
    expect(await ledger.settle(H, [third, second, third, first])).toMatchObject({
      settled: 0,
      duplicates: 4,
      uploadedBytes: 0n,
    })
    expect(await booksOf(ledger)).toEqual(before)

    const shuffled = await open()
    await shuffled.settle(H, [third])
    await shuffled.settle(H, [second, third])
    await shuffled.settle(H, [first, second])
    const books = await booksOf(shuffled)
    expect(whateverTheOrder(books)).toEqual(whateverTheOrder(before))
  })

  test('a restarted Redis that delivers the same entries again adds nothing', async () => {
    const ledger = await open()
    const plain = anEntry({ at: T0 + 800, du: 7, hasTotals: false })
    await ledger.settle(H, [first, second, third, plain])
    await ledger.closeUpTo(H, plain.id)
    const before = await rowsOf(ledger, 'pt_users')
    const outcome = await ledger.settle(OTHER, [first, second, third, plain])
    expect(outcome).toMatchObject({ uploadedBytes: 0n, downloadedBytes: 0n })
    expect((await rowsOf(ledger, 'pt_users'))[0]).toMatchObject({
      uploaded: before[0]!.uploaded,
      downloaded: before[0]!.downloaded,
      seed_seconds: before[0]!.seed_seconds,
      completed: 1n,
    })
  })

  test('another entry under the ID of another history is another entry', async () => {
    const ledger = await open()
    await ledger.settle(H, [anEntry({ du: 7, hasTotals: false })])
    expect(await ledger.settle(OTHER, [anEntry({ du: 8, hasTotals: false })])).toMatchObject({
      uploadedBytes: 8n,
    })
    expect(await ledger.settle(OTHER, [anEntry({ du: 7, hasTotals: false })])).toMatchObject({
      duplicates: 1,
    })
  })

  test('bytes that a failover claims again are counted, and credited once', async () => {
    const ledger = await open()
    await ledger.settle(H, [first, second])
    const afterFailover = anEntry({ at: T0 + 900, up: 1_100, du: 1_000, down: 960, dd: 910, dt: 900 })
    expect(await ledger.settle(OTHER, [afterFailover])).toMatchObject({
      uploadedBytes: 700n,
      downloadedBytes: 10n,
      overlapUploadedBytes: 300n,
      overlapDownloadedBytes: 900n,
    })
  })

  test('bytes that a wiped Redis lost are recovered once, when nothing older can come', async () => {
    const ledger = await open()
    await ledger.settle(H, [first, second])
    const afterWipe = anEntry({ at: T0 + 3_000, up: 1_500, down: 990, since: T0 + 3_000 })
    await ledger.settle(OTHER, [afterWipe])
    expect(await ledger.closeUpTo(OTHER, `${(T0 + 2_000) * 1000}-0`)).toMatchObject({ sessions: 0 })
    expect(await ledger.closeUpTo(OTHER, afterWipe.id)).toEqual({
      sessions: 1,
      uploadedBytes: 1_100n,
      downloadedBytes: 40n,
      isMoreLeft: false,
    })
    expect(await ledger.closeUpTo(OTHER, afterWipe.id)).toMatchObject({ sessions: 0 })
    expect(await ledger.userTotals(aPasskey())).toMatchObject({
      uploadedBytes: 1_400n,
      downloadedBytes: 940n,
      recoveredUploadedBytes: 1_100n,
      recoveredDownloadedBytes: 40n,
    })
    expect(await ledger.userTorrent(aPasskey(), anInfohash())).toMatchObject({ uploadedBytes: 1_400n })
  })

  test('a site that wants no such credit has them counted', async () => {
    const ledger = await open({ recover: false })
    await ledger.settle(H, [first, third])
    await ledger.noteDeadLetters(H, [lossOf(second)])
    expect(await ledger.closeUpTo(H, third.id)).toMatchObject({ sessions: 1, uploadedBytes: 0n })
    expect(await ledger.userTotals(aPasskey())).toMatchObject({
      uploadedBytes: 600n,
      recoveredUploadedBytes: 0n,
    })
    expect(await ledger.closeUpTo(H, third.id)).toMatchObject({ sessions: 0 })
    const lines = await all(ledger.explain(aPasskey()))
    expect(lines.at(-1)).toMatchObject({ reason: 'counted', claimedUploadedBytes: 300n, uploadedBytes: 0n })
  })

  test('many sessions are closed in steps', async () => {
    const ledger = await open()
    const sessions = [1, 2, 3, 4, 5].map((n) => ({ passkey: aPasskey(n), peerId: aPeerId(n), seq: n }))
    await ledger.settle(
      H,
      sessions.map((session) => anEntry({ ...session, up: 10 })),
    )
    await ledger.settle(
      H,
      sessions.map((session) => anEntry({ ...session, at: T0 + 60, up: 50, du: 20 })),
    )
    const floor = `${(T0 + 60) * 1000}-9`
    await ledger.noteDeadLetters(H, [lossOf(anEntry({ at: T0 + 30 }))])
    expect(await ledger.closeUpTo(H, floor, 3)).toMatchObject({
      sessions: 3,
      uploadedBytes: 60n,
      isMoreLeft: true,
    })
    expect(await ledger.closeUpTo(H, floor, 3)).toMatchObject({
      sessions: 2,
      uploadedBytes: 40n,
      isMoreLeft: false,
    })
  })

  test('what lies at or below the floor is known without its ID, but for a dead letter, which settles once', async () => {
    const ledger = await open()
    await ledger.noteDeadLetters(H, [
      { id: second.id, reason: 'the database refuses it', attempts: 5, fields: { passkey: 'x' }, entries: 1 },
    ])
    await ledger.settle(H, [first])
    await ledger.closeUpTo(H, third.id)
    expect(await ledger.lowWatermarkOf(H)).toBe(third.id)
    expect(await ledger.settledUpTo()).toBe(third.id)
    expect(await ledger.settle(H, [third, second])).toMatchObject({
      settled: 1,
      duplicates: 1,
      uploadedBytes: 300n,
    })
    expect(await rowsOf(ledger, 'pt_dead_letters')).toEqual([])
    expect(await ledger.settle(H, [second])).toMatchObject({ settled: 0, duplicates: 1 })
    expect(await rowsOf(ledger, 'pt_settled')).toHaveLength(1)
  })

  test('a floor never sinks', async () => {
    const ledger = await open()
    expect(await ledger.lowWatermarkOf(H)).toBeUndefined()
    await ledger.closeUpTo(H, '2000-5')
    await ledger.closeUpTo(H, '2000-4')
    expect(await ledger.lowWatermarkOf(H)).toBe('2000-5')
    expect(await ledger.lowWatermarkOf(OTHER)).toBeUndefined()
  })

  test('dead letters are noted once; a loss stands beside an entry of the same ID; what is settled is none', async () => {
    const ledger = await open()
    const letter = {
      id: '5-1',
      reason: 'du: not a number',
      attempts: 1,
      fields: { du: 'x\0\ud800' },
      entries: 1,
    }
    const loss = {
      id: '5-1',
      reason: 'trimmed before they were read',
      attempts: 0,
      fields: undefined,
      entries: 12,
    }
    await ledger.noteDeadLetters(H, [letter, loss])
    await ledger.noteDeadLetters(H, [letter, { ...loss, entries: 99 }])
    expect(await rowsOf(ledger, 'pt_dead_letters')).toMatchObject([
      { kind: 'entry', reason: 'du: not a number', attempts: 1n, entries: 1n },
      { kind: 'loss', entries: 12n, fields: null },
    ])
    await ledger.settle(H, [first])
    await ledger.noteDeadLetters(H, [{ ...letter, id: first.id }])
    expect(await rowsOf(ledger, 'pt_dead_letters')).toHaveLength(2)
  })

  test('what is forgotten is not credited again, and that is noted', async () => {
    const plain = anEntry({ at: T0 + 5, du: 7, peerId: aPeerId(2), hasTotals: false })
    const idle = anEntry({ at: T0 + 31 * 86_400, passkey: aPasskey(2) })
    const ledger = await open({ now: () => idle.event.atSeconds })
    await ledger.settle(H, [first, second, plain])
    await ledger.closeUpTo(H, second.id)
    await ledger.settle(H, [idle])
    await ledger.prune(idle.id)
    expect(await rowsOf(ledger, 'pt_sessions')).toHaveLength(1)
    expect(await rowsOf(ledger, 'pt_settled')).toHaveLength(1)
    expect(await rowsOf(ledger, 'pt_windows')).toEqual([])
    expect(await ledger.settle(OTHER, [first, second, plain])).toMatchObject({
      settled: 3,
      forgotten: 3,
      uploadedBytes: 0n,
    })
    expect(await rowsOf(ledger, 'pt_dead_letters')).toMatchObject(Array(3).fill({ kind: 'forgotten' }))
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ uploadedBytes: 307n, announces: 3n })
  })

  test('nothing young is forgotten', async () => {
    const ledger = await open({ now: () => T0 + 365 * DAY })
    await ledger.settle(H, [first, second, third])
    await ledger.closeUpTo(H, third.id)
    const before = await booksOf(ledger)
    await ledger.prune(`${(T0 + 6 * DAY) * 1000}-0`)
    expect(await booksOf(ledger)).toEqual(before)
  })

  test('an ID from the future makes nothing old', async () => {
    let now = T0 + HOUR
    const ledger = await open({ now: () => now })
    const restarted = anEntry({ at: T0 + 800, up: 20, du: 0, since: T0 + 800 })
    await ledger.settle(H, [first, second, third, restarted])
    const ahead = `${(T0 + 365 * DAY) * 1000}-0`
    await ledger.settle(H, [{ ...anEntry({ at: now, passkey: aPasskey(2) }), id: ahead }])
    await ledger.closeUpTo(H, ahead)
    const before = await booksOf(ledger)
    await ledger.prune(ahead)
    expect(await booksOf(ledger)).toEqual(before)
    expect(await rowsOf(ledger, 'pt_meta')).not.toContainEqual(
      expect.objectContaining({ name: expect.stringMatching(/^forgotten/) }),
    )
    // Redis was emptied and its clock set right: these are new, and of a run of counters that went before.
    const late = anEntry({ at: T0 + 750, up: 1_100, du: 100, down: 950, seq: 1 })
    const plain = anEntry({ at: now, du: 7, peerId: aPeerId(2), hasTotals: false })
    expect(await ledger.settle(OTHER, [late, plain])).toMatchObject({ settled: 2, uploadedBytes: 107n })

    now = T0 + 31 * DAY
    await ledger.closeUpTo(OTHER, plain.id)
    await ledger.prune(ahead)
    expect(await rowsOf(ledger, 'pt_windows')).toEqual([])
    expect(await rowsOf(ledger, 'pt_sessions')).toMatchObject([{ passkey: aPasskey(2) }])
    expect(await rowsOf(ledger, 'pt_meta')).toEqual(
      expect.arrayContaining([
        { name: 'forgotten_ids_before', value: String((now - 7 * DAY) * 1000) },
        { name: 'forgotten_sessions_before', value: String(T0 + HOUR + 1) },
      ]),
    )
  })

  test('a session that is dated ahead makes no other one old', async () => {
    const now = T0 + 31 * DAY
    const ledger = await open({ now: () => now })
    const ahead = anEntry({ ms: T0 * 1000, at: T0 + 365 * DAY, up: 5, du: 5 })
    const today = anEntry({ at: now, passkey: aPasskey(2), up: 3, du: 3 })
    await ledger.settle(H, [ahead])
    await ledger.closeUpTo(H, ahead.id)
    await ledger.prune(today.id)
    expect(await ledger.settle(H, [today])).toMatchObject({ uploadedBytes: 3n })
    expect(await ledger.settle(OTHER, [ahead])).toMatchObject({ uploadedBytes: 0n })
  })

  test('a torrent is finished once, whatever the client says how often', async () => {
    const ledger = await open()
    const completed = [1, 2, 3].map((n) =>
      anEntry({ at: T0 + n, event: 'completed', down: 10, peerId: aPeerId(n) }),
    )
    await ledger.settle(H, [completed[1]!])
    await ledger.settle(H, [completed[0]!, completed[2]!])
    await ledger.settle(H, [anEntry({ at: T0 + 9, event: 'completed', down: 10, infohash: anInfohash(2) })])
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ completed: 2 })
    expect(await ledger.userTorrent(aPasskey(), anInfohash())).toMatchObject({ completedAt: T0 + 1 })
  })

  test('a download ends with the first announce that has nothing left, also without the event', async () => {
    const ledger = await open()
    const [loaded, rechecked] = [aPasskey(1), aPasskey(2)]
    await ledger.settle(H, [
      anEntry({ at: T0, passkey: loaded, left: 1_000, down: 0, since: T0 }),
      anEntry({ at: T0 + 60, passkey: loaded, left: 0, down: 1_000, dd: 1_000, dt: 60, since: T0 }),
      anEntry({ at: T0, passkey: rechecked, left: 1_000, down: 0, since: T0, seq: 1 }),
      anEntry({ at: T0 + 60, passkey: rechecked, left: 0, down: 0, dt: 60, since: T0, seq: 1 }),
    ])
    expect(await ledger.userTotals(loaded)).toMatchObject({ completed: 1 })
    expect(await ledger.userTorrent(loaded, anInfohash())).toMatchObject({ completedAt: T0 + 60 })
    expect(await ledger.userTotals(rechecked)).toMatchObject({ completed: 0 })
  })

  test.runIf(kind === 'sqlite')('the file of a new ledger is readable by its owner alone', async () => {
    const url = await newUrl()
    const path = new URL(url).pathname
    const umask = process.umask(0o022)
    try {
      await (await open({ url })).settle(H, [first])
    } finally {
      process.umask(umask)
    }
    for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600)
    chmodSync(path, 0o640)
    await open({ url })
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  test('passkeys that differ in case are two users', async () => {
    const ledger = await open()
    const [lower, upper] = ['Some-key' as Passkey, 'some-key' as Passkey]
    await ledger.settle(H, [anEntry({ passkey: lower, du: 1 }), anEntry({ passkey: upper, du: 2, seq: 1 })])
    expect(await ledger.userTotals(lower)).toMatchObject({ uploadedBytes: 1n })
    expect(await ledger.userTotals(upper)).toMatchObject({ uploadedBytes: 2n })
  })

  test('bytes beyond 2^53 are exact, and sums stop at 2^63 - 1', async () => {
    const ledger = await open()
    const most = 2 ** 50
    const entries = Array.from({ length: 40 }, (_, n) =>
      anEntry({
        at: T0 + n * 2 * DAY,
        dt: n % 8 ? 2 * DAY : 0,
        up: most * (n % 8) + 1,
        du: n % 8 ? most : 0,
        since: T0 + (n - (n % 8)) * 2 * DAY,
        peerId: aPeerId(n >> 3),
      }),
    )
    await ledger.settle(H, entries)
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ uploadedBytes: BigInt(most) * 35n })
    await ledger.database.db
      .updateTable('pt_users')
      .set({ uploaded: 2n ** 63n - 10n })
      .execute()
    await ledger.settle(H, [anEntry({ at: T0 + 99 * DAY, du: 3, hasTotals: false })])
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ uploadedBytes: 2n ** 63n - 7n })
    await ledger.settle(H, [anEntry({ at: T0 + 100 * DAY, du: 30, hasTotals: false })])
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ uploadedBytes: 2n ** 63n - 1n })
  })

  test('a batch that comes to more than 2^63 - 1 stops there, too', async () => {
    const ledger = await open()
    const entries = Array.from({ length: 4_000 }, (_, n) =>
      anEntry({ seq: n, du: 2 ** 50, hasTotals: false }),
    )
    expect(await ledger.settle(H, entries)).toMatchObject({ settled: 4_000 })
    for (const table of ['pt_users', 'pt_windows'] as const)
      await ledger.database.db
        .updateTable(table)
        .set({ uploaded: 2n ** 63n - 10n })
        .execute()
    const more = Array.from({ length: 4_000 }, (_, n) =>
      anEntry({ seq: 4_000 + n, du: 2 ** 50, hasTotals: false }),
    )
    expect(await ledger.settle(H, more)).toMatchObject({ settled: 4_000 })
    expect(await ledger.userTotals(aPasskey())).toMatchObject({ uploadedBytes: 2n ** 63n - 1n })
    expect(await ledger.windows(aPasskey())).toMatchObject([{ uploadedBytes: 2n ** 63n - 1n }])
  })

  test('what a client calls itself is kept as far as a database takes it', async () => {
    const ledger = await open()
    await ledger.settle(H, [anEntry({ agent: 'qB\0it "🦀" \ud800\\' })])
    expect(await rowsOf(ledger, 'pt_sessions')).toMatchObject([{ agent: 'qBit "🦀" \ufffd\\' }])
  })

  test('the newest announce says where the client is, each family for itself', async () => {
    const ledger = await open()
    await ledger.settle(H, [
      anEntry({ at: T0 + 5, ip: '2001:db8::1' }),
      anEntry({ at: T0 + 9, ip: '198.51.100.9' }),
    ])
    await ledger.settle(H, [anEntry({ at: T0 + 1, ip: '198.51.100.1' })])
    expect(await rowsOf(ledger, 'pt_sessions')).toMatchObject([
      { ip4: '198.51.100.9', ip6: '2001:db8::1', last_ts: BigInt(T0 + 9) },
    ])
  })

  test('a hold keeps the bytes, not the time', async () => {
    const ledger = await open()
    await ledger.settle(H, [first])
    await ledger.database.db
      .insertInto('pt_holds')
      .values({
        hold: 'h1',
        passkey: aPasskey(),
        infohash: '',
        state: 'active',
        placed_at: T0,
        placed_by: 'a test',
        reason: '',
      })
      .execute()
    expect(await ledger.settle(H, [second])).toMatchObject({ uploadedBytes: 300n })
    expect(await ledger.userTotals(aPasskey())).toMatchObject({
      uploadedBytes: 0n,
      heldUploadedBytes: 300n,
      heldDownloadedBytes: 900n,
      leechSeconds: 100n,
    })
  })

  test('no batch is larger than 4,000 entries', async () => {
    const ledger = await open()
    const entries = Array.from({ length: 4_001 }, (_, n) => anEntry({ seq: n }))
    await expect(ledger.settle(H, entries)).rejects.toThrow(RangeError)
    expect(await ledger.settle(H, entries.slice(1))).toMatchObject({ settled: 4_000 })
    expect(await ledger.settle(H, [])).toMatchObject({ settled: 0, duplicates: 0 })
  })

  test('programs that start at once agree on the tables', async () => {
    const url = await newUrl()
    const ledgers = await Promise.all([1, 2, 3, 4].map(() => open({ url })))
    await Promise.all(
      ledgers.map((ledger, n) => ledger.settle(H, [anEntry({ du: 5, peerId: aPeerId(n), seq: n })])),
    )
    expect(await ledgers[0]!.userTotals(aPasskey())).toMatchObject({ uploadedBytes: 20n })
  })

  test('the rules are those the books were last kept by', async () => {
    const url = await newUrl()
    await open({ url, windowSeconds: 300, recover: false })
    expect((await open({ url })).windowSeconds).toBe(300)
    expect((await open({ url, windowSeconds: 900 })).windowSeconds).toBe(900)
    expect((await open({ url })).windowSeconds).toBe(900)
  })

  test('a rule out of its bounds is refused by name, and not written down', async () => {
    const url = await newUrl()
    await expect(open({ url, windowSeconds: -5 })).rejects.toThrow(
      /^windowSeconds: a whole number from 60 to 86400$/,
    )
    await expect(open({ url, journalDays: 1.5 })).rejects.toThrow(/^journalDays: /)
    expect((await open({ url })).windowSeconds).toBe(600)
  })

  test('tables of a newer release are left alone', async () => {
    const url = await newUrl()
    const ledger = await open({ url })
    await ledger.database.db
      .insertInto('pt_migrations' as 'pt_meta')
      .values({ name: '9999_later', timestamp: '2100-01-01T00:00:00.000Z' } as never)
      .execute()
    await expect(openLedger(url)).rejects.toThrow('made by a newer release')
  })

  test.skipIf(kind !== 'sqlite')('a file that must be there is not made', async () => {
    await expect(openLedger(await newUrl(), { mustExist: true })).rejects.toThrow(/unable to open|exist/)
  })
})

/** Why an entry credited what it did depends on what came before it, what it credited in sum does not. */
function whateverTheOrder(books: readonly Record<string, unknown>[][]): unknown {
  const isClaim = (row: Record<string, unknown>) =>
    row.claimed_uploaded !== 0n || row.claimed_downloaded !== 0n
  return books.map((rows) => rows.filter(isClaim).map(({ reason: _, seen_ts: __, ...row }) => row))
}
