import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Infohash } from '../../../src/bittorrent/types.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Logger } from '../../../src/runtime/logger.ts'
import { type Instance, startInstance } from '../../../src/tracker/process/instance.ts'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { UdpClient } from '../../support/clients/udpClient.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'

/** The package has no types. */
interface BittorrentClient extends NodeJS.EventEmitter {
  start(options: object): void
  scrape(options?: object): void
  destroy(): void
}
const { default: TrackerClient } = (await import('bittorrent-tracker/client' as string)) as {
  default: new (options: object) => BittorrentClient
}

const PRIVATE_KEY = 'a key that nobody may read'
const { url } = await startRedis() // of our own: nobody else's commands are counted
const redis = connectTo(url)
const logged: string[] = []
const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [
    level,
    (fields: object, message: string) => logged.push(`${level} ${message} ${JSON.stringify(fields)}`),
  ]),
) as unknown as Logger
const instances: Instance[] = []

/** Without http: what the forms of the announce URL are is then up to the defaults. */
async function startTracker(keyPrefix: string, prehooks: readonly object[]): Promise<Instance> {
  const file = {
    chihaya: {
      udp: { addr: '[::]:0', private_key: PRIVATE_KEY, max_scrape_infohashes: 100 },
      metrics_addr: '127.0.0.1:0',
      shutdown_timeout: '1s',
      storage: { name: 'redis', config: { redis_broker: url, key_prefix: keyPrefix } },
      prehooks,
    },
  }
  const instance = await startInstance(loadConfig(JSON.stringify(file), {}).config, log)
  instances.push(instance)
  const readyz = `http://127.0.0.1:${instance.metricsPort}/readyz`
  await becomes(async () => (await (await fetch(readyz)).text()).trim(), 'ready')
  return instance
}

const trafficPush = { name: 'traffic push' }
const whole = await startTracker('', [{ name: 'passkey approval' }, trafficPush])
const open = await startTracker('open:', [trafficPush])
const client = new UdpClient(whole.udp!.port)
const client6 = new UdpClient(whole.udp!.port, 'IPv6')

beforeAll(async () => {
  await redis.sadd(keysUnder('').passkeys, aPasskey())
})
afterAll(async () => {
  client.close()
  client6.close()
  await Promise.all(instances.map((each) => each.close()))
  redis.disconnect()
})

/** How often Redis ran scripts and other commands of a tracker while `during` ran. */
async function callsDuring(during: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.config('RESETSTAT')
  await during()
  const calls: Record<string, number> = {}
  for (const [, command, count] of (await redis.info('commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g))
    calls[command!] = Number(count)
  return {
    evalsha: calls.evalsha ?? 0,
    eval: calls.eval ?? 0,
    hgetall: calls.hgetall ?? 0,
    get: calls.get ?? 0,
  }
}

const announced = { url: `/announce/${aPasskey()}` }

describe('one script call', () => {
  test('for each announce', async () => {
    await client.connect()
    const during = () => client.announce(announced)
    expect(await callsDuring(during)).toEqual({ evalsha: 1, eval: 0, hgetall: 0, get: 0 })
  })

  test('for each scrape of 74 infohashes, over either family', async () => {
    const infohashes = Array.from({ length: 74 }, (_, i) => anInfohash(i + 1))
    for (const each of [client, client6]) {
      await each.connect()
      let swarms = 0
      const calls = await callsDuring(async () => {
        const response = await each.scrape(infohashes)
        swarms = response.kind === 'scrape' ? response.swarms.length : 0
      })
      expect([calls.evalsha, calls.eval, swarms]).toEqual([1, 0, 74])
    }
  })

  test('and none for what the frontend refuses', async () => {
    const calls = await callsDuring(async () => {
      await client.announce({ ...announced, port: 0 })
      await client.announce({ ...announced, connectionId: new Uint8Array(8) })
      await client.announce({ url: '/announce' })
    })
    expect(calls.evalsha).toBe(0)
  })
})

describe('passkeys', () => {
  test.each([
    `/announce/${aPasskey()}`,
    `/${aPasskey()}/announce`,
    `/announce?passkey=${aPasskey()}`,
    `/announce.php?x=y&uk=${aPasskey()}`,
    `?passkey=${aPasskey()}`,
    `/announce/${aPasskey()}?pad=${'x'.repeat(700)}`,
  ])('in %s are found', async (announceUrl) => {
    expect(await client.announce({ url: announceUrl })).toMatchObject({ kind: 'announce' })
  })

  test.each([
    ['', 'missing passkey'],
    ['/announce', 'missing passkey'],
    ['/announce/b@d', 'invalid passkey'],
    [`/announce/${aPasskey(77)}`, 'unapproved passkey'],
  ])('in "%s": %s', async (announceUrl, text) => {
    expect(await client.announce({ url: announceUrl })).toMatchObject({ kind: 'error', text })
  })

  test('name the user whose traffic it is', async () => {
    const infohash = anInfohash(500)
    await client.announce({ ...announced, infohash })
    await client.announce({ ...announced, infohash, uploadedBytes: 2 ** 34, downloadedBytes: 5 })
    const events = (await eventsOf(redis, keysUnder('').traffic)).filter((each) => each.infohash === infohash)
    expect(events).toMatchObject([
      { passkey: aPasskey(), du: '0', dd: '0', ip: '127.0.0.1', af: 'IPv4', agent: '-TR3000' },
      { passkey: aPasskey(), du: String(2 ** 34), dd: '5', up: String(2 ** 34) },
    ])
  })
})

test('event 4 of a partial seed reaches the stream as paused', async () => {
  const infohash = anInfohash(404)
  await client.announce({ ...announced, infohash, eventId: 4 })
  const events = (await eventsOf(redis, keysUnder('').traffic)).filter((each) => each.infohash === infohash)
  expect(events).toMatchObject([{ event: 'none', paused: '1' }])
})

test('metrics count packets by what they asked, and the private key is nowhere', async () => {
  await client.send(Buffer.alloc(3))
  const metrics = await (await fetch(`http://127.0.0.1:${whole.metricsPort}/metrics`)).text()
  const name = 'chihaya_udp_response_duration_milliseconds_count'
  for (const labels of [
    'action="connect",address_family="IPv4",error=""',
    'action="announce",address_family="IPv4",error=""',
    'action="scrape",address_family="IPv6",error=""',
    'action="announce",address_family="IPv4",error="unapproved passkey"',
    'action="",address_family="Unknown",error="bad connection ID"',
    'action="",address_family="Unknown",error="malformed packet"',
  ])
    expect(metrics).toContain(`${name}{${labels}} `)
  expect(metrics).toContain('redswarm_udp_dropped_packets_total 0')
  const passkeys = [aPasskey(), aPasskey(77)]
  for (const secret of [PRIVATE_KEY, ...passkeys])
    expect(`${metrics}${logged.join('\n')}`).not.toContain(secret)
})

describe('the client of bittorrent-tracker', () => {
  function aClient(user: number, infohash: Infohash, onWarning: (warning: Error) => void): BittorrentClient {
    const client = new TrackerClient({
      infoHash: infohash,
      peerId: aPeerId(user),
      announce: [`udp://127.0.0.1:${open.udp!.port}`],
      port: 6880 + user,
      wrtc: false,
    })
    client.on('warning', onWarning)
    client.on('error', onWarning)
    return client
  }

  test('announces to an open tracker, finds its peer, and scrapes', async () => {
    const warnings: Error[] = []
    const infohash = anInfohash(900)
    const [seed, leech] = [1, 2].map((user) => aClient(user, infohash, (each) => warnings.push(each)))
    try {
      const seeded = once(seed!, 'update')
      seed!.start({ uploaded: 0, downloaded: 0, left: 0 })
      expect((await seeded)[0]).toMatchObject({ complete: 1, incomplete: 0 })

      const found = once(leech!, 'peer')
      const updated = once(leech!, 'update')
      leech!.start({ uploaded: 0, downloaded: 0, left: 5 })
      expect((await updated)[0]).toMatchObject({ complete: 1, incomplete: 1 })
      expect((await found)[0]).toBe('127.0.0.1:6881')

      const scraped = once(leech!, 'scrape')
      leech!.scrape()
      expect((await scraped)[0]).toMatchObject({
        infoHash: infohash,
        complete: 1,
        incomplete: 1,
        downloaded: 0,
      })
      expect(warnings).toEqual([])
    } finally {
      seed!.destroy()
      leech!.destroy()
    }
  })
})
