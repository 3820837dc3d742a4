import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { announceTo, get } from '../support/clients/bencodeClient.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const STEP_WITHIN_MS = 15_000
const REFUSED = /"level":"debug".*"msg":"not served"/
const isNotLinux = process.platform !== 'linux'

let redisUrl: string

beforeEach(async () => {
  redisUrl = (await startRedis()).url
})
afterEach(endProcesses)

const start = (config: object): Promise<RunningTracker> =>
  startTracker({ redisUrl, config: { prehooks: [{ name: 'traffic push' }], log_level: 'info', ...config } })

const linesOf = (tracker: RunningTracker) =>
  tracker
    .output()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { level: string; msg: string; pid: number; [field: string]: unknown })

/** Over enough connections for each worker to get some. */
const beRefused = (tracker: RunningTracker) =>
  Promise.all(Array.from({ length: 32 }, () => get(`${tracker.announceUrl}?info_hash=1`)))

describe.each(isNotLinux ? [1] : [1, 2])('with workers: %i', (workers) => {
  test('SIGUSR2 turns debugging on without a restart, and off again', async () => {
    const tracker = await start({ workers })
    await beRefused(tracker)
    expect(tracker.output()).not.toMatch(REFUSED)

    tracker.process.signal('SIGUSR2')
    await tracker.process.says(/"msg":"SIGUSR2: debugging"/, STEP_WITHIN_MS)
    await eventually('every worker says more', STEP_WITHIN_MS, async () => {
      await beRefused(tracker)
      const talking = new Set(
        linesOf(tracker)
          .filter(({ level }) => level === 'debug')
          .map(({ pid }) => pid),
      )
      return talking.size === workers || undefined
    })

    tracker.process.signal('SIGUSR2')
    await tracker.process.says(/"msg":"SIGUSR2: the log is as configured again"/, STEP_WITHIN_MS)
    await eventually('all are quiet again', STEP_WITHIN_MS, async () => {
      const before = linesOf(tracker).length
      await beRefused(tracker)
      return linesOf(tracker).length === before || undefined
    })
  })
})

test('every line is JSON with level, time and message, from start to end', async () => {
  const tracker = await start({ log_level: 'trace', workers: isNotLinux ? 1 : 2 })
  await announceTo(tracker.announceUrl, { infohash: randomBytes(20), peerId: randomBytes(20) })
  await tracker.stop()
  const lines = linesOf(tracker)
  expect(lines.length).toBeGreaterThan(3)
  for (const line of lines)
    expect(line).toMatchObject({
      level: expect.stringMatching(/^(trace|debug|info|warn)$/),
      time: expect.any(Number),
      msg: expect.any(String),
    })
})

test('a fault is said once with its cause and the id that the client got, then counted', async () => {
  const tracker = await start({})
  const redis = new Redis(redisUrl)
  onTestFinished(() => redis.disconnect())
  await redis.set('tracker:traffic', 'no stream')
  const answers: Response[] = []
  for (let i = 0; i < 50; i++) {
    const query = `info_hash=${'%ab'.repeat(20)}&peer_id=${'%cd'.repeat(20)}&port=1&uploaded=0&downloaded=0&left=1`
    answers.push(
      await fetch(`${tracker.announceUrl}?${query}`, { headers: { 'X-Request-Id': `from-proxy-${i}` } }),
    )
  }
  expect(answers.map(({ headers }) => headers.get('x-request-id'))).toContain('from-proxy-49')
  await tracker.process.says(/"msg":"store failed/, STEP_WITHIN_MS)
  expect(linesOf(tracker).filter(({ level }) => level === 'error')).toEqual([
    expect.objectContaining({
      requestId: 'from-proxy-0',
      kind: 'wrong type',
      err: expect.stringMatching(/^WRONGTYPE /),
      keys: ['tracker:traffic is a string, not a stream'],
    }),
  ])
  const metrics = await (await fetch(`${tracker.metricsUrl}/metrics`)).text()
  expect(metrics).toMatch(/^redswarm_script_errors_total\{kind="wrong type"\} 50$/m)
})
