import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Ledger } from '../../../src/site/ledger/ledger.ts'
import { aPasskey } from '../../support/builders/builders.ts'
import { LedgerModel, type Step, steps } from '../../support/builders/ledgerModel.ts'
import { T0 } from '../../support/builders/trafficEntries.ts'
import { onEachDatabase, rowsOf } from '../../support/servers/ledgers.ts'

const RUNS = { sqlite: 40, postgres: 8, mariadb: 8 } as const

async function totalsOf(ledger: Ledger, users: number): Promise<{ up: bigint; down: bigint }[]> {
  const totals = await Promise.all(Array.from({ length: users }, (_, n) => ledger.userTotals(aPasskey(n))))
  return totals.map((user) => ({ up: user!.uploadedBytes, down: user!.downloadedBytes }))
}

async function sumOf(ledger: Ledger, table: string, column: string): Promise<bigint> {
  return (await rowsOf(ledger, table)).reduce((sum, row) => sum + (row[column] as bigint), 0n)
}

/** Ahead of every entry: what lies ahead of the clock counts as written by a wrong one. */
const CLOCK = { now: () => T0 + 1_000_000 }

/** What a new Redis epoch shows first is older than what the one before lost: client 1 is settled, then forgotten by Redis. */
const OLD_ENTRIES_FIRST: Step[] = [
  { do: 'wipe' },
  { do: 'announce', client: 0, up: 0, down: 0 },
  { do: 'snapshot' },
  { do: 'announce', client: 1, up: 0, down: 0 },
  { do: 'settle', picks: [0, 1], isAcknowledged: false },
  { do: 'rollback' },
  { do: 'settle', picks: [0], isAcknowledged: false },
]

onEachDatabase('a ledger and what its clients moved', ({ kind, open }) => {
  test('agree to the byte, whatever Redis forgets and however entries come', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const ledger = await open(CLOCK)
        const model = new LedgerModel(ledger)
        const moved = await model.play(list)
        expect(await totalsOf(ledger, moved.length)).toEqual(moved)

        const uploaded = moved.reduce((sum, { up }) => sum + up, 0n)
        expect(await sumOf(ledger, 'pt_user_torrents', 'uploaded')).toBe(uploaded)
        expect(await sumOf(ledger, 'pt_entries', 'uploaded')).toBe(uploaded)
        expect(await sumOf(ledger, 'pt_windows', 'uploaded')).toBe(uploaded)

        await ledger.settle('a replay', model.everything())
        expect(await totalsOf(ledger, moved.length)).toEqual(moved)
        await ledger.close()
      }),
      { numRuns: RUNS[kind], examples: [[OLD_ENTRIES_FIRST]] },
    )
  })

  test('an empty ledger has the same totals after the whole stream', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps.map((list) => list.filter((step) => step.do === 'announce' || step.do === 'settle')),
        async (list) => {
          const [ledger, empty] = [await open(CLOCK), await open(CLOCK)]
          const model = new LedgerModel(ledger)
          const moved = await model.play(list)
          await empty.settle('another life', model.everything().toReversed())
          expect(await totalsOf(empty, moved.length)).toEqual(moved)
          expect(await sumOf(empty, 'pt_users', 'seed_seconds')).toBe(
            await sumOf(ledger, 'pt_users', 'seed_seconds'),
          )
          await Promise.all([ledger.close(), empty.close()])
        },
      ),
      { numRuns: RUNS[kind] / 4 },
    )
  })
})
