import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test, vi } from 'vitest'
import { createConsumerMetrics } from '../../../../src/site/traffic/consumerMetrics.ts'
import { lowWatermarkOfGroup } from '../../../../src/site/traffic/housekeeping.ts'
import { backlogOf, lagMsOf, roughBacklogOf } from '../../../../src/site/traffic/lag.ts'
import type { GroupState, TrafficState } from '../../../../src/site/traffic/trafficScripts.ts'

const aGroup = (given: Partial<GroupState> = {}): GroupState => ({
  name: 'group-pt',
  pending: 0,
  oldestPendingId: undefined,
  lastDeliveredId: '4000-0',
  entriesRead: 4,
  consumers: 1,
  ...given,
})

/** Ten entries were added, at 1000-0 to 10000-0, and the first two are trimmed. */
const aState = (given: Partial<TrafficState> = {}, group = aGroup()): TrafficState => ({
  redisEpoch: 'ab:cd',
  nowMs: 12_000,
  usedMemoryBytes: 1,
  maxMemoryBytes: 0,
  deadLetters: 0,
  failed: 0,
  entries: 8,
  oldestId: '3000-0',
  newestId: '10000-0',
  entriesAdded: 10,
  groups: [group],
  ...given,
})

describe('backlog and lag', () => {
  test.each([
    ['in the middle', aGroup(), 6, 8_000],
    ['at the end', aGroup({ lastDeliveredId: '10000-0', entriesRead: 10 }), 0, 0],
    ['before what was trimmed', aGroup({ lastDeliveredId: '1000-0', entriesRead: 1 }), 8, 9_000],
    ['at the beginning', aGroup({ lastDeliveredId: '0-0', entriesRead: undefined }), 8, 9_000],
    ['where Redis lost count', aGroup({ entriesRead: undefined }), 8, 8_000],
    ['with work in hand', aGroup({ oldestPendingId: '3000-0', pending: 2 }), 6, 9_000],
  ])('of a group %s', (_, group, backlog, lagMs) => {
    const state = aState({}, group)
    assert.equal(roughBacklogOf(state, group), backlog)
    assert.equal(lagMsOf(state, group, backlog), lagMs)
  })

  test('an ID past all numbers is of the future', () => {
    assert.equal(lagMsOf(aState(), aGroup({ oldestPendingId: '18446744073709551614-1', pending: 1 }), 1), 0)
  })

  test('of a stream that was trimmed to nothing there is none', () => {
    const state = aState({ entries: 0, oldestId: '0-0' })
    assert.deepEqual(backlogOf(state, aGroup()), { entries: 0, isExact: true })
    assert.equal(lagMsOf(state, aGroup(), 0), 0)
  })
})

describe('the floor', () => {
  test.each([
    [{}, '4000-0'],
    [{ oldestPendingId: '4000-5' }, '4000-4'],
    [{ oldestPendingId: '4000-0' }, '3999-9007199254740991'],
    [{ lastDeliveredId: '0-0' }, undefined],
    [{ lastDeliveredId: '5-18446744073709551615' }, undefined],
    [{ oldestPendingId: '5-18446744073709551615' }, undefined],
  ])('%o: %s', (given, expected) => {
    assert.equal(lowWatermarkOfGroup(aGroup(given)), expected)
  })
})

describe('metrics', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
  afterEach(() => void vi.useRealTimers())

  const valueNow = async (metrics: ReturnType<typeof createConsumerMetrics>, name: string) =>
    (await metrics.registry.getSingleMetric(name)!.get()).values[0]?.value

  test('while Redis does not answer, its last answer stands and the lag goes on', async () => {
    let isAway = false
    const metrics = createConsumerMetrics(async () => {
      if (isAway) throw new Error('away')
      return aState()
    })
    assert.equal(await valueNow(metrics, 'redswarm_consumer_lag_seconds'), 8)
    isAway = true
    vi.advanceTimersByTime(30_000)
    assert.equal(await valueNow(metrics, 'redswarm_consumer_backlog_entries'), 6)
    assert.equal(await valueNow(metrics, 'redswarm_consumer_lag_seconds'), 38)
  })

  test('Redis is asked once a scrape, whatever asks', async () => {
    let asked = 0
    const metrics = createConsumerMetrics(async () => {
      asked++
      return aState()
    })
    const text = await metrics.registry.metrics()
    assert.equal(asked, 1)
    assert.match(text, /^redswarm_traffic_dead_letters\{queue="failed"\} 0$/m)
  })
})
