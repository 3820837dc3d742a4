import { expect, test } from 'vitest'
import { REDSWARM } from '../../../src/contract/metricNames.ts'
import { expositionFor } from '../../../src/metrics/exposition.ts'
import { addReadiness, createMetrics } from '../../../src/metrics/registry.ts'
import type { StorageNumbers } from '../../../src/metrics/storageGauges.ts'

const NUMBERS: StorageNumbers = {
  infohashes: 3,
  seeders: 5,
  leechers: 7,
  isNoEviction: true,
  usedMemoryBytes: 1_000_000,
  maxMemoryBytes: 0,
  evictedKeys: 0,
  passkeys: 13,
  isWhitelistMissing: false,
  streamEntries: 17,
  oldestEntryAgeSeconds: 1.5,
  trafficTrimmed: 11,
  deadLetters: 2,
  failedEntries: 1,
}
const BUCKETS = ['9.375', '18.75', '37.5', '75', '150', '300', '600', '1200', '2400', '4800', '+Inf']

function aRegistry(
  readStorage: () => Promise<StorageNumbers | undefined> = async () => NUMBERS,
  inFlight = 0,
) {
  const metrics = createMetrics({ readStorage, inFlight: () => inFlight, errorKinds: ['timeout', 'script'] })
  const lines = async () =>
    expositionFor('text/plain')
      .text(await metrics.registry.getMetricsAsJSON())
      .split('\n')
  return { metrics, lines }
}

/** Names of the samples, without labels. */
const namesIn = (lines: readonly string[]) =>
  new Set(lines.filter((line) => !line.startsWith('#')).map((line) => /^\w*/.exec(line)![0]))

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

test('a bug is counted from 0 on, so that the first one is a rise', async () => {
  const { metrics, lines } = aRegistry()
  const counts = async () => (await lines()).filter((line) => line.startsWith(`${REDSWARM.refusals}{`))
  expect(await counts()).toEqual([
    'redswarm_refusals_total{frontend="http",reason="internal error"} 0',
    'redswarm_refusals_total{frontend="udp",reason="internal error"} 0',
  ])
  metrics.observeRequest('udp', 'announce', 'IPv4', 'internal error', 1)
  expect(await counts()).toContain('redswarm_refusals_total{frontend="udp",reason="internal error"} 1')
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
    return NUMBERS
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
  let counts: StorageNumbers | undefined = NUMBERS
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

test('every metric of the tracker that is published has a value from the first scrape on', async () => {
  const { metrics, lines } = aRegistry()
  addReadiness(metrics.registry, async () => '')
  const consumers = Object.values(REDSWARM).filter((name) => /^redswarm_(consumer|risk|worker)/.test(name))
  const atFirstEvent: readonly string[] = [
    REDSWARM.refusals,
    REDSWARM.passkeyDecisions,
    REDSWARM.eventLoopLag,
    REDSWARM.storeDuration,
  ]
  const names = namesIn(await lines())
  const missing = Object.values(REDSWARM).filter(
    (name) => ![name, `${name}_count`].some((each) => names.has(each)) && !consumers.includes(name as never),
  )
  expect(missing.filter((name) => !atFirstEvent.includes(name))).toEqual([])
  expect(names).toContain('process_cpu_seconds_total')
  expect(names).toContain('process_resident_memory_bytes')
  expect(names).toContain('process_start_time_seconds')
})

test('what Redis may not be asked is not there, and comes when it is answered', async () => {
  let numbers: StorageNumbers = { ...NUMBERS, isNoEviction: undefined, failedEntries: undefined }
  const { lines } = aRegistry(async () => numbers)
  const names = namesIn(await lines())
  expect(names).not.toContain(REDSWARM.redisNoEviction)
  expect(names).toContain(REDSWARM.redisUsedMemory)
  expect(await lines()).toContain('redswarm_traffic_dead_letters{queue="dlq"} 2')
  expect((await lines()).join('\n')).not.toContain('queue="failed"')
  numbers = { ...NUMBERS, isNoEviction: false }
  expect(await lines()).toContain('redswarm_redis_noeviction 0')
  expect(await lines()).toContain('redswarm_traffic_dead_letters{queue="failed"} 1')
})

test('before Redis has ever answered no number of the fleet is made up', async () => {
  const names = namesIn(await aRegistry(async () => undefined).lines())
  expect(names).not.toContain('chihaya_storage_seeders_count')
  expect(names).not.toContain(REDSWARM.whitelistMissing)
  expect(names).toContain(REDSWARM.storeInFlight)
})

test('announces and scrapes are counted in fine buckets by frontend, refusals by their text', async () => {
  const { metrics, lines } = aRegistry()
  metrics.observeRequest('http', 'announce', 'IPv4', '', 0.2)
  metrics.observeRequest('http', 'announce', 'IPv6', 'unapproved passkey', 40)
  metrics.observeRequest('udp', 'scrape', 'IPv4', '', 7)
  metrics.observeRequest('udp', 'connect', 'IPv4', '', 7)
  metrics.observeRequest('udp', '', 'Unknown', 'bad connection ID', 1)
  const text = await lines()
  expect(text).toContain('redswarm_announce_duration_seconds_bucket{le="0.0001",frontend="http"} 0')
  expect(text).toContain('redswarm_announce_duration_seconds_bucket{le="0.00025",frontend="http"} 1')
  expect(text).toContain('redswarm_announce_duration_seconds_bucket{le="0.05",frontend="http"} 2')
  expect(text).toContain('redswarm_announce_duration_seconds_count{frontend="http"} 2')
  expect(text).toContain('redswarm_scrape_duration_seconds_count{frontend="udp"} 1')
  expect(text).toContain('redswarm_refusals_total{frontend="http",reason="unapproved passkey"} 1')
  expect(text).toContain('redswarm_refusals_total{frontend="udp",reason="bad connection ID"} 1')
})

test('errors of scripts are there at zero before there are any', async () => {
  const { metrics, lines } = aRegistry()
  metrics.countScriptError('timeout')
  metrics.observeStoreCall('announce', 0.3)
  const text = await lines()
  expect(text).toContain('redswarm_script_errors_total{kind="timeout"} 1')
  expect(text).toContain('redswarm_script_errors_total{kind="script"} 0')
  expect(text).toContain('redswarm_store_duration_seconds_bucket{le="0.25",script="announce"} 0')
  expect(text).toContain('redswarm_store_duration_seconds_bucket{le="0.5",script="announce"} 1')
})
