import { spawnSync } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { becomes } from '../support/programs/becomes.ts'
import { isMissing, programPath } from '../support/programs/programs.ts'
import { testRedis } from '../support/servers/redis.ts'
import { startTracker } from '../support/servers/trackerUnderTest.ts'

/** What promtool has against names that we did not choose: dashboards for Chihaya know them. UDP is off here. */
const CHIHAYA_COMPLAINTS = [
  'chihaya_http_response_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  'chihaya_storage_gc_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
  'chihaya_storage_infohashes_count non-histogram and non-summary metrics should not have "_count" suffix',
  'chihaya_storage_leechers_count non-histogram and non-summary metrics should not have "_count" suffix',
  'chihaya_storage_seeders_count non-histogram and non-summary metrics should not have "_count" suffix',
]

function promtool(text: string) {
  const { status, stdout, stderr } = spawnSync(programPath('promtool')!, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  })
  return { status, complaints: (stdout + stderr).split('\n').filter(Boolean).sort() }
}

/** Families in order of appearance, without those whose name matches. */
const without = (text: string, name: RegExp) =>
  text
    .split(/^(?=# HELP )/m)
    .filter((family) => !name.test(family))
    .join('')

test.skipIf(isMissing('promtool'))('promtool has nothing against our metrics', async () => {
  const { url, keyPrefix } = testRedis()
  const tracker = await startTracker({ redisUrl: url, keyPrefix, isOpen: true })
  onTestFinished(() => tracker.close())
  await becomes(tracker.readiness, 'ready')
  await tracker.announce()
  await tracker.ask('/scrape?info_hash=%no')
  await tracker.ask('/announce?info_hash=1')
  const text = await tracker.metrics()
  expect(text).toContain('redswarm_refusals_total{frontend="http",reason="provided invalid infohash"} ')
  expect(promtool(text)).toEqual({ status: 3, complaints: CHIHAYA_COMPLAINTS })
  expect(promtool(without(text, /^# HELP chihaya_/))).toEqual({ status: 0, complaints: [] })
})
