import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { Profile } from 'pprof-format'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { programPath } from '../support/programs/programs.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const GO = programPath('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : undefined)
const STEP_WITHIN_MS = 20_000
/** Newer Go compiles its reader when it is first asked for. */
const GO_WITHIN_MS = 400_000
const OPEN = { prehooks: [{ name: 'traffic push' }] }
/** Ours, on the way of every announce. */
const OUR_FUNCTIONS = /^(parseAnnounce|scanQuery|createTracker|announce|encodeAnnounce|encodeCommand)$/

let redisUrl: string

beforeEach(async () => {
  redisUrl = (await startRedis()).url
})
afterEach(async () => {
  await endLoad().finally(endProcesses)
  endLoad = async () => {}
})

let endLoad: () => Promise<void> = async () => {}

/** Keeps announcing until the test ends. */
function load(tracker: RunningTracker): void {
  let isOver = false
  const infohash = randomBytes(20)
  const all = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (!isOver) await announceTo(tracker.announceUrl, { infohash, peerId: randomBytes(20) })
    }),
  )
  all.catch(() => undefined) // it is asked at the end
  endLoad = async () => {
    isOver = true
    await all
  }
}

async function take(tracker: RunningTracker, path: string) {
  const response = await fetch(`${tracker.metricsUrl}/debug/pprof/${path}`)
  const bytes = Buffer.from(await response.arrayBuffer())
  if (response.status !== 200) throw new Error(`${response.status} ${bytes}`)
  return bytes
}

function decoded(bytes: Buffer) {
  const profile = Profile.decode(gunzipSync(bytes))
  const text = (index: number | bigint) => profile.stringTable.strings[Number(index)]!
  return {
    sampleTypes: profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
    functions: profile.function.map(({ name }) => text(name)),
    files: profile.function.map(({ filename }) => text(filename)),
    /** Of the built program, with a name of their own. */
    ours: profile.function
      .filter(({ name, filename }) => /\/build\/\w+\/.*\.js$/.test(text(filename)) && /^\w/.test(text(name)))
      .map(({ name }) => text(name)),
    sums: profile.sampleType.map((_, i) =>
      profile.sample.reduce((sum, { value }) => sum + Number(value[i]), 0),
    ),
  }
}

test('a CPU profile taken under load names our functions', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  load(tracker)
  const bytes = await take(tracker, 'profile?seconds=3')
  const { sampleTypes, functions, files, sums } = decoded(bytes)
  expect(sampleTypes).toEqual(['sample/count', 'wall/nanoseconds', 'cpu/nanoseconds'])
  expect(functions).toContainEqual(expect.stringMatching(OUR_FUNCTIONS))
  expect(files).toContainEqual(expect.stringMatching(/build\/tracker\/frontend\/http\/\w+\.js$/))
  expect(sums[2]).toBeGreaterThan(0)
})

test('a heap profile taken under load names who allocated what is there', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  load(tracker)
  // Sampled at random, a few for each megabyte: with enough announces one of ours is among them.
  const ours = await eventually('a heap profile with our code in it', STEP_WITHIN_MS, async () => {
    const { sampleTypes, ours } = decoded(await take(tracker, 'heap'))
    expect(sampleTypes).toEqual(['inuse_objects/count', 'inuse_space/bytes'])
    return ours.length > 0 ? ours : undefined
  })
  expect(ours).not.toEqual([])
})

test('a trace has garbage collection, the event loop and CPU samples in it, and no URL', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  load(tracker)
  const text = (await take(tracker, 'trace?seconds=2')).toString()
  const { traceEvents } = JSON.parse(text) as { traceEvents: { name: string }[] }
  const names = new Set(traceEvents.map(({ name }) => name))
  for (const name of ['ProfileChunk', 'RunTimers', 'CheckImmediate']) expect(names).toContain(name)
  expect(text).toContain('"functionName":"parseAnnounce"')
  expect(text).not.toMatch(/info_hash|peer_id/)
})

test('one at a time: who comes second is told so, and the first gets its profile', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  const first = take(tracker, 'profile?seconds=2')
  const statuses = new Set<number>()
  await eventually('the second is turned away', STEP_WITHIN_MS, async () => {
    const { status } = await fetch(`${tracker.metricsUrl}/debug/pprof/heap`)
    statuses.add(status)
    return status === 409 || undefined
  })
  expect(decoded(await first).sampleTypes).toHaveLength(3)
})

test.skipIf(process.platform !== 'linux')(
  'with workers each can be looked at, from one address',
  async () => {
    const tracker = await startTracker({ redisUrl, config: { ...OPEN, workers: 2 } })
    load(tracker)
    const index = (await take(tracker, '')).toString()
    const [, list] = /Processes: ([\d, ]+)\./.exec(index)!
    const workers = list!.split(', ')
    expect(workers).toHaveLength(2)
    const ofAll = workers.map((worker) => take(tracker, `profile?seconds=2&worker=${worker}`)) // one at a time in each
    for (const bytes of await Promise.all(ofAll)) expect(decoded(bytes).functions).toContain('announce')
    expect(decoded(await take(tracker, 'heap')).sampleTypes).toHaveLength(2)
    await expect(take(tracker, 'heap?worker=1')).rejects.toThrow('404 no such worker')
  },
)

test('/stats tells a person how it goes', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  await announceTo(tracker.announceUrl, { infohash: randomBytes(20), peerId: randomBytes(20) })
  const response = await fetch(`${tracker.metricsUrl}/stats`)
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.json()).toMatchObject({
    isReady: true,
    notReady: '',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    swarms: { infohashes: 1, seeders: 0, leechers: 1 },
    http: { announces: { count: 1, p50Ms: expect.any(Number) } },
    redis: { isNoEviction: true },
    traffic: { entries: 1 },
  })
})

test.skipIf(GO === undefined)(
  'go tool pprof reads them, from a file and from the address',
  { timeout: GO_WITHIN_MS },
  async () => {
    const tracker = await startTracker({ redisUrl, config: OPEN })
    load(tracker)
    const path = join(temporaryFolder(), 'profile.pb.gz')
    writeFileSync(path, await take(tracker, 'profile?seconds=3'))
    const cpu = await goTop(path)
    expect(cpu).toMatch(/^Type: cpu$/m)
    expect(cpu).toMatch(/ (parseAnnounce|scanQuery|announce|encodeAnnounce|encodeCommand)\b/)
    expect(await goTop(`${tracker.metricsUrl}/debug/pprof/heap`)).toMatch(/^Type: inuse_space$/m)
  },
)

/** What Go's own reader lists. */
async function goTop(source: string): Promise<string> {
  const env = { ...process.env, PPROF_TMPDIR: temporaryFolder() }
  const { stdout } = await promisify(execFile)(GO!, ['tool', 'pprof', '-top', '-nodecount=1000', source], {
    env,
  })
  return stdout
}
