import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { load } from '../../src/cli/load/load.ts'
import { loadConfig } from '../../src/config/load.ts'
import { type LoadPlan, LoadRefused } from '../../src/load/plan.ts'
import { type LoadResult, runLoad } from '../../src/load/run.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { type Instance, startInstance } from '../../src/tracker/process/instance.ts'
import { aPasskey, keysUnder } from '../support/builders/builders.ts'
import { becomes } from '../support/programs/becomes.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { testRedis } from '../support/servers/redis.ts'
import { connectTo, eventsOf } from '../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const listed = [aPasskey(1), aPasskey(2), aPasskey(3)]
let tracker: Instance

const file = {
  chihaya: {
    http: { addr: '127.0.0.1:0' },
    udp: { addr: '127.0.0.1:0', private_key: 'a key of more than thirty-two characters' },
    metrics_addr: '127.0.0.1:0',
    shutdown_timeout: '1s',
    storage: { name: 'redis', config: { redis_broker: url, key_prefix: keyPrefix } },
    prehooks: [{ name: 'passkey approval' }, { name: 'traffic push' }],
  },
}

beforeAll(async () => {
  await redis.sadd(keys.passkeys, ...listed)
  tracker = await startInstance(loadConfig(JSON.stringify(file), {}).config, createLogger('silent'))
  const readyz = `http://127.0.0.1:${tracker.metricsPort}/readyz`
  await becomes(async () => (await (await fetch(readyz)).text()).trim(), 'ready')
})
afterAll(async () => {
  await tracker.close()
  redis.disconnect()
})

type Overrides = Partial<Omit<LoadPlan, 'population'>> & { population?: Partial<LoadPlan['population']> }

function aLoadPlan(target: string, { population, ...overrides }: Overrides = {}): LoadPlan {
  return {
    urls: [target],
    ownsTarget: false,
    ratePerSecond: undefined,
    connections: 4,
    keepAlive: true,
    rampMs: 0,
    warmUpMs: 0,
    durationMs: 30_000,
    maxAnnounces: 200,
    timeoutMs: 5_000,
    population: {
      swarms: 5,
      peers: 60,
      zipf: 1,
      seederPercent: 50,
      numwant: 50,
      passkeys: listed,
      seed: 'integration',
      clientCode: '-RL0100-',
      firstRound: 0,
      ...population,
    },
    ...overrides,
  }
}

function run(
  target: string,
  overrides: Overrides = {},
  signal = new AbortController().signal,
): Promise<LoadResult> {
  return runLoad(aLoadPlan(target, overrides), { signal, onProgress: () => undefined })
}

const httpUrl = () => `http://127.0.0.1:${tracker.http!.port}/announce`
const udpUrl = () => `udp://localhost:${tracker.udp!.port}`
const SERVED = { failed: 0, failureReasons: {}, errors: {}, connectionErrors: {}, unfinished: 0, unsent: 0 }

describe('a real tracker', () => {
  test.each([
    ['http-keep-alive', httpUrl, { keepAlive: true }],
    ['http-close', httpUrl, { keepAlive: false }],
    ['udp', udpUrl, {}],
    ['http-open-loop', httpUrl, { ratePerSecond: 1_000, rampMs: 100 }],
    ['udp-open-loop', udpUrl, { ratePerSecond: 1_000 }],
  ])('serves every announce: %s', async (seed, target, overrides) => {
    const before = await redis.xlen(keys.traffic)
    const result = await run(target(), { ...overrides, population: { seed } })
    expect(result).toMatchObject({ ...SERVED, announces: 200, answered: 200 })
    expect(result.latencyMs.p50).toBeGreaterThan(0)
    expect((await redis.xlen(keys.traffic)) - before).toBe(200)
  })

  test('holds the population afterwards: swarms, seeders, passkeys, what was moved', async () => {
    await redis.del(keys.traffic)
    const population = { seed: 'whole', swarms: 7, peers: 50, seederPercent: 30 }
    await run(httpUrl(), { maxAnnounces: 150, population })
    const events = await eventsOf(redis, keys.traffic)
    expect(new Set(events.map(({ infohash }) => infohash)).size).toBe(7)
    expect(new Set(events.map(({ passkey }) => passkey))).toEqual(new Set(listed))
    const last = new Map(events.map((each) => [each.peer_id, each]))
    expect(last.size).toBe(50)
    expect([...last.values()].filter(({ left }) => left === '0')).toHaveLength(15)
    expect(events.filter(({ event }) => event === 'started')).toHaveLength(50)
    const moved = events.reduce((sum, { du }) => sum + Number(du), 0)
    expect(moved).toBe(100 * 2 ** 20)
  })

  test.each([
    ['HTTP', httpUrl],
    ['UDP', udpUrl],
  ])('refuses a passkey, and the table says so in its words: %s', async (_, target) => {
    const result = await run(target(), { maxAnnounces: 10, population: { passkeys: [aPasskey(99)] } })
    expect(result).toMatchObject({
      answered: 10,
      failed: 10,
      failureReasons: { 'unapproved passkey': 10 },
      errors: {},
    })
    expect(JSON.stringify(result)).not.toContain(aPasskey(99))
  })

  test('several targets share the announces', async () => {
    const { urls, ...plan } = aLoadPlan(httpUrl())
    const both = { ...plan, urls: [...urls, httpUrl().replace('127.0.0.1', 'localhost')] }
    const result = await runLoad(both, { signal: new AbortController().signal, onProgress: () => undefined })
    expect(result).toMatchObject({ ...SERVED, answered: 200, connectionsOpened: 4 })
    expect(result.targets).toHaveLength(2)
  })

  test('draws a line on a terminal while it runs, and the table is the last thing said', async () => {
    const drawn: string[] = []
    const printed: string[] = []
    const isFine = await load({
      plan: aLoadPlan(httpUrl(), { durationMs: 1_200, maxAnnounces: 1e9, warmUpMs: 100 }),
      json: false,
      out: (text) => printed.push(text),
      terminal: { isTTY: true, write: (text: string) => drawn.push(text) },
    })
    expect(isFine).toBe(true)
    expect(drawn.length).toBeGreaterThan(1)
    expect(drawn[0]!.replace('\r\u001b[K', '')).toMatch(/^\d\/2 s.* [\d,]+\/s {3}p50 [\d.]+ ms .* 0 failed/)
    expect(drawn.at(-1)).toBe('\r\u001b[K')
    expect(printed.join('')).toMatch(/^rate +[\d,]+\/s$/m)
    expect(printed.join('')).toMatch(
      /^latency +p50 [\d.]+ ms +p90 [\d.]+ ms +p99 [\d.]+ ms +p99\.9 [\d.]+ ms/m,
    )
    expect(printed.join('')).toMatch(/^warm-up +[\d,]+ answered, 0 failed/m)
  })
})

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde'

/** A server that does with a connection's requests what it is told. @returns its announce URL */
async function startServer(onRequest: (socket: Socket, number: number) => void): Promise<string> {
  let requests = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', () => onRequest(socket, ++requests))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/announce`
}

describe('a target that misbehaves', () => {
  test('and stalls is found out: what waits behind the first announce waited since it was due', async () => {
    const heldMs = 600
    const url = await startServer((socket, number) => {
      if (number === 1) setTimeout(() => socket.write(OK), heldMs)
      else socket.write(OK)
    })
    // Fifty announces, one every 10 ms, one connection. All but the first are answered at once, so a generator that
    // counts from the moment of sending would see one slow answer in fifty.
    const result = await run(url, { connections: 1, ratePerSecond: 100, maxAnnounces: 50 })
    expect(result).toMatchObject({ ...SERVED, answered: 50 })
    expect(result.latencyMs.p50).toBeGreaterThan(200)
  })

  test('and never answers: every announce fails in the time it is given', async () => {
    const url = await startServer(() => undefined)
    const result = await run(url, { connections: 2, timeoutMs: 100, maxAnnounces: 4 })
    expect(result).toMatchObject({ answered: 0, failed: 4, errors: { 'no answer in time': 4 } })
  })

  test('and never answers at a steady rate: what finds no connection is counted too', async () => {
    const url = await startServer(() => undefined)
    const result = await run(url, { connections: 1, ratePerSecond: 200, timeoutMs: 150, durationMs: 600 })
    expect(result.errors['not sent in time: all connections are busy']).toBeGreaterThan(0)
    expect(result.announces).toBeLessThan(20)
  })

  test('and closes in the middle of an answer', async () => {
    const url = await startServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nd'))
    const result = await run(url, { connections: 1, maxAnnounces: 2 })
    expect(result).toMatchObject({ failed: 2, connectionErrors: { 'closed before the answer': 2 } })
  })

  test('and resets connections', async () => {
    const url = await startServer((socket) => socket.resetAndDestroy())
    const result = await run(url, { connections: 1, maxAnnounces: 2 })
    expect(result).toMatchObject({ failed: 2, connectionErrors: { ECONNRESET: 2 } })
  })

  test('and closes a connection that nothing is under way on, which is no fault', async () => {
    const url = await startServer((socket) => socket.end(OK))
    const result = await run(url, { connections: 1, ratePerSecond: 50, maxAnnounces: 5 })
    expect(result).toMatchObject({ ...SERVED, answered: 5 })
  })

  test('and says that this was its last answer on the connection, however long it leaves it open', async () => {
    const answered = new Set<Socket>()
    const url = await startServer((socket) => {
      if (!answered.has(socket)) socket.write(OK.replace('\r\n', '\r\nConnection: close\r\n'))
      answered.add(socket)
    })
    const result = await run(url, { connections: 1, maxAnnounces: 3, timeoutMs: 1_000 })
    expect(result).toMatchObject({ ...SERVED, answered: 3, connectionsOpened: 3 })
  })

  test('and says something else than a tracker', async () => {
    const answers = [
      'HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      'SSH-2.0-OpenSSH\r\n\r\n',
    ]
    const url = await startServer((socket, number) => socket.write(answers[number - 1]!))
    const result = await run(url, { connections: 1, maxAnnounces: 3 })
    const errors = { 'HTTP 503': 1, 'answer that is not bencoded': 1, 'not an HTTP answer': 1 }
    expect(result).toMatchObject({ answered: 3, failed: 3, errors })
  })
})

describe('a run that cannot begin', () => {
  test.each(['http', 'udp'])('finds nobody at home: %s', async (protocol) => {
    const [port] = await freePorts(1)
    const started = run(`${protocol}://127.0.0.1:${port}/announce`)
    await expect(started).rejects.toThrow(LoadRefused)
    await expect(started).rejects.toThrow(/does not answer \(ECONNREFUSED\)/)
  })

  test('is aimed at another machine, and not one packet has left', async () => {
    await expect(run('http://192.0.2.1/announce')).rejects.toThrow(/--i-own-this-target/)
    await expect(run('udp://192.0.2.1:80')).rejects.toThrow(/--i-own-this-target/)
  })

  test('mixes HTTP and UDP', async () => {
    const mixed = { ...aLoadPlan(httpUrl()), urls: [httpUrl(), udpUrl()] }
    const dependencies = { signal: new AbortController().signal, onProgress: () => undefined }
    await expect(runLoad(mixed, dependencies)).rejects.toThrow(/all udp/)
  })
})

test('a run that is stopped says what came in so far', async () => {
  const stop = new AbortController()
  const url = await startServer((socket, number) => {
    if (number < 20) socket.write(OK)
    else stop.abort()
  })
  const result = await run(url, { connections: 1, maxAnnounces: 1e6 }, stop.signal)
  expect(result).toMatchObject({ answered: 19, failed: 0, unfinished: 1 })
})
