import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { inTotals, readJournal } from '../../../src/site/ledger/explain.ts'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import { asBigint } from '../../../src/site/ledger/sql/tables.ts'
import { createRiskEvaluator, type RiskEvaluatorOptions } from '../../../src/site/risk/evaluator.ts'
import type { RiskFlag } from '../../../src/site/risk/flags.ts'
import { openRiskDesk, RiskRefused } from '../../../src/site/risk/riskDesk.ts'
import { DEFAULT_RISK_SETTINGS } from '../../../src/site/risk/settings.ts'
import { anInfohash, aPasskey } from '../../support/builders/builders.ts'
import { GIB, HOUR, MIB } from '../../support/builders/riskFeatures.ts'
import { anEntry } from '../../support/builders/trafficEntries.ts'
import { aSite, type Client, INTERVAL, judgeAll, MINUTE, NOON } from '../../support/servers/riskSite.ts'
import { type SqlServer, startSqlServer, stopSqlServers } from '../../support/servers/sqlServers.ts'

const CHEAT = aPasskey(0xc)
const [A, B] = [anInfohash(0xa), anInfohash(0xb)]
const { rules } = DEFAULT_RISK_SETTINGS
const HOLDS: RiskEvaluatorOptions = {
  rules: { ...rules, upload_without_leechers: { ...rules.upload_without_leechers, action: 'hold' } },
}
const RATE_HOLDS: RiskEvaluatorOptions = {
  rules: { ...rules, impossible_rate: { ...rules.impossible_rate, action: 'hold' } },
}
const STAFF = { by: 'alice' }
const LIFE = 'one life of one Redis'

/** The n-th entry of the window at noon, by a producer that says no totals: it may claim anything. */
function aBlind(n: number, du: number) {
  return { at: NOON + (n % 600), seq: n, du, dt: 60, leechers: 9, hasTotals: false }
}

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('credit on hold, on %s', (kind) => {
  let server: SqlServer | undefined
  let ledger: Ledger
  let site: ReturnType<typeof aSite>
  let url = ''

  beforeAll(async () => {
    if (kind !== 'sqlite') server = await startSqlServer(kind)
  }, 120_000)
  afterAll(stopSqlServers)
  beforeEach(async () => {
    url = server ? await server.newDatabase() : 'sqlite::memory:'
    ledger = await openLedger(url)
    site = aSite(ledger)
    await site.begin()
    return () => ledger.close()
  })

  /** Uploads to nobody on A and moves honest bytes on B, for one interval after another. */
  function aCheat() {
    const faker = site.client({ passkey: CHEAT, infohash: A })
    const honest = site.client({ passkey: CHEAT, infohash: B })
    const leecher = site.client({ passkey: aPasskey(1), infohash: B, ip: '192.0.2.7' })
    const announce = (client: Client, at: number, up: bigint, down = 0n) =>
      client.announce(at, { up, down, ...(client !== faker && down > 0n && { left: 1n }) })
    return (n: number) => {
      const at = NOON + n * INTERVAL
      announce(faker, at, BigInt(n) * GIB, BigInt(n) * 7n)
      announce(leecher, at + MINUTE, 0n, BigInt(n) * 100n * MIB + 1n)
      announce(honest, at + 2 * MINUTE, BigInt(n) * 100n * MIB)
    }
  }

  async function totals() {
    const { db } = ledger.database
    const user = await db.selectFrom('pt_users').selectAll().where('passkey', '=', CHEAT).executeTakeFirst()
    const torrents = await db
      .selectFrom('pt_user_torrents')
      .selectAll()
      .where('passkey', '=', CHEAT)
      .orderBy('infohash')
      .execute()
    return {
      user: asBigint(user?.uploaded),
      down: asBigint(user?.downloaded),
      torrents: torrents.map((row) => asBigint(row.uploaded)),
    }
  }
  /** What the journal says of the totals. */
  async function explained() {
    let [user, down] = [0n, 0n]
    for await (const line of readJournal(ledger.database.db, CHEAT)) {
      user += inTotals(line).uploadedBytes
      down += inTotals(line).downloadedBytes
    }
    return { user, down }
  }
  /** The n-th interval's window is closed, and the next one's is not. */
  const after = (n: number) => NOON + n * INTERVAL + 10 * MINUTE + HOUR
  const honest = (n: number) => BigInt(n) * 100n * MIB

  test('in shadow nothing moves, and a flag is written', async () => {
    const interval = aCheat()
    for (let n = 0; n <= 2; n++) interval(n)
    const flags = await site.judge(after(2))
    expect(flags.map(({ rule, action }) => `${rule} ${action}`)).toEqual(['upload_without_leechers shadow'])
    expect(await totals()).toMatchObject({ user: 2n * GIB + honest(2), torrents: [2n * GIB, honest(2)] })
  })

  test("the flagged windows' credit leaves the totals, what follows is parked, a release brings all of it back once", async () => {
    const interval = aCheat()
    for (let n = 0; n <= 2; n++) interval(n)
    const [flag, ...rest] = await site.judge(after(2), HOLDS)
    expect(rest).toEqual([])
    // Two windows were flagged, under one flag and one hold.
    expect((await openRiskDesk(ledger.database).show(flag!.flag))!).toMatchObject({
      windows: 2,
      action: 'hold',
    })
    expect(await totals()).toEqual({ user: honest(2), down: 0n, torrents: [0n, honest(2)] })

    interval(3)
    interval(4)
    await site.settle()
    const desk = openRiskDesk(ledger.database)
    expect((await desk.show(flag!.flag))!.hold).toMatchObject({
      state: 'active',
      uploaded: 4n * GIB,
      downloaded: 28n,
    })
    expect(await totals()).toEqual({ user: honest(4), down: 0n, torrents: [0n, honest(4)] })

    await site.judge(after(4), HOLDS) // flags the windows that were parked already: nothing moves twice
    expect(await totals()).toMatchObject({ user: honest(4) })

    const released = await desk.release(flag!.flag, { ...STAFF, note: 'a friend over the LAN' })
    expect(released).toMatchObject({ state: 'released', decidedBy: 'alice', note: 'a friend over the LAN' })
    const all = { user: 4n * GIB + honest(4), down: 28n, torrents: [4n * GIB, honest(4)] }
    expect(await totals()).toEqual(all)
    expect(await explained()).toEqual({ user: all.user, down: all.down })

    await expect(desk.release(flag!.flag, STAFF)).rejects.toThrow(RiskRefused)
    await expect(desk.void(flag!.flag, STAFF)).rejects.toThrow(/was released before/)
    await createRiskEvaluator(ledger, HOLDS).evaluate(NOON + INTERVAL)
    expect(await totals()).toEqual(all)
  })

  test('a void drops what was uploaded, counts what was downloaded, and the rule goes on looking', async () => {
    const interval = aCheat()
    for (let n = 0; n <= 2; n++) interval(n)
    const [flag] = await site.judge(after(2), HOLDS)
    const desk = openRiskDesk(ledger.database)
    await expect(desk.dismiss(flag!.flag, STAFF)).rejects.toThrow(/release or void it/)
    expect(await desk.void(flag!.flag, STAFF)).toMatchObject({ state: 'voided' })
    expect(await totals()).toEqual({ user: honest(2), down: 14n, torrents: [0n, honest(2)] })
    expect(await explained()).toEqual({ user: honest(2), down: 14n })

    interval(3)
    const again = await site.judge(after(3), HOLDS)
    expect(again).toHaveLength(1)
    expect(again[0]!.flag).not.toBe(flag!.flag)
    expect(await totals()).toEqual({ user: honest(3), down: 14n, torrents: [0n, honest(3)] })
  })

  test('a rule that changes from shadow to hold takes up the flag that waits', async () => {
    const interval = aCheat()
    for (let n = 0; n <= 2; n++) interval(n)
    const [flag] = await site.judge(after(2))
    interval(3)
    expect(await site.judge(after(3), HOLDS)).toEqual([])
    expect(await openRiskDesk(ledger.database).show(flag!.flag)).toMatchObject({
      action: 'hold',
      windows: 3,
      hold: { uploaded: GIB },
    })
    expect(await totals()).toMatchObject({ user: 2n * GIB + honest(3) })
  })

  test('a dismissed subject is left in peace for a while, and flagged again afterwards', async () => {
    const interval = aCheat()
    for (let n = 0; n <= 2; n++) interval(n)
    const [flag] = await site.judge(after(2))
    const desk = openRiskDesk(ledger.database)
    await desk.dismiss(flag!.flag, { ...STAFF, atSeconds: after(2) })
    await expect(desk.dismiss(flag!.flag, STAFF)).rejects.toThrow(/was dismissed before/)
    await expect(desk.dismiss('0123', STAFF)).rejects.toThrow('there is no flag 0123')
    for (let n = 3; n <= 10; n++) interval(n)
    const quiet = { quietSeconds: INTERVAL * 4 }
    const flags = (await site.judge(after(10), quiet)).filter(({ rule }) => rule === flag!.rule)
    expect(flags).toHaveLength(1)
    expect(flags[0]!.firstWindowSeconds).toBeGreaterThanOrEqual(after(2) + quiet.quietSeconds)
  })

  test('a hold on a passkey takes all its torrents, and gives each its own back', async () => {
    const homes = Array.from({ length: 6 }, (_, i) =>
      site.client({ passkey: CHEAT, infohash: i % 2 ? A : B, ip: `203.0.${i}.20` }),
    )
    const leechers = [A, B].map((infohash) =>
      site.client({ passkey: aPasskey(1), infohash, ip: '192.0.2.7' }),
    )
    const interval = (n: number) => {
      for (const leecher of leechers)
        leecher.announce(NOON + n * INTERVAL, { down: BigInt(n) * GIB, left: 1n })
      for (const [i, home] of homes.entries())
        home.announce(NOON + n * INTERVAL + 1, { up: BigInt(n * (i + 1)) * MIB })
    }
    for (let n = 0; n <= 1; n++) interval(n)
    const options = {
      rules: { ...rules, many_networks: { ...rules.many_networks, action: 'hold' as const } },
    }
    const [flag, ...rest] = await site.judge(after(1), options)
    expect(rest).toEqual([])
    for (let n = 2; n <= 3; n++) interval(n)
    await site.settle()
    expect(await totals()).toMatchObject({ user: 21n * MIB }) // before the hold, outside the flagged window
    await openRiskDesk(ledger.database).release(flag!.flag, STAFF)
    expect(await totals()).toMatchObject({ user: 63n * MIB, torrents: [3n * 12n * MIB, 3n * 9n * MIB] })
  })

  test('a hold beyond 2^53 bytes takes all of them, and gives all of them back', async () => {
    await ledger.settle(LIFE, [
      ...Array.from({ length: 9 }, (_, n) => anEntry({ ...aBlind(n, 2 ** 50), passkey: CHEAT })),
      anEntry({ ...aBlind(9, 1), passkey: CHEAT }),
    ])
    const [flag] = await site.judge(after(1), RATE_HOLDS)
    expect(await totals()).toMatchObject({ user: 0n, torrents: [0n] })
    await openRiskDesk(ledger.database).release(flag!.flag, STAFF)
    const all = 9n * 2n ** 50n + 1n
    expect(await totals()).toMatchObject({ user: all, torrents: [all] })
  })

  test('a hold stops at 2^63 - 1 as the totals do, and judging goes on', async () => {
    const most = 2n ** 63n - 1n
    for (let batch = 0; batch < 6; batch++) {
      const infohash = batch < 3 ? A : B
      const entries = Array.from({ length: 3_000 }, (_, n) =>
        anEntry({ ...aBlind(3_000 * batch + n, 2 ** 50), passkey: CHEAT, infohash }),
      )
      await ledger.settle(LIFE, entries)
    }
    expect(await totals()).toMatchObject({ user: most, torrents: [most, most] })
    const flags = await site.judge(after(1), RATE_HOLDS)
    expect(flags.map(({ rule, hold }) => [rule, hold?.uploaded])).toEqual([
      ['impossible_rate', most],
      ['impossible_rate', most],
    ])
    expect(await totals()).toMatchObject({ user: 0n, torrents: [0n, 0n] })
    for (const { flag } of flags) await openRiskDesk(ledger.database).release(flag, STAFF)
    expect(await totals()).toMatchObject({ user: most, torrents: [most, most] })
  })

  test('a finding that the database refuses keeps neither the others nor later windows from being judged', async () => {
    const other = aPasskey(0xd)
    const refused = `passkey = '${CHEAT}'`
    const refusal =
      kind === 'sqlite'
        ? `create trigger refuse before insert on pt_holds when new.${refused} begin select raise(abort, 'not this one'); end`
        : `alter table pt_holds add constraint refuse check (not (${refused}))`
    await sql.raw(refusal).execute(ledger.database.db)
    const entries = [CHEAT, other].map((passkey, seq) => anEntry({ ...aBlind(seq, 2 ** 50), passkey }))
    const later = anEntry({ ...aBlind(2, 2 ** 50), passkey: aPasskey(0xe), at: NOON + 10 * MINUTE })
    await ledger.settle(LIFE, [...entries, later])

    const flagged: (string | undefined)[] = []
    const onFlag = ({ passkey }: RiskFlag) => flagged.push(passkey)
    const evaluator = createRiskEvaluator(ledger, { ...RATE_HOLDS, onFlag })
    const error = await judgeAll(evaluator, after(1)).catch((thrown) => thrown)
    expect(String(error)).toContain(`refuses a finding in the window at ${NOON}`)
    expect(String(error) + JSON.stringify(error)).not.toContain(CHEAT)
    expect(flagged).toEqual([other])
    await judgeAll(evaluator, after(1))
    expect(flagged).toEqual([other, aPasskey(0xe)])
    expect(await totals()).toMatchObject({ user: 2n ** 50n })
  })

  test.skipIf(kind === 'sqlite')(
    'evaluators, consumers and staff at once: every byte is counted once',
    async () => {
      const interval = aCheat()
      const others = await Promise.all([1, 2, 3].map(() => openLedger(url)))
      for (let n = 0; n <= 4; n++) interval(n)
      await site.settle()
      const found = await Promise.all(
        [ledger, ...others].map((each) => judgeAll(createRiskEvaluator(each, HOLDS), after(4))),
      )
      expect(found.flat()).toHaveLength(1)
      const { flag } = found.flat()[0]!
      expect(await totals()).toMatchObject({ user: honest(4) })

      for (let n = 5; n <= 40; n++) interval(n)
      const [, ...decisions] = await Promise.allSettled([
        site.settle(),
        ...others.map((each) => openRiskDesk(each.database).release(flag, STAFF)),
        judgeAll(createRiskEvaluator(ledger), after(20)),
      ])
      expect(decisions.filter(({ status }) => status === 'fulfilled')).toHaveLength(2) // one release, and the evaluation
      expect(await totals()).toEqual({
        user: 40n * GIB + honest(40),
        down: 280n,
        torrents: [40n * GIB, honest(40)],
      })
      await Promise.all(others.map((each) => each.close()))
    },
  )
})
