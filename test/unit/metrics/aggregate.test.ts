import { expect, test } from 'vitest'
import { ProcessTotals } from '../../../src/metrics/aggregate.ts'
import { expositionFor, type Snapshot } from '../../../src/metrics/exposition.ts'
import { createMetrics } from '../../../src/metrics/registry.ts'

const [ONE, OTHER] = [101, 102]
const STORAGE = {
  infohashes: 3,
  seeders: 5,
  leechers: 7,
  trafficTrimmed: 11,
  isNoEviction: true,
  usedMemoryBytes: 1,
  maxMemoryBytes: 1,
  evictedKeys: 1,
  passkeys: 1,
  isWhitelistMissing: true,
  streamEntries: 1,
  oldestEntryAgeSeconds: 1,
  deadLetters: 1,
  failedEntries: 1,
}
const ANNOUNCES =
  'chihaya_http_response_duration_milliseconds_count{action="announce",address_family="IPv4",error=""}'
const FAST = ANNOUNCES.replace('_count{', '_bucket{le="9.375",')

/** What a process with so many announces answered and so many calls under way tells, as it arrives elsewhere. */
async function aSnapshot(announces: number, inFlight = 0): Promise<Snapshot> {
  const { registry, observeRequest, countStoreFailure } = createMetrics({
    readStorage: async () => STORAGE,
    inFlight: () => inFlight,
    errorKinds: [],
  })
  for (let i = 0; i < announces; i++) observeRequest('http', 'announce', 'IPv4', '', i === 0 ? 1 : 100)
  countStoreFailure()
  return structuredClone(await registry.getMetricsAsJSON())
}

const linesOf = async (totals: ProcessTotals, own: Snapshot = []) =>
  expositionFor(undefined).text(totals.snapshot(own)).split('\n')

async function twoProcesses(): Promise<ProcessTotals> {
  const totals = new ProcessTotals()
  totals.report(ONE, await aSnapshot(2, 4))
  totals.report(OTHER, await aSnapshot(3, 5))
  return totals
}

test('histograms, counters and calls in flight add up over the processes', async () => {
  const lines = await linesOf(await twoProcesses())
  expect(lines).toContain(`${ANNOUNCES} 5`)
  expect(lines).toContain(`${FAST} 2`)
  expect(lines).toContain('redswarm_store_failures_total 2')
  expect(lines).toContain('redswarm_store_in_flight 9')
})

test('what every process reads from the same Redis is shown once, not summed', async () => {
  const lines = await linesOf(await twoProcesses())
  expect(lines).toContain('chihaya_storage_infohashes_count 3')
  expect(lines).toContain('chihaya_storage_seeders_count 5')
  expect(lines).toContain('chihaya_storage_leechers_count 7')
  expect(lines).toContain('redswarm_traffic_trimmed_entries 11')
  expect(lines).toContain('redswarm_redis_noeviction 1')
})

test('a newer report takes the place of the one before', async () => {
  const totals = await twoProcesses()
  totals.report(ONE, await aSnapshot(7))
  expect(await linesOf(totals)).toContain(`${ANNOUNCES} 10`)
})

test('without an answer the counts of a process stand and its gauges are left out', async () => {
  const totals = await twoProcesses()
  totals.report(ONE, undefined)
  totals.report(ONE, undefined)
  const lines = await linesOf(totals)
  expect(lines).toContain(`${ANNOUNCES} 5`)
  expect(lines).toContain('redswarm_store_in_flight 5')
})

test('no sum goes down when processes end and others begin at zero', async () => {
  const totals = await twoProcesses()
  totals.retire(ONE)
  totals.retire(OTHER)
  totals.retire(OTHER) // it has nothing left to give
  expect(await linesOf(totals)).toContain(`${ANNOUNCES} 5`)
  expect(await linesOf(totals)).not.toContainEqual(expect.stringMatching(/^redswarm_store_in_flight/))
  totals.report(OTHER, await aSnapshot(1, 1)) // the system gives process ids again
  expect(await linesOf(totals)).toContain(`${ANNOUNCES} 6`)
  expect(await linesOf(totals)).toContain(`${FAST} 3`)
  expect(await linesOf(totals)).toContain('redswarm_store_in_flight 1')
})

test('the metrics of the process that asks stand beside the sums', async () => {
  const totals = new ProcessTotals()
  expect(await linesOf(totals, await aSnapshot(2))).toContain(`${ANNOUNCES} 2`)
})
