import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { AnnounceRequest, AnnounceResponse } from '../../../src/bittorrent/types.ts'
import type { Tracker } from '../../../src/tracker/core/tracker.ts'
import { encodeAnnouncePacket, encodeConnectRequest } from '../../../src/tracker/frontend/udp/requests.ts'
import { parseResponse } from '../../../src/tracker/frontend/udp/responses.ts'
import {
  createUdpServer,
  type UdpServer,
  type UdpServerOptions,
} from '../../../src/tracker/frontend/udp/server.ts'
import { anAnnouncePacket, UdpClient } from '../../support/clients/udpClient.ts'
import { becomes } from '../../support/programs/becomes.ts'

const answerTo = (request: AnnounceRequest): AnnounceResponse => ({
  seeders: 1,
  leechers: 2,
  snatches: 3,
  intervalSeconds: 1800,
  minIntervalSeconds: 900,
  peers: new Uint8Array(),
  externalIp: request.address,
  warning: undefined,
})

/** Answers at once, or holds every announce until it is told to let go. */
class FakeTracker implements Tracker {
  readonly announces: AnnounceRequest[] = []
  #held: (() => void)[] | undefined

  hold(): void {
    this.#held = []
  }

  letGo(): void {
    for (const answer of this.#held?.splice(0) ?? []) answer()
    this.#held = undefined
  }

  async announce(request: AnnounceRequest) {
    this.announces.push(request)
    if (this.#held) await new Promise<void>((resolve) => this.#held!.push(resolve))
    return answerTo(request)
  }

  async scrape() {
    return { files: [] }
  }
}

const servers: UdpServer[] = []
const clients: UdpClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await Promise.all(servers.splice(0).map((server) => server.close(0)))
})

async function start(options: Partial<UdpServerOptions> = {}) {
  const tracker = new FakeTracker()
  const faults: unknown[] = []
  const socketErrors: Error[] = []
  let dropped = 0
  const server = createUdpServer({
    tracker,
    reportFault: (fault) => faults.push(fault),
    onSocketError: (error) => socketErrors.push(error),
    onDropped: () => dropped++,
    listen: { host: '127.0.0.1', port: 0 },
    announceRoutes: ['/announce/:passkey'],
    passkeyParams: ['passkey'],
    defaultNumwant: 50,
    maxNumwant: 100,
    maxScrapeInfohashes: 50,
    allowIpSpoofing: false,
    privateKey: undefined,
    previousPrivateKeys: [],
    connectionIdLifetimeSeconds: 120,
    maxClockSkewSeconds: 10,
    maxInFlight: 1000,
    receiveBufferBytes: undefined,
    reusePort: false,
    ...options,
  })
  servers.push(server)
  const { port } = await server.listen()
  return { tracker, faults, socketErrors, dropped: () => dropped, server, port }
}

function connectTo(port: number, family?: 'IPv4' | 'IPv6'): UdpClient {
  const client = new UdpClient(port, family)
  clients.push(client)
  return client
}

describe('listening', () => {
  test('on [::] serves IPv4, whose addresses are IPv4, and IPv6', async () => {
    const { port, tracker } = await start({ listen: { host: '::', port: 0 } })
    for (const family of ['IPv4', 'IPv6'] as const)
      expect(await connectTo(port, family).announce()).toMatchObject({ kind: 'announce', seeders: 1 })
    expect(tracker.announces.map(({ address }) => address.text)).toEqual(['127.0.0.1', '::1'])
  })

  test('on a name listens where the name leads', async () => {
    const { port } = await start({ listen: { host: 'localhost', port: 0 } })
    const answers = await Promise.race([
      connectTo(port, 'IPv4').announce(),
      connectTo(port, 'IPv6').announce(),
    ])
    expect(answers.kind).toBe('announce')
  })

  test('on a port in use rejects with the reason, and closing is fine after that', async () => {
    const { port } = await start()
    await expect(start({ listen: { host: '127.0.0.1', port } })).rejects.toThrow('EADDRINUSE')
    await servers.at(-1)!.close(0)
  })

  test('on a port in use is possible where both want to share it', async () => {
    const { port } = await start({ reusePort: true, privateKey: 'shared' })
    await start({ listen: { host: '127.0.0.1', port }, reusePort: true, privateKey: 'shared' })
    expect(await connectTo(port).announce()).toMatchObject({ kind: 'announce' })
  })

  test('with a receive buffer keeps as many unread packets as fit into it', async () => {
    const readOf60 = async (receiveBufferBytes: number) => {
      let read = 0
      const { port } = await start({ receiveBufferBytes, observe: () => read++ })
      const flooder = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) })
      flooder.bind(0, '127.0.0.1') // at once, with a lookup that answers at once
      for (let i = 0; i < 60; i++) flooder.send(Buffer.alloc(1000), port, '127.0.0.1') // none is read in between
      await becomes(() => read > 0, true)
      await connectTo(port).receivedSoFar()
      flooder.close()
      return read - 1
    }
    expect(await readOf60(4096)).toBeLessThan(30)
    expect(await readOf60(200_000)).toBe(60)
  })
})

describe('connection IDs', () => {
  test('move between instances with one key, and not between those that made their own', async () => {
    const verdictOn = async (ports: readonly [number, number]) => {
      const connectionId = await connectTo(ports[0]).connect()
      const response = await connectTo(ports[1]).announce({ connectionId })
      return response.kind === 'error' ? response.text : response.kind
    }
    const shared = [await start({ privateKey: 'k' }), await start({ privateKey: 'k' })] as const
    expect(await verdictOn([shared[0].port, shared[1].port])).toBe('announce')
    const own = [await start(), await start()] as const
    expect(await verdictOn([own[0].port, own[1].port])).toBe('bad connection ID')
  })

  test('grow old with the clock', async () => {
    let nowSeconds = 1_800_000_000
    const { port } = await start({ nowSeconds: () => nowSeconds })
    const client = connectTo(port)
    expect(await client.announce()).toMatchObject({ kind: 'announce' })
    nowSeconds += 120
    expect(await client.announce()).toMatchObject({ kind: 'announce' })
    nowSeconds += 1
    expect(await client.announce()).toMatchObject({ kind: 'error', text: 'bad connection ID' })
    await client.connect()
    expect(await client.announce()).toMatchObject({ kind: 'announce' })
  })
})

describe('work in flight', () => {
  test('is bounded: past the bound packets are dropped and counted, and below it served again', async () => {
    const { port, tracker, dropped } = await start({ maxInFlight: 3 })
    const client = connectTo(port)
    await client.announce()
    tracker.hold()
    const announce = encodeAnnouncePacket(anAnnouncePacket({ connectionId: await client.connect() }))
    for (let i = 0; i < 5; i++) await client.send(announce)
    await becomes(dropped, 2)
    expect(tracker.announces).toHaveLength(1 + 3)
    tracker.letGo()
    for (let i = 0; i < 3; i++)
      expect(parseResponse(await client.receive(), 'IPv4')).toMatchObject({ kind: 'announce' })
    expect(await client.announce()).toMatchObject({ kind: 'announce' })
    expect(dropped()).toBe(2)
  })

  test('is finished when the server closes, and nothing new is taken in', async () => {
    const { port, tracker, server } = await start()
    const client = connectTo(port)
    await client.connect()
    tracker.hold()
    const answer = client.announce()
    await becomes(() => tracker.announces.length, 1)
    const closed = server.close(60_000)
    await client.send(encodeConnectRequest(1))
    tracker.letGo()
    expect(await answer).toMatchObject({ kind: 'announce' })
    await closed
    expect(tracker.announces).toHaveLength(1)
  })

  test('is given up when it takes longer than the grace period, and its late answer does no harm', async () => {
    const { port, tracker, server, faults } = await start()
    const client = connectTo(port)
    await client.connect()
    tracker.hold()
    await client.send(encodeAnnouncePacket(anAnnouncePacket({ connectionId: await client.connect() })))
    await becomes(() => tracker.announces.length, 1)
    await server.close(0)
    tracker.letGo()
    await new Promise(setImmediate)
    expect(faults).toEqual([])
  })
})

describe('noise', () => {
  const MIB = 1_048_576

  test('of any bytes at any length gets an answer of the protocol or silence, and the server lives', async () => {
    const { port, faults, socketErrors } = await start()
    const client = connectTo(port)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1500 }), async (bytes) => {
        await client.send(bytes)
        for (const answer of await client.receivedSoFar()) {
          expect(parseResponse(answer, 'IPv4')).toBeDefined()
          expect(answer.length).toBeLessThanOrEqual(Math.max(16, bytes.length))
        }
      }),
    )
    expect([faults, socketErrors]).toEqual([[], []])
  })

  test('of 20,000 packets leaves memory flat and the next announce answered', async () => {
    let received = 0
    const { port, faults, tracker } = await start({ observe: () => received++ })
    const client = connectTo(port)
    const random = fc.sample(fc.uint8Array({ minLength: 0, maxLength: 1400 }), 200)
    const connectionId = await client.connect()
    const nearlyRight = encodeAnnouncePacket(anAnnouncePacket({ connectionId, port: 0 }))
    const forged = encodeAnnouncePacket(anAnnouncePacket({ connectionId: new Uint8Array(8).fill(9) }))
    const noise = [...random, nearlyRight, forged, encodeConnectRequest(1)]
    const flooder = createSocket('udp4').on('message', () => {})
    const flood = async (count: number) => {
      for (let i = 0; i < count; i++) {
        flooder.send(noise[i % noise.length]!, port, '127.0.0.1')
        // Both ends run in this process: now and then the server has to get its turn.
        if (i % 40 === 39) await client.receivedSoFar()
      }
    }
    await flood(5000) // until caches and heap have their size
    const before = process.memoryUsage().rss
    received = 0
    await flood(20_000)
    const grownBytes = process.memoryUsage().rss - before
    flooder.close()
    await once(flooder, 'close')

    expect(received).toBeGreaterThanOrEqual(20_000)
    expect(grownBytes).toBeLessThan(64 * MIB)
    expect(faults).toEqual([])
    expect(tracker.announces).toEqual([])
    expect(await client.announce()).toMatchObject({ kind: 'announce', seeders: 1 })
  })
})
