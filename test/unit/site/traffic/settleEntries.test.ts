import assert from 'node:assert/strict'
import { test } from 'vitest'
import { parseTrafficEvent } from '../../../../src/contract/parseTrafficEvent.ts'
import type { TrafficEntry } from '../../../../src/contract/trafficEvent.ts'
import { EntryNotSettled, LedgerUnavailable } from '../../../../src/runtime/errors.ts'
import type { SettlementLedger, SettleOutcome } from '../../../../src/site/ledger/types.ts'
import { settleEntries } from '../../../../src/site/traffic/settleEntries.ts'
import { aPasskey, someFields } from '../../../support/builders/builders.ts'

const NOTHING = { duplicates: 0, forgotten: 0, uploadedBytes: 0n, downloadedBytes: 0n, gaps: 0, retries: 0 }
const OUTCOME = { ...NOTHING, overlapUploadedBytes: 0n, overlapDownloadedBytes: 0n }

const entries = (count: number): TrafficEntry[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `${i + 1}-0`,
    event: parseTrafficEvent(someFields({ passkey: aPasskey(i) })),
  }))

/** @param settle what one transaction does; throws to refuse it */
async function run(batch: readonly TrafficEntry[], settle: (ids: readonly string[]) => void) {
  const settled: string[] = []
  let [transactions, waits] = [0, 0]
  const ledger = {
    async settle(_: string, given: readonly TrafficEntry[]): Promise<SettleOutcome> {
      transactions++
      const ids = given.map(({ id }) => id)
      settle(ids)
      settled.push(...ids)
      return { ...OUTCOME, settled: ids.length }
    },
  } as unknown as SettlementLedger
  const refused = await settleEntries(batch, {
    ledger,
    redisEpoch: 'ab:cd',
    async waitForLedger() {
      if (++waits > 3) throw new Error('given up')
    },
    onSettled: () => {},
  })
  return { settled, refused, transactions, waits }
}

test('nothing wrong: one transaction', async () => {
  const { settled, refused, transactions } = await run(entries(100), () => {})
  assert.deepEqual([settled.length, refused.size, transactions], [100, 0, 1])
})

test('entries that the database names are left out, one transaction each', async () => {
  const { settled, refused, transactions } = await run(entries(100), (ids) => {
    for (const id of ['7-0', '70-0'])
      if (ids.includes(id)) throw new EntryNotSettled(id, { cause: new Error(`out of range in ${id}`) })
  })
  assert.deepEqual([settled.length, transactions], [98, 3])
  assert.deepEqual(
    [...refused],
    [
      ['7-0', 'the database refuses it: out of range in 7-0'],
      ['70-0', 'the database refuses it: out of range in 70-0'],
    ],
  )
})

test('entries that nobody names are found by halving, wherever they are', async () => {
  for (const bad of [['1-0'], ['100-0'], ['1-0', '2-0', '3-0'], ['50-0', '51-0']]) {
    const { settled, refused } = await run(entries(100), (ids) => {
      if (ids.some((id) => bad.includes(id))) throw new TypeError('somewhere')
    })
    assert.deepEqual([...refused.keys()].sort(), bad.toSorted())
    assert.equal(new Set(settled).size, 100 - bad.length)
    assert.equal(settled.length, 100 - bad.length)
  }
})

test('a name of no entry in the batch is as good as none', async () => {
  const { refused } = await run(entries(4), (ids) => {
    if (ids.includes('3-0')) throw new EntryNotSettled('999-0', { cause: new Error('?') })
  })
  assert.deepEqual([...refused.keys()], ['3-0'])
})

test('a database that is away is asked again with the same entries, until the wait gives up', async () => {
  let failures = 0
  const { settled, transactions, waits } = await run(entries(5), () => {
    if (failures++ < 3) throw new LedgerUnavailable('away')
  })
  assert.deepEqual([settled.length, transactions, waits], [5, 4, 3])
  await assert.rejects(
    run(entries(5), () => {
      throw new LedgerUnavailable('away')
    }),
    /given up/,
  )
})

test('when every entry is refused for a reason that names none, the fault is thrown soon', async () => {
  let transactions = 0
  const broken = run(entries(1000), () => {
    transactions++
    throw new TypeError('a bug')
  })
  await assert.rejects(broken, /a bug/)
  assert(transactions < 60)
})

test('a reason does not repeat the passkey that the database repeated', async () => {
  const [entry] = entries(1)
  const message = `Duplicate entry '${entry!.event.passkey}-0000' for key 'PRIMARY'`
  for (const error of [new EntryNotSettled('1-0', { cause: new Error(message) }), new Error(message)]) {
    const { refused } = await run([entry!], () => {
      throw error
    })
    assert.equal(
      refused.get('1-0'),
      "the database refuses it: Duplicate entry 'aaaa…-0000' for key 'PRIMARY'",
    )
  }
})
