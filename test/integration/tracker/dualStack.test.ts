import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { addressOf } from '../../../src/bittorrent/address.ts'
import { type BencodeValue, bdecode } from '../../../src/bittorrent/bencode.ts'
import type { Infohash } from '../../../src/bittorrent/types.ts'
import { createTracker } from '../../../src/tracker/core/tracker.ts'
import { createHttpServer } from '../../../src/tracker/frontend/http/server.ts'
import { createUdpServer } from '../../../src/tracker/frontend/udp/server.ts'
import { passkeyApproval } from '../../../src/tracker/hooks/passkeyApproval.ts'
import { trafficPush } from '../../../src/tracker/hooks/trafficPush.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { anInfohash, aPasskey, aPeerId, aPolicy, keysUnder } from '../../support/builders/builders.ts'
import { UdpClient } from '../../support/clients/udpClient.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, sum } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const policy = aPolicy()
let nowSeconds = 1_800_000_000

const tracker = createTracker({
  store: createSwarmStore({ redis, keys, policy, maxInFlight: 100, nowSeconds: () => nowSeconds }),
  hooks: [passkeyApproval({ hasWhitelist: true, scrapeRequiresPasskey: false }), trafficPush()],
  policy: { intervalSeconds: 1800, minIntervalSeconds: 900, returnSelfIfAlone: false },
})
const faults: unknown[] = []
const shared = {
  tracker,
  listen: { host: '::', port: 0 },
  announceRoutes: ['/announce/:passkey'],
  passkeyParams: ['passkey'],
  defaultNumwant: 50,
  maxNumwant: 100,
  maxScrapeInfohashes: 100,
  allowIpSpoofing: false,
  reportFault: (fault: unknown) => faults.push(fault),
}
const http = createHttpServer({
  ...shared,
  scrapeRoutes: ['/scrape'],
  realIpHeader: undefined,
  trustedProxies: [],
  readTimeoutMs: 5000,
  writeTimeoutMs: 5000,
  idleTimeoutMs: 5000,
  enableKeepalive: false,
  maxHeaderBytes: 8192,
  retryInMinutes: 1,
  retryIntervalSeconds: 60,
})
const udp = createUdpServer({
  ...shared,
  privateKey: 'key',
  previousPrivateKeys: [],
  connectionIdLifetimeSeconds: 120,
  maxClockSkewSeconds: 10,
  maxInFlight: 100,
  receiveBufferBytes: undefined,
  reusePort: false,
})
const httpPort = (await http.listen()).port
const udpPort = (await udp.listen()).port
await redis.sadd(keys.passkeys, aPasskey(1), aPasskey(2))

/** Where a client may be: one address of each family, and after a move another IPv4 address. */
const HOME4 = '127.0.0.1'
const AWAY4 = '127.0.0.2'
const HOME6 = '::1'
const udpClients = new Map(
  [HOME4, AWAY4, HOME6].map((from) => [
    from,
    new UdpClient(udpPort, from.includes(':') ? 'IPv6' : 'IPv4', from),
  ]),
)
afterAll(async () => {
  for (const client of udpClients.values()) client.close()
  await Promise.all([http.close(0), udp.close(0)])
  redis.disconnect()
  expect(faults).toEqual([])
})

let infohash: Infohash
let swarms = 0
beforeEach(() => {
  infohash = anInfohash(++swarms)
})

interface Way {
  readonly protocol: 'http' | 'udp'
  readonly from: string
}
const HTTP4: Way = { protocol: 'http', from: HOME4 }
const HTTP6: Way = { protocol: 'http', from: HOME6 }
const UDP4: Way = { protocol: 'udp', from: HOME4 }
const UDP6: Way = { protocol: 'udp', from: HOME6 }
const WAYS = [HTTP4, HTTP6, UDP4, UDP6]

interface Said {
  readonly event?: 'none' | 'completed' | 'started' | 'stopped'
  readonly uploaded?: number
  readonly downloaded?: number
  readonly left?: number
  readonly user?: number
  readonly port?: number
}

interface Told {
  readonly seeders: number
  readonly leechers: number
  /** `address port`, sorted. */
  readonly peers: readonly string[]
}

/** One announce of the client under test, a seeder unless it says otherwise. */
async function announce(way: Way, { user = 1, ...said }: Said = {}): Promise<Told> {
  const { event = 'none', uploaded = 0, downloaded = 0, left = 0, port = 6881 } = said
  const path = `/announce/${aPasskey(user)}`
  if (way.protocol === 'udp') {
    const response = await udpClients.get(way.from)!.announce({
      infohash,
      peerId: aPeerId(user),
      uploadedBytes: uploaded,
      downloadedBytes: downloaded,
      leftBytes: left,
      eventId: ['none', 'completed', 'started', 'stopped'].indexOf(event),
      port,
      url: path,
    })
    if (response.kind !== 'announce') throw new Error(JSON.stringify(response))
    const peers = response.peers.map((each) => `${addressOf(each.bytes).text} ${each.port}`)
    return { seeders: response.seeders, leechers: response.leechers, peers: peers.sort() }
  }
  const encoded = (hex: string) => hex.replace(/../g, '%$&')
  const query = `info_hash=${encoded(infohash)}&peer_id=${encoded(aPeerId(user))}&event=${event}&compact=1`
  const totals = `&uploaded=${uploaded}&downloaded=${downloaded}&left=${left}&port=${port}`
  const answer = await get(way.from, `${path}?${query}${totals}`)
  if (answer.has('failure reason')) throw new Error(String(answer.get('failure reason')))
  return {
    seeders: answer.get('complete') as number,
    leechers: answer.get('incomplete') as number,
    peers: [...endpoints(answer.get('peers'), 6), ...endpoints(answer.get('peers6'), 18)].sort(),
  }
}

async function get(from: string, path: string): Promise<Map<string, BencodeValue>> {
  const host = from.includes(':') ? HOME6 : HOME4
  const asking = request({ host, port: httpPort, localAddress: from, path, agent: false }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return bdecode(await buffer(response)) as Map<string, BencodeValue>
}

function endpoints(list: BencodeValue | undefined, size: number): string[] {
  const packed = Buffer.from((list ?? []) as Uint8Array)
  return Array.from({ length: packed.length / size }, (_, i) => {
    const one = packed.subarray(i * size, (i + 1) * size)
    return `${addressOf(one.subarray(0, -2)).text} ${one.readUInt16BE(size - 2)}`
  })
}

/** What another user in the swarm is told of the client under test: over HTTP, which gives both families. */
async function seenByAnother(): Promise<Told> {
  return announce(HTTP4, { user: 2, left: 1, port: 7000 })
}

async function creditOf(user = 1) {
  const events = (await eventsOf(redis, keys.traffic)).filter(
    (event) => event.infohash === infohash && event.peer_id === aPeerId(user),
  )
  const total = (field: string) => sum(events.map((event) => Number(event[field])))
  return { up: total('du'), down: total('dd'), seconds: total('dt'), families: events.map(({ af }) => af) }
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((first, i) => permutations(items.toSpliced(i, 1)).map((rest) => [first, ...rest]))
}

const orders = permutations(WAYS).map((ways) => ({
  ways,
  name: ways.map(({ protocol, from }) => `${protocol}${from === HOME6 ? 6 : 4}`).join(', '),
}))

describe('one client that announces over both families and both protocols is one peer', () => {
  test.each(orders)('in the order $name', async ({ ways }) => {
    const saying = async (said: Said) => {
      for (const way of ways) expect(await announce(way, said)).toMatchObject({ seeders: 1 })
    }
    await saying({ event: 'started' })
    nowSeconds += 1800
    await saying({ uploaded: 1000, downloaded: 50 })
    expect(await seenByAnother()).toEqual({ seeders: 1, leechers: 1, peers: ['127.0.0.1 6881', '::1 6881'] })
    nowSeconds += 600
    await saying({ uploaded: 2 ** 40, downloaded: 70 })
    for (const way of ways) {
      const told = await announce(way, { uploaded: 2 ** 40 + 5, downloaded: 70, event: 'stopped' })
      expect(told).toEqual({ seeders: 0, leechers: 1, peers: [] })
    }
    expect(await seenByAnother()).toEqual({ seeders: 0, leechers: 1, peers: [] })
    const { up, down, seconds, families } = await creditOf()
    expect({ up, down, seconds }).toEqual({ up: 2 ** 40 + 5, down: 70, seconds: 2400 })
    expect(families.filter((family) => family === 'IPv6')).toHaveLength(8)
    expect(families).toHaveLength(16)
  })

  test('over both at the same time', async () => {
    await Promise.all(WAYS.map((way) => announce(way, { event: 'started' })))
    await Promise.all(WAYS.map((way) => announce(way, { uploaded: 777 })))
    expect(await seenByAnother()).toEqual({ seeders: 1, leechers: 1, peers: ['127.0.0.1 6881', '::1 6881'] })
    expect(await creditOf()).toMatchObject({ up: 777, down: 0 })
  })

  test('and finishes its download once', async () => {
    for (const way of WAYS) await announce(way, { event: 'started', left: 5 })
    for (const way of WAYS)
      expect(await announce(way, { event: 'completed', downloaded: 5 })).toMatchObject({ seeders: 1 })
    const scraped = await udpClients.get(HOME6)!.scrape([infohash])
    expect(scraped).toMatchObject({ swarms: [{ seeders: 1, leechers: 0, snatches: 1 }] })
  })
})

describe('each family is told of the peers it can reach', () => {
  test.each([
    [UDP4, ['127.0.0.1 6881']],
    [UDP6, ['::1 6881']],
    [HTTP4, ['127.0.0.1 6881', '::1 6881']],
    [HTTP6, ['127.0.0.1 6881', '::1 6881']],
  ])('%o', async (way, peers) => {
    await announce(UDP6)
    await announce(UDP4)
    expect((await announce(way, { user: 2, left: 1 })).peers).toEqual(peers)
  })
})

describe('a client that changes its address', () => {
  test.each(['http', 'udp'] as const)(
    'over %s is found at the new one alone, and keeps its baseline',
    async (protocol) => {
      await announce({ protocol, from: HOME4 }, { uploaded: 100 })
      await announce(UDP6, { uploaded: 100 })
      nowSeconds += 60
      const told = await announce({ protocol, from: AWAY4 }, { uploaded: 350 })
      expect(told.seeders).toBe(1)
      expect((await seenByAnother()).peers).toEqual(['127.0.0.2 6881', '::1 6881'])
      expect(await creditOf()).toMatchObject({ up: 250, seconds: 60 })
    },
  )

  test('in its port is found at the new port in the family that said so, and in the other once that says so too', async () => {
    await announce(UDP4)
    await announce(HTTP6)
    await announce(UDP4, { port: 6999 })
    expect((await seenByAnother()).peers).toEqual(['127.0.0.1 6999', '::1 6881'])
    await announce(HTTP6, { port: 6999 })
    expect((await seenByAnother()).peers).toEqual(['127.0.0.1 6999', '::1 6999'])
  })
})

describe('a client that loses one family', () => {
  test.each([
    [UDP6, UDP4, '127.0.0.1 6881', '::1 6881'],
    [HTTP4, UDP6, '::1 6881', '127.0.0.1 6881'],
  ])('%o stays known by it for a peer lifetime, then by the other alone', async (lost, kept, left, gone) => {
    await announce(lost, { uploaded: 1 })
    await announce(kept, { uploaded: 1 })
    nowSeconds += policy.peerLifetimeSeconds
    expect(await announce(kept, { uploaded: 2 })).toMatchObject({ seeders: 1 })
    expect((await seenByAnother()).peers).toEqual([left, gone].sort())
    nowSeconds += 1
    expect(await announce(kept, { uploaded: 4 })).toMatchObject({ seeders: 1 })
    expect((await seenByAnother()).peers).toEqual([left])
    expect(await creditOf()).toMatchObject({ up: 3, seconds: policy.peerLifetimeSeconds + 1 })
  })
})

describe('a client that stops on one family first', () => {
  test('is gone at once, and the second stop changes and credits nothing', async () => {
    await announce(UDP4, { uploaded: 10 })
    await announce(HTTP6, { uploaded: 10 })
    const stopped = { event: 'stopped', uploaded: 30 } as const
    expect(await announce(HTTP6, stopped)).toEqual({ seeders: 0, leechers: 0, peers: [] })
    expect((await seenByAnother()).peers).toEqual([])
    expect(await announce(UDP4, stopped)).toEqual({ seeders: 0, leechers: 1, peers: [] })
    expect(await creditOf()).toMatchObject({ up: 20 })
  })

  test('and goes on over the other comes back with that family alone, its credit unbroken', async () => {
    await announce(UDP4, { uploaded: 10 })
    await announce(UDP6, { uploaded: 10 })
    await announce(UDP6, { event: 'stopped', uploaded: 20 })
    nowSeconds += 900
    expect(await announce(UDP4, { uploaded: 45 })).toMatchObject({ seeders: 1 })
    expect((await seenByAnother()).peers).toEqual(['127.0.0.1 6881'])
    expect(await creditOf()).toMatchObject({ up: 35, seconds: 0 }) // it had stopped
  })
})
