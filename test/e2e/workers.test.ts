import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Overrides, writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { announceTo, percentEncode } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { isMissing } from '../support/programs/programs.ts'
import {
  isReady,
  type RunningTracker,
  redswarm,
  startTracker,
  type TrackerOptions,
} from '../support/programs/tracker.ts'
import {
  childrenOf,
  endProcesses,
  eventually,
  isAlive,
  startProcess,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

/**
 * Which worker serves is never said on the wire. A worker that is stopped (SIGSTOP) serves nobody, so an answer given
 * meanwhile is the other one's; and Linux tells which process holds which connection.
 */
const STEP_WITHIN_MS = 15_000
/** Enough connections for both workers to get some: that one gets all has a chance of 1 in 2^31. */
const MANY = 32
const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const ANNOUNCES = /^chihaya_http_response_duration_milliseconds_count\{action="announce",.*error=""\} (\d+)$/m
const CONNECTS = /^chihaya_udp_response_duration_milliseconds_count\{action="connect",.*error=""\} (\d+)$/m

const TWO_WORKERS: Overrides = {
  workers: 2,
  udp: { addr: '[::]:0' },
  prehooks: [{ name: 'traffic push' }],
  shutdown_timeout: '5s',
}

let redis: Redis
let redisUrl: string

const start = ({ config, ...options }: TrackerOptions = {}): Promise<RunningTracker> =>
  startTracker({ redisUrl, ...options, config: { ...TWO_WORKERS, ...config } })

const workersOf = ({ pid }: { pid: number }): number[] =>
  childrenOf(pid).filter((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('\0worker\0'))

function udpPortOf(tracker: RunningTracker): number {
  return JSON.parse(/^\{.*"msg":"serving"\}$/m.exec(tracker.output())![0]).udp.port
}

const aPeer = (infohash: Buffer = randomBytes(20)) => ({ infohash, peerId: randomBytes(20) })
const times = <T>(count: number, act: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => act(i))
const announceMany = (tracker: RunningTracker, infohash?: Buffer) =>
  times(MANY, () => announceTo(tracker.announceUrl, aPeer(infohash)).then((answer) => answer.get('interval')))

function connectMany(tracker: RunningTracker): Promise<Uint8Array>[] {
  const clients = times(MANY, () => new UdpClient(udpPortOf(tracker)))
  onTestFinished(() => {
    for (const client of clients) client.close()
  })
  return clients.map((client) => client.connect())
}

const paused = new Set<() => void>()

/** Stops a process where it is, until `resume` or the end of the test. */
async function pause(pid: number): Promise<() => void> {
  const resume = () => {
    if (paused.delete(resume) && isAlive(pid)) process.kill(pid, 'SIGCONT')
  }
  process.kill(pid, 'SIGSTOP')
  paused.add(resume)
  await eventually(`${pid} stands still`, STEP_WITHIN_MS, () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')')).startsWith(') T') || undefined
  })
  return resume
}

const metricsOf = async ({ metricsUrl }: RunningTracker) => (await fetch(`${metricsUrl}/metrics`)).text()
const numberIn = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0)
const saysEnded = (pid: number) =>
  new RegExp(`^.*"worker":${pid},.*"msg":"worker ended, another takes its place"`, 'm')
const gone = (pids: readonly number[]) =>
  eventually('all processes are gone', STEP_WITHIN_MS, () => !pids.some(isAlive) || undefined)

describe.skipIf(process.platform !== 'linux')('with workers: 2', () => {
  beforeEach(async () => {
    redisUrl = (await startRedis()).url
    redis = new Redis(redisUrl)
  })
  afterEach(async () => {
    for (const resume of paused) resume()
    redis.disconnect()
    await endProcesses()
  })

  test('each of the two serves both ports, and /metrics is the sum over both', async () => {
    const tracker = await start()
    const workers = workersOf(tracker)
    expect(workers).toHaveLength(2)
    const infohash = randomBytes(20)
    for (const worker of workers) {
      const resume = await pause(worker)
      const announces = announceMany(tracker, infohash)
      const connects = connectMany(tracker)
      expect(await Promise.any(announces)).toBe(1800)
      expect(await Promise.any(connects)).toHaveLength(8)
      resume()
      expect(new Set(await Promise.all(announces))).toEqual(new Set([1800]))
      await Promise.all(connects)
    }
    const text = await metricsOf(tracker)
    expect(numberIn(text, ANNOUNCES)).toBe(2 * MANY)
    expect(numberIn(text, CONNECTS)).toBe(2 * MANY)
    expect(text.split('\n')).toContain(`chihaya_storage_leechers_count ${2 * MANY}`) // once, not per worker
    expect(text.split('\n')).toContain('redswarm_redis_noeviction 1')
    expect(text.split('\n')).toContain('redswarm_workers 2')
  })

  test('is ready while one of the two answers, and not when none does', async () => {
    const tracker = await start({ config: { storage: { config: { store_timeout: '100ms' } } } })
    const [one, other] = workersOf(tracker)
    await pause(one!)
    expect(await isReady(tracker)).toBe(true)
    const resume = await pause(other!)
    const refusal = await fetch(`${tracker.metricsUrl}/readyz`)
    expect([refusal.status, await refusal.text()]).toEqual([503, 'not ready: a worker does not answer\n'])
    expect((await fetch(`${tracker.metricsUrl}/healthz`)).status).toBe(200)
    resume()
    expect(await isReady(tracker)).toBe(true)
  })

  test('SIGKILL for one: the other answers all it holds and all that comes, and a new one takes the place', async () => {
    const tracker = await start({ config: { storage: { config: { store_timeout: '30s' } } } })
    const [victim, survivor] = workersOf(tracker) as [number, number]
    await redis.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    const { owners, outcomes } = await holdMany(tracker)
    expect(new Set(owners)).toEqual(new Set([victim, survivor]))

    process.kill(victim, 'SIGKILL')
    const [line] = await tracker.process.says(saysEnded(victim), STEP_WITHIN_MS)
    expect(JSON.parse(`${line}}`)).toMatchObject({ level: 'error', code: null, signal: 'SIGKILL' })
    await redis.client('UNPAUSE')
    expect(await isReady(tracker)).toBe(true)
    // From here on nothing may be refused or lost, the new worker joining at a moment of its own.
    for (let isLast = false; ; ) {
      const announces = announceMany(tracker)
      await Promise.all(connectMany(tracker))
      expect(new Set(await Promise.all(announces))).toEqual(new Set([1800]))
      if (isLast) break
      const successor = workersOf(tracker).find((pid) => pid !== survivor && pid !== victim)
      isLast = tracker.output().includes(`"worker":${successor},"msg":"worker serves"`)
    }
    // Of the earlier ones, those and only those that the killed process held are lost.
    expect(await Promise.all(outcomes)).toEqual(
      owners.map((owner) => (owner === survivor ? 'answered' : 'lost')),
    )

    await pause(survivor)
    expect(await Promise.any(announceMany(tracker))).toBe(1800)
    expect(await Promise.any(connectMany(tracker))).toHaveLength(8)
  })

  test('what a killed worker has counted stays in /metrics, and its connection IDs stay valid', async () => {
    const tracker = await start()
    const client = new UdpClient(udpPortOf(tracker))
    onTestFinished(() => client.close())
    const connectionId = await client.connect()
    await Promise.all(announceMany(tracker))
    expect(numberIn(await metricsOf(tracker), ANNOUNCES)).toBe(MANY)
    for (const victim of workersOf(tracker)) {
      process.kill(victim, 'SIGKILL') // whichever issued the ID: in the end both are new
      await tracker.process.says(saysEnded(victim), STEP_WITHIN_MS)
      await eventually('two serve again', STEP_WITHIN_MS, async () => {
        return (await metricsOf(tracker)).includes('\nredswarm_workers 2\n') || undefined
      })
    }
    const text = await metricsOf(tracker)
    expect(numberIn(text, ANNOUNCES)).toBe(MANY)
    expect(text.split('\n')).toContain('redswarm_worker_restarts_total 2')
    expect(await client.announce({ connectionId })).toMatchObject({ kind: 'announce', leechers: 1 })
  })

  test('SIGHUP: both take up the new configuration, and so does a worker that comes later', async () => {
    const tracker = await start()
    const before = workersOf(tracker)
    const file = /--config\0([^\0]+)/.exec(readFileSync(`/proc/${tracker.pid}/cmdline`, 'utf8'))![1]!
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace('announce_interval: 30m', 'announce_interval: 20m'))
    process.kill(tracker.pid, 'SIGHUP')
    await tracker.process.says(/"msg":"reloaded"/, STEP_WITHIN_MS)
    await eventually('all answers have the new interval', STEP_WITHIN_MS, async () => {
      const intervals = await Promise.all(announceMany(tracker))
      return intervals.every((interval) => interval === 1200) || undefined
    })
    process.kill(before[0]!, 'SIGKILL')
    await tracker.process.says(saysEnded(before[0]!), STEP_WITHIN_MS)
    const [successor] = await eventually('a new worker', STEP_WITHIN_MS, () => {
      const found = workersOf(tracker).filter((pid) => !before.includes(pid))
      return found.length > 0 ? found : undefined
    })
    await tracker.process.says(new RegExp(`"worker":${successor},"msg":"worker serves"`), STEP_WITHIN_MS)
    expect(new Set(await Promise.all(announceMany(tracker)))).toEqual(new Set([1200]))
  })

  test('one of the two sweeps', async () => {
    const tracker = await start({ config: { storage: { config: { gc_interval: '1s' } } } })
    const sweeps = await eventually('some sweeps', STEP_WITHIN_MS, () => {
      const lines = tracker.output().match(/^.*"msg":"swept".*$/gm) ?? []
      return lines.length >= 3 ? lines : undefined
    })
    expect(new Set(sweeps.map((line) => JSON.parse(line).pid)).size).toBe(1)
  })

  test('SIGTERM ends all of them and the embedded Redis, exit code 0', async () => {
    const tracker = await start({ redisUrl: undefined, args: ['--embedded-redis'] })
    const children = childrenOf(tracker.pid)
    expect(children).toHaveLength(3)
    expect(new Set(await Promise.all(announceMany(tracker)))).toEqual(new Set([1800]))
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
    expect(children.filter(isAlive)).toEqual([])
  })

  test('SIGTERM: announces in flight in either are answered before they end', async () => {
    const tracker = await start({ config: { storage: { config: { store_timeout: '30s' } } } })
    await redis.call('CLIENT', 'PAUSE', '60000', 'WRITE')
    const { owners, outcomes } = await holdMany(tracker)
    expect(new Set(owners).size).toBe(2)
    const ended = tracker.stop()
    await tracker.process.says(/"msg":"stopping/, STEP_WITHIN_MS)
    expect(await isReady(tracker)).toBe(false)
    await redis.client('UNPAUSE')
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['answered']))
    expect(await ended).toEqual({ code: 0, signal: null })
  })

  test('SIGTERM: a worker that does not end by itself is killed', async () => {
    const tracker = await start({ config: { shutdown_timeout: '0s' } })
    const workers = workersOf(tracker)
    await pause(workers[0]!)
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
    expect(tracker.output()).toContain(`"worker":${workers[0]},"msg":"worker does not end, killing it"`)
    expect(workers.filter(isAlive)).toEqual([])
  })

  test('a second signal ends all of them at once, exit code 1', async () => {
    const tracker = await start()
    const workers = workersOf(tracker)
    await pause(workers[0]!)
    const ended = tracker.stop()
    await tracker.process.says(/"msg":"stopping/, STEP_WITHIN_MS)
    process.kill(tracker.pid, 'SIGTERM')
    expect(await ended).toEqual({ code: 1, signal: null })
    await gone(workers)
  })

  test('SIGKILL for the supervisor leaves no worker', async () => {
    const tracker = await start()
    const workers = workersOf(tracker)
    expect(workers.filter(isAlive)).toHaveLength(2)
    expect(await tracker.kill()).toEqual({ code: null, signal: 'SIGKILL' })
    await gone(workers)
  })

  test.skipIf(isMissing('setpriv'))('SIGKILL for the supervisor takes the embedded Redis along', async () => {
    const tracker = await start({ redisUrl: undefined, args: ['--embedded-redis'] })
    const children = childrenOf(tracker.pid)
    await tracker.kill()
    await gone(children)
  })

  test('a second tracker does not slip in on the same ports', async () => {
    const tracker = await start()
    for (const taken of [
      { http: { addr: `[::]:${tracker.port}` } },
      { udp: { addr: `[::]:${udpPortOf(tracker)}` } },
    ]) {
      const path = writeExampleConfig({
        ...TWO_WORKERS,
        log_level: 'error',
        metrics_addr: '127.0.0.1:0',
        http: { addr: '[::]:0' },
        ...taken,
      })
      const { code, stderr } = await redswarm(['serve', '--config', path], { REDIS_URL: redisUrl })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^redswarm: .*EADDRINUSE.*\n$/)
    }
  })

  test('when no worker comes to serve there is no second try: the reason, exit code 1, nothing left', async () => {
    const [noRedis] = await freePorts(1) // so that they wait for it before they listen
    const path = writeExampleConfig({ ...TWO_WORKERS, metrics_addr: '127.0.0.1:0', http: { addr: '[::]:0' } })
    const supervisor = await startProcess({
      name: 'tracker',
      program: process.execPath,
      args: [PROGRAM, 'serve', '--config', path],
      env: { REDIS_URL: `redis://127.0.0.1:${noRedis}` },
    })
    const workers = await eventually('two workers', STEP_WITHIN_MS, () => {
      const pids = workersOf(supervisor)
      return pids.length === 2 ? pids : undefined
    })
    for (const pid of workers) process.kill(pid, 'SIGKILL')
    expect(await supervisor.exited).toEqual({ code: 1, signal: null })
    expect(supervisor.output()).toMatch(/^redswarm: a worker ended at its start \(SIGKILL\)$/m)
    expect(supervisor.output()).not.toContain('another takes its place')
  })
})

type Outcome = 'answered' | 'lost'

/** Announces that the workers have read, while Redis keeps the answers back; with the worker that holds each. */
async function holdMany(
  tracker: RunningTracker,
): Promise<{ owners: number[]; outcomes: Promise<Outcome>[] }> {
  const held = await Promise.all(times(MANY, () => sendAnnounce(tracker.port)))
  const owners = await eventually('all announces are with the workers', STEP_WITHIN_MS, () => {
    const known = held.map(({ clientPort }) => readerOf(workersOf(tracker), tracker.port, clientPort))
    return known.some((owner) => owner === undefined) ? undefined : (known as number[])
  })
  return { owners, outcomes: held.map(({ outcome }) => outcome) }
}

/** An announce whose connection can be told apart; resolves when it is sent. */
function sendAnnounce(port: number): Promise<{ clientPort: number; outcome: Promise<Outcome> }> {
  const { infohash, peerId } = aPeer()
  const query = `info_hash=${percentEncode(infohash)}&peer_id=${percentEncode(peerId)}&port=6881&uploaded=0&downloaded=0&left=1`
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      const { port: clientPort } = socket.address() as AddressInfo
      socket.write(`GET /announce?${query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      resolve({ clientPort, outcome })
    })
    let received = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
    })
    socket.on('error', reject) // once it is sent, an outcome like another
    const outcome = new Promise<Outcome>((ended) =>
      socket.once('close', () =>
        ended(/^HTTP\/1\.1 200 .*d8:complete/s.test(received) ? 'answered' : 'lost'),
      ),
    )
  })
}

/** Which of the processes holds the server's end of a connection, if it has read all that was sent. */
function readerOf(pids: readonly number[], serverPort: number, clientPort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  const row = readFileSync('/proc/net/tcp6', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(
      ([, local, remote]) =>
        local?.endsWith(`:${hex(serverPort)}`) && remote?.endsWith(`:${hex(clientPort)}`),
    )
  const [, , , , queues, , , , , inode] = row ?? []
  if (!queues?.endsWith(':00000000')) return undefined
  const links = (pid: number) => readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
  return pids.find((pid) => links(pid).includes(`socket:[${inode}]`))
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed since it was listed
  }
}
