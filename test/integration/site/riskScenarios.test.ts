import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import type { RiskEvaluatorOptions } from '../../../src/site/risk/evaluator.ts'
import { anInfohash, aPasskey, aPeerId } from '../../support/builders/builders.ts'
import { GIB, HOUR, MIB } from '../../support/builders/riskFeatures.ts'
import { aSite, INTERVAL, MINUTE, NOON } from '../../support/servers/riskSite.ts'
import { type SqlServer, startSqlServer, stopSqlServers } from '../../support/servers/sqlServers.ts'

/**
 * From entries of the stream through the ledger to flags: for each rule one who is found, and the honest ones closest to
 * it. All rules are on, so the honest ones are checked against every one of them.
 */
const [CHEAT, HONEST] = [aPasskey(0xc), aPasskey(0xa)]
const peer = (n: number) => aPasskey(0x100 + n)

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('on %s', (kind) => {
  let server: SqlServer | undefined
  let ledger: Ledger
  let site: ReturnType<typeof aSite>

  beforeAll(async () => {
    if (kind !== 'sqlite') server = await startSqlServer(kind)
  }, 120_000)
  afterAll(stopSqlServers)
  beforeEach(async () => {
    ledger = await openLedger(server ? await server.newDatabase() : 'sqlite::memory:')
    site = aSite(ledger)
    await site.begin()
    return () => ledger.close()
  })

  /** Everybody who was flagged, as `rule subject`. */
  async function found(untilSeconds: number, options?: RiskEvaluatorOptions): Promise<string[]> {
    const flags = await site.judge(untilSeconds + 2 * HOUR, options)
    const subjects = flags.map(({ rule, passkey }) => `${rule} ${passkey ?? 'torrent'}`)
    return [...new Set(subjects)].sort()
  }

  /** A seeder and a leecher who takes all that it uploads, for some intervals. @returns when it ended */
  function transfer(
    rate: bigint,
    intervals: number,
    who: { passkey: string; ip?: string; infohash?: ReturnType<typeof anInfohash> },
  ): number {
    const { infohash = anInfohash(), ip } = who
    const seeder = site.client({ passkey: who.passkey as never, infohash, ...(ip && { ip }) })
    const leecher = site.client({ passkey: peer(0), infohash, ip: '192.0.2.7' })
    const each = rate * BigInt(INTERVAL)
    for (let n = 0; n <= intervals; n++) {
      leecher.announce(NOON + n * INTERVAL, { down: BigInt(n) * each, left: 1n })
      seeder.announce(NOON + n * INTERVAL + MINUTE, { up: BigInt(n) * each })
    }
    return NOON + intervals * INTERVAL + MINUTE
  }

  test('impossible_rate: 600 MiB/s from a home is found', async () => {
    expect(await found(transfer(600n * MIB, 2, { passkey: CHEAT }))).toEqual([`impossible_rate ${CHEAT}`])
  })

  test('impossible_rate: a fast line, and a seedbox that is known, are believed', async () => {
    const seedbox = { passkey: HONEST, ip: '203.0.113.50', infohash: anInfohash(2) }
    const end = transfer(900n * MIB, 2, seedbox)
    expect(await found(end, { seedboxNetworks: ['203.0.113.0/24'] })).toEqual([])
  })

  test('impossible_rate: an announce right after another one is believed', async () => {
    const seeder = site.client({ passkey: HONEST })
    const leecher = site.client({ passkey: peer(0), ip: '192.0.2.7' })
    leecher.announce(NOON, { left: 1n })
    seeder.announce(NOON + 1)
    leecher.announce(NOON + 290, { down: 3n * GIB, left: 1n })
    seeder.announce(NOON + 295, { up: 10n * MIB })
    seeder.announce(NOON + 297, { up: 3n * GIB, event: 'stopped' })
    expect(await found(NOON + 300)).toEqual([])
  })

  test('upload_without_leechers: who uploads to an empty swarm is found', async () => {
    const seeder = site.client({ passkey: CHEAT })
    for (let n = 0; n <= 3; n++) seeder.announce(NOON + n * INTERVAL, { up: BigInt(n) * 500n * MIB })
    expect(await found(NOON + 3 * INTERVAL)).toEqual([`upload_without_leechers ${CHEAT}`])
  })

  test('upload_without_leechers: who leeches alone and uploads is found, though it counts as a leecher itself', async () => {
    const alone = site.client({ passkey: CHEAT })
    for (let n = 0; n <= 3; n++) alone.announce(NOON + n * INTERVAL, { up: BigInt(n) * 500n * MIB, left: 9n })
    expect(await found(NOON + 3 * INTERVAL)).toEqual([`upload_without_leechers ${CHEAT}`])
  })

  test('upload_without_leechers: the leecher came, finished and left between two announces of the seeder', async () => {
    const seeder = site.client({ passkey: HONEST })
    seeder.announce(NOON)
    const leecher = site.client({ passkey: peer(0), ip: '192.0.2.7' })
    leecher.announce(NOON + 60, { left: 500n * MIB, event: 'started' })
    leecher.announce(NOON + 600, { down: 500n * MIB, event: 'completed' })
    leecher.announce(NOON + 660, { event: 'stopped' })
    seeder.announce(NOON + INTERVAL, { up: 500n * MIB })
    expect(await found(NOON + INTERVAL)).toEqual([])
  })

  test('upload_above_downloads: who uploads more than everybody took is found', async () => {
    const cheat = site.client({ passkey: CHEAT })
    const leecher = site.client({ passkey: peer(0), ip: '192.0.2.7' })
    for (let n = 0; n <= 12; n++) {
      leecher.announce(NOON + n * INTERVAL, { down: BigInt(n) * 100n * MIB, left: 1n })
      cheat.announce(NOON + n * INTERVAL + MINUTE, { up: BigInt(n) * 4n * GIB })
    }
    expect(await found(NOON + 12 * INTERVAL)).toEqual([`upload_above_downloads ${CHEAT}`])
  })

  test('upload_above_downloads: a seedbox that gives a fresh torrent to twenty leechers is believed', async () => {
    const seedbox = site.client({ passkey: HONEST })
    const leechers = Array.from({ length: 20 }, (_, i) =>
      site.client({ passkey: peer(i), ip: `192.0.2.${i}` }),
    )
    for (let n = 0; n <= 6; n++) {
      seedbox.announce(NOON + n * INTERVAL, { up: BigInt(n) * 40n * GIB })
      for (const [i, leecher] of leechers.entries()) {
        const isLast = n === 6
        const report = { down: BigInt(n) * 2n * GIB, left: isLast ? 0n : 1n }
        leecher.announce(
          NOON + n * INTERVAL + 10 * MINUTE + i,
          isLast ? { ...report, event: 'completed' } : report,
        )
      }
    }
    expect(await found(NOON + 6 * INTERVAL + 10 * MINUTE)).toEqual([])
  })

  test('upload_above_downloads: leechers who report an interval after the seeder clear it, over a full hour as well', async () => {
    const seeder = site.client({ passkey: HONEST })
    const leecher = site.client({ passkey: peer(0), ip: '192.0.2.7' })
    leecher.announce(NOON + 1850, { left: 40n * GIB })
    seeder.announce(NOON + 1900)
    seeder.announce(NOON + 3590, { up: 40n * GIB })
    leecher.announce(NOON + 3650, { down: 40n * GIB, event: 'completed' })
    expect(await found(NOON + 3650)).toEqual([])
  })

  test('many_networks: a passkey in six homes at once is found', async () => {
    const homes = Array.from({ length: 6 }, (_, i) =>
      site.client({ passkey: CHEAT, infohash: anInfohash(i), ip: `203.0.${i}.20` }),
    )
    for (let n = 0; n <= 2; n++)
      for (const [i, home] of homes.entries()) home.announce(NOON + n * INTERVAL + i)
    expect(await found(NOON + 2 * INTERVAL)).toEqual([`many_networks ${CHEAT}`])
  })

  test('many_networks: a dual-stack home, its carrier, and a known seedbox are few', async () => {
    const home = Array.from({ length: 8 }, (_, i) =>
      site.client({ passkey: HONEST, infohash: anInfohash(i), ip: '203.0.113.20' }),
    )
    const carrier = Array.from({ length: 8 }, (_, i) =>
      site.client({ passkey: HONEST, infohash: anInfohash(20 + i), ip: `100.64.7.${i}` }),
    )
    const seedboxes = Array.from({ length: 8 }, (_, i) =>
      site.client({ passkey: HONEST, infohash: anInfohash(40 + i), ip: `198.18.${i}.9` }),
    )
    for (let n = 0; n <= 2; n++) {
      const at = NOON + n * INTERVAL
      for (const [i, client] of home.entries()) {
        client.announce(at + 2 * i)
        client.announce(at + 2 * i + 1, { ip: `2001:db8:5:${i}::1` }) // the other family, right behind
      }
      for (const client of [...carrier, ...seedboxes]) client.announce(at + 100)
    }
    expect(await found(NOON + 2 * INTERVAL, { seedboxNetworks: ['198.18.0.0/15'] })).toEqual([])
  })

  test('many_networks: a client that is restarted behind another address each time is at one place at a time', async () => {
    let at = NOON
    for (let n = 0; n < 8; n++) {
      const client = site.client({ passkey: HONEST, ip: `203.0.${n}.20` })
      client.announce(at, { event: 'started' })
      client.announce(at + INTERVAL - 60, { event: 'stopped' })
      at += INTERVAL
    }
    expect(await found(at)).toEqual([])
  })

  test('shared_identity: one client under two passkeys is found, by its peer id or by its endpoint', async () => {
    const same = { peerId: aPeerId(77), infohash: anInfohash(1) }
    const cloned = [CHEAT, peer(1)].map((passkey, i) =>
      site.client({ ...same, passkey, ip: `203.0.${i}.9`, port: 50_000 + i }),
    )
    const twins = [peer(2), peer(3)].map((passkey, i) =>
      site.client({ passkey, infohash: anInfohash(10 + i), ip: '198.18.1.1', port: 50_100 }),
    )
    for (let n = 0; n <= 2; n++)
      for (const client of [...cloned, ...twins]) client.announce(NOON + n * INTERVAL)
    expect(await found(NOON + 2 * INTERVAL)).toEqual(
      [CHEAT, peer(1), peer(2), peer(3)].map((passkey) => `shared_identity ${passkey}`).sort(),
    )
  })

  test('shared_identity: a changed passkey, strangers behind a carrier, and a household are not', async () => {
    const one = { peerId: aPeerId(77), ip: '203.0.113.9', port: 50_000 }
    const before = site.client({ ...one, passkey: HONEST })
    const after = site.client({ ...one, passkey: peer(1) })
    const strangers = [2, 3].map((n) => site.client({ passkey: peer(n), ip: '100.64.7.7', port: 51_413 }))
    const household = [4, 5].map((n) => site.client({ passkey: peer(n), ip: '192.0.2.80', port: 50_000 + n }))
    for (let n = 0; n <= 6; n++) {
      const at = NOON + n * INTERVAL
      if (n <= 2) before.announce(at)
      if (n >= 2) after.announce(at + 5)
      for (const client of [...strangers, ...household]) client.announce(at + 10)
    }
    expect(await found(NOON + 6 * INTERVAL)).toEqual([])
  })

  test('counter_resets: counters that begin anew all day while bytes are claimed are found', async () => {
    const cheat = site.client({ passkey: CHEAT })
    const leecher = site.client({ passkey: peer(0), ip: '192.0.2.7' })
    for (let n = 0; n < 18; n++) {
      const at = NOON + n * INTERVAL
      leecher.announce(at, { down: BigInt(n) * GIB, left: 1n })
      cheat.announce(at + MINUTE, n % 2 === 0 ? { up: 1n, event: 'started' } : { up: GIB })
    }
    expect(await found(NOON + 18 * INTERVAL)).toEqual([`counter_resets ${CHEAT}`])
  })

  test('counter_resets: a client with hundreds of torrents that restarts twice is believed', async () => {
    const clients = Array.from({ length: 100 }, (_, i) =>
      site.client({ passkey: HONEST, infohash: anInfohash(i), peerId: aPeerId(1), ip: '203.0.113.20' }),
    )
    const leechers = clients.map((_, i) =>
      site.client({ passkey: peer(i), infohash: anInfohash(i), ip: `192.0.2.${i}` }),
    )
    for (let n = 0; n < 9; n++) {
      const run = BigInt(n % 3)
      for (const leecher of leechers)
        leecher.announce(NOON + n * INTERVAL, { down: BigInt(n) * 500n * MIB, left: 1n })
      for (const client of clients)
        client.announce(NOON + n * INTERVAL + MINUTE, { up: run * 500n * MIB + 1n })
    }
    expect(await found(NOON + 9 * INTERVAL)).toEqual([])
  })

  test('completed_without_data: seven torrents finished out of nothing are found', async () => {
    const clients = Array.from({ length: 7 }, (_, i) =>
      site.client({ passkey: CHEAT, infohash: anInfohash(i), ip: '203.0.113.9' }),
    )
    for (const [i, client] of clients.entries()) client.announce(NOON + i, { left: 1n, event: 'started' })
    for (const [i, client] of clients.entries()) client.announce(NOON + 60 + i, { event: 'completed' })
    expect(await found(NOON + 100)).toEqual([`completed_without_data ${CHEAT}`])
  })

  test('completed_without_data: a client that repeats itself, and a few re-checks, are left alone', async () => {
    const clients = Array.from({ length: 4 }, (_, i) =>
      site.client({ passkey: HONEST, infohash: anInfohash(i), ip: '203.0.113.9' }),
    )
    for (let n = 0; n < 20; n++)
      for (const client of clients) client.announce(NOON + n * 100, { event: 'completed' })
    expect(await found(NOON + 2000)).toEqual([])
  })
})
