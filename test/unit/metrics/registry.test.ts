import { expect, test } from 'vitest'
import { createMetrics, type StorageCounts } from '../../../src/metrics/registry.ts'

const COUNTS: StorageCounts = {
  infohashes: 3,
  seeders: 5,
  leechers: 7,
  isNoEviction: true,
  trafficTrimmed: 11,
}
const BUCKETS = ['9.375', '18.75', '37.5', '75', '150', '300', '600', '1200', '2400', '4800', '+Inf']

function aRegistry(readStorage: () => Promise<StorageCounts | undefined> = async () => COUNTS, inFlight = 0) {
  const metrics = createMetrics(readStorage, () => inFlight)
  const lines = async () => (await metrics.registry.metrics()).split('\n')
  return { metrics, lines }
}

test('the six metrics that dashboards know are there, with their names and types', async () => {
  const types = (await aRegistry().lines()).filter((line) => line.startsWith('# TYPE chihaya_'))
  expect(types.map((line) => line.slice('# TYPE '.length)).sort()).toEqual([
    'chihaya_http_response_duration_milliseconds histogram',
    'chihaya_storage_gc_duration_milliseconds histogram',
    'chihaya_storage_infohashes_count gauge',
    'chihaya_storage_leechers_count gauge',
    'chihaya_storage_seeders_count gauge',
    'chihaya_udp_response_duration_milliseconds histogram',
  ])
})

test.each(['http', 'udp'] as const)('%s durations carry three labels and ten buckets', async (frontend) => {
  const { metrics, lines } = aRegistry()
  metrics.observeRequest(frontend, 'announce', 'IPv4', 'unapproved passkey', 20)
  const name = `chihaya_${frontend}_response_duration_milliseconds`
  const own = (await lines()).filter((line) => line.startsWith(`${name}_`))
  expect(own).toContain(`${name}_count{action="announce",address_family="IPv4",error="unapproved passkey"} 1`)
  const buckets = own.filter((line) => line.includes('_bucket'))
  expect(buckets.map((line) => /le="([^"]+)"/.exec(line)![1])).toEqual(BUCKETS)
  expect(buckets.map((line) => line.split(' ').at(-1))).toEqual(['0', '0', ...Array(9).fill('1')])
  for (const line of buckets) expect(line).toContain('error="unapproved passkey"')
})

test('sweeps have the same buckets, and no labels', async () => {
  const { metrics, lines } = aRegistry()
  metrics.observeSweep(5000)
  const own = (await lines()).filter((line) => line.startsWith('chihaya_storage_gc_duration_milliseconds_'))
  expect(own.map((line) => /\{le="([^"]+)"\}/.exec(line)?.[1]).filter(Boolean)).toEqual(BUCKETS)
  expect(own).toContain('chihaya_storage_gc_duration_milliseconds_sum 5000')
})

test('the gauges show what Redis says, asked once for all of them', async () => {
  let asked = 0
  const { lines } = aRegistry(async () => {
    asked++
    return COUNTS
  })
  const text = await lines()
  expect(text).toContain('chihaya_storage_infohashes_count 3')
  expect(text).toContain('chihaya_storage_seeders_count 5')
  expect(text).toContain('chihaya_storage_leechers_count 7')
  expect(text).toContain('redswarm_traffic_trimmed_entries 11')
  expect(asked).toBe(1)
  await lines()
  expect(asked).toBe(2)
})

test('while Redis does not answer the gauges keep their last values', async () => {
  let counts: StorageCounts | undefined = COUNTS
  const { lines } = aRegistry(async () => counts)
  await lines()
  counts = undefined
  expect(await lines()).toContain('chihaya_storage_seeders_count 5')
})

test('calls in flight and failures of the store are counted', async () => {
  const { metrics, lines } = aRegistry(undefined, 4)
  metrics.countStoreFailure()
  metrics.countStoreFailure()
  expect(await lines()).toContain('redswarm_store_in_flight 4')
  expect(await lines()).toContain('redswarm_store_failures_total 2')
})
