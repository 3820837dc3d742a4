import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { percentEncode } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const STEP_WITHIN_MS = 15_000
/** Longer than a test takes: what happens meanwhile does not happen because it is over. */
const LONG = '5m'
const isNotLinux = process.platform !== 'linux'

let redisUrl: string

beforeEach(async () => {
  redisUrl = (await startRedis()).url
})
afterEach(endProcesses)

const start = (config: object): Promise<RunningTracker> =>
  startTracker({
    redisUrl,
    config: {
      prehooks: [{ name: 'traffic push' }],
      udp: { addr: '127.0.0.1:0' },
      shutdown_delay: LONG,
      ...config,
    },
  })

function udpPortOf(tracker: RunningTracker): number {
  return JSON.parse(/^\{.*"msg":"serving"\}$/m.exec(tracker.output())![0]).udp.port
}

async function readiness({ metricsUrl }: RunningTracker): Promise<string> {
  return (await (await fetch(`${metricsUrl}/readyz`)).text()).trim()
}

/** A client that keeps its connection. */
async function aConnection(port: number) {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  return { socket, announce: () => announceOn(socket, () => received) }
}

/** @returns headers and body of the next answer */
async function announceOn(socket: Socket, received: () => string): Promise<string> {
  const before = received().length
  const query = `info_hash=${percentEncode(randomBytes(20))}&peer_id=${percentEncode(randomBytes(20))}&port=6881&uploaded=0&downloaded=0&left=1`
  socket.write(`GET /announce?${query} HTTP/1.1\r\nHost: t\r\n\r\n`)
  return eventually('an answer', STEP_WITHIN_MS, () => {
    const answer = received().slice(before)
    return /\r\n\r\nd8:complete.*e$/s.test(answer) ? answer : undefined
  })
}

const isClosed = (socket: Socket) =>
  eventually(
    'the connection is closed',
    STEP_WITHIN_MS,
    () => socket.closed || socket.readableEnded || undefined,
  )

describe.each(isNotLinux ? [1] : [1, 2])('with workers: %i', (workers) => {
  test('SIGTERM: not ready at once, and served for the delay, each connection ending with its answer', async () => {
    const tracker = await start({ workers })
    const kept = await aConnection(tracker.port)
    expect(await kept.announce()).toMatch(/^connection: keep-alive$/im)
    tracker.process.signal('SIGTERM')
    await tracker.process.says(/"signal":"SIGTERM","delayMs":300000,"msg":"stopping/, STEP_WITHIN_MS)
    expect(await readiness(tracker)).toBe('not ready: draining')
    expect(await (await fetch(`${tracker.metricsUrl}/metrics`)).text()).toMatch(/^redswarm_ready 0$/m)
    expect((await fetch(`${tracker.metricsUrl}/healthz`)).status).toBe(200)

    // Workers hear of it a moment later than who asks for their readiness.
    await eventually('new connections are served, and end with the answer', STEP_WITHIN_MS, async () => {
      const fresh = await aConnection(tracker.port)
      return /^connection: close$/im.test(await fresh.announce()) || undefined
    })
    expect(await kept.announce()).toMatch(/^connection: close$/im)
    await isClosed(kept.socket)
    const udp = new UdpClient(udpPortOf(tracker))
    onTestFinished(() => udp.close())
    expect(await udp.connect()).toHaveLength(8)

    tracker.process.signal('SIGTERM') // the second ends it at once
    expect(await tracker.process.exited).toEqual({ code: 1, signal: null })
  })

  test('Ctrl-C does not wait for load balancers', async () => {
    const tracker = await start({ workers })
    expect(await tracker.process.end('SIGINT')).toEqual({ code: 0, signal: null })
    expect(tracker.output()).toContain('"signal":"SIGINT","delayMs":0,')
  })

  test('after the delay it ends by itself', async () => {
    const tracker = await start({ workers, shutdown_delay: '300ms' })
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
    expect(tracker.output()).toContain('"msg":"stopped"')
  })
})
