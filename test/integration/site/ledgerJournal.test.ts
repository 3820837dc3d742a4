import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TrafficEntry } from '../../../src/contract/trafficEvent.ts'
import type { JournalQuery } from '../../../src/site/ledger/explain.ts'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import { anInfohash, aPasskey, aPeerId } from '../../support/builders/builders.ts'
import { startSqlServer, stopSqlServers } from '../../support/servers/sqlServers.ts'

/** More than two pages of a journal. */
const ENTRIES = 2_100
/** Several of one millisecond, so that a page may end in the middle of one. */
const PER_MS = 7
const WHO = aPasskey()

function entry(n: number): TrafficEntry {
  const uploadedBytes = n * 1000
  return {
    id: `${1_800_000_000_000 + Math.floor(n / PER_MS)}-${n % PER_MS}`,
    event: {
      passkey: WHO,
      infohash: anInfohash(1 + (n % 3)),
      peerId: aPeerId(n % 3),
      port: 6881,
      ip: '192.0.2.1',
      addressFamily: 'IPv4',
      uploadedDeltaBytes: n < 3 ? 0 : 3000,
      downloadedDeltaBytes: 0,
      leftBytes: 0,
      event: 'none',
      atSeconds: 1_800_000_000 + n,
      elapsedSeconds: n < 3 ? 0 : 3,
      intervalSeconds: 1800,
      minIntervalSeconds: 900,
      totals: { uploadedBytes, downloadedBytes: 0, sinceSeconds: 1_800_000_000 + (n % 3) },
      seeders: 1,
      leechers: 0,
      agent: undefined,
      fd: undefined,
      pd: undefined,
    },
  }
}

describe.each(['sqlite', 'postgres', 'mariadb'] as const)('a journal on %s', (kind) => {
  let ledger: Ledger
  const entries = Array.from({ length: ENTRIES }, (_, n) => entry(n))

  beforeAll(async () => {
    const url = kind === 'sqlite' ? 'sqlite::memory:' : await (await startSqlServer(kind)).newDatabase()
    ledger = await openLedger(url)
    await ledger.settle('a history', entries)
    const others = { ...entry(0), id: '1800000000001-99' }
    await ledger.settle('a history', [{ ...others, event: { ...others.event, passkey: aPasskey(2) } }])
  }, 120_000)
  afterAll(async () => {
    await ledger?.close()
    await stopSqlServers()
  })

  async function idsOf(query?: JournalQuery): Promise<string[]> {
    const ids: string[] = []
    for await (const { id } of ledger.explain(WHO, query)) ids.push(id)
    return ids
  }

  test('has each entry of the user once, the oldest first or the newest first', async () => {
    const ids = entries.map(({ id }) => id)
    expect(await idsOf()).toEqual(ids)
    expect(await idsOf({ newestFirst: true })).toEqual(ids.toReversed())
  })

  test('of one torrent has those of that torrent', async () => {
    const infohash = anInfohash(2)
    const ids = entries.filter(({ event }) => event.infohash === infohash).map(({ id }) => id)
    expect(await idsOf({ infohash })).toEqual(ids)
    expect(await idsOf({ infohash, newestFirst: true })).toEqual(ids.toReversed())
  })
})
