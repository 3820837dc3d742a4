import { expect, test } from 'vitest'
import { createMetrics } from '../../../src/metrics/registry.ts'
import { statsOf } from '../../../src/metrics/stats.ts'

function someMetrics() {
  return createMetrics({ readStorage: async () => undefined, inFlight: () => 2, errorKinds: ['timeout'] })
}

test('tells in words what the metrics count, without zeros that say nothing', async () => {
  const metrics = someMetrics()
  for (let i = 0; i < 98; i++) metrics.observeRequest('http', 'announce', 'IPv4', '', 0.2)
  for (let i = 0; i < 2; i++) metrics.observeRequest('http', 'announce', 'IPv6', 'unapproved passkey', 40)
  metrics.countScriptError('timeout')
  const stats = statsOf(await metrics.registry.getMetricsAsJSON(), performance.timeOrigin / 1000 + 90.2)
  expect(stats).toMatchObject({
    uptimeSeconds: 90,
    http: {
      announces: { count: 100, p50Ms: 0.177, p99Ms: 37.5 }, // 50 of 98 into 0.1 to 0.25 ms; halfway from 25 to 50 ms
      scrapes: { count: 0 },
      refusals: { 'unapproved passkey': 2 },
    },
    udp: { announces: { count: 0 }, refusals: {}, droppedPackets: expect.any(Number) },
    store: { inFlight: 2, failures: 0, errors: { timeout: 1 }, announceScript: { count: 0 } },
    process: { residentBytes: expect.any(Number) },
  })
})

test('what Redis has not told is left out', async () => {
  const stats = statsOf(await someMetrics().registry.getMetricsAsJSON(), 0)
  expect(JSON.parse(JSON.stringify(stats))).toMatchObject({
    swarms: {},
    redis: {},
    passkeys: { siteCalls: { count: 0 } },
  })
  expect(JSON.stringify(stats)).not.toMatch(/null|isNoEviction|entries/)
})

test('what takes longer than the highest bound counts as that', async () => {
  const metrics = someMetrics()
  metrics.observeStoreCall('announce', 1000)
  const { store } = statsOf(await metrics.registry.getMetricsAsJSON(), 0)
  expect(store.announceScript).toEqual({ count: 1, p50Ms: 60_000, p99Ms: 60_000 })
})
