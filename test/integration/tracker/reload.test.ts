import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import type { Logger } from '../../../src/runtime/logger.ts'
import { type Instance, startInstance } from '../../../src/tracker/process/instance.ts'
import { keysUnder } from '../../support/builders/builders.ts'
import { announceTo, getDictionary } from '../../support/clients/bencodeClient.ts'
import { UdpClient } from '../../support/clients/udpClient.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis, testRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const trafficPush = { name: 'traffic push' }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Keys {
  readonly top?: object
  readonly http?: object
  readonly udp?: object
  readonly storage?: object
  readonly prehooks?: readonly object[]
}

const configOf = ({ top, http, udp, storage, prehooks = [trafficPush] }: Keys = {}, redisUrl = url) =>
  loadConfig(
    JSON.stringify({
      chihaya: {
        http: { addr: '127.0.0.1:0', ...http },
        udp: { addr: '127.0.0.1:0', private_key: 'k', ...udp },
        metrics_addr: '127.0.0.1:0',
        shutdown_timeout: '1s',
        ...top,
        storage: { config: { redis_broker: redisUrl, key_prefix: keyPrefix, ...storage } },
        prehooks,
      },
    }),
    {},
  ).config

async function start(keys: Keys = {}, redisUrl = url) {
  const instance = await startInstance(configOf(keys, redisUrl), silent)
  closing.push(() => instance.close())
  await becomes(async () => (await fetch(`http://127.0.0.1:${instance.metricsPort}/readyz`)).status, 200)
  return instance
}

let peers = 0
const anAnnounce = () => ({
  infohash: Buffer.alloc(20, ++peers),
  peerId: Buffer.from(`-TR3000-${String(peers).padStart(12, '0')}`),
})
const announceUrl = ({ http }: Instance) => `http://127.0.0.1:${http!.port}/announce`
const announce = (instance: Instance) => announceTo(announceUrl(instance), anAnnounce())

function udpClientOf({ udp }: Instance): UdpClient {
  const client = new UdpClient(udp!.port)
  closing.push(() => client.close())
  return client
}

test('intervals are new with the next announce, over HTTP and UDP, on the same ports and connections', async () => {
  const instance = await start()
  const udp = udpClientOf(instance)
  expect((await announce(instance)).get('interval')).toBe(1800)
  expect(await udp.announce()).toMatchObject({ kind: 'announce', intervalSeconds: 1800 })
  instance.reload(configOf({ top: { announce_interval: '20m', min_announce_interval: '7m' } }))
  const answer = await announce(instance)
  expect([answer.get('interval'), answer.get('min interval')]).toEqual([1200, 420])
  // The connection ID of before is still good.
  expect(await udp.announce()).toMatchObject({ kind: 'announce', intervalSeconds: 1200 })
})

test('hooks and their lists are new', async () => {
  const instance = await start()
  const udp = udpClientOf(instance)
  const blacklist = { name: 'client approval', options: { blacklist: ['TR3000'] } }
  instance.reload(configOf({ prehooks: [blacklist, trafficPush] }))
  expect((await announce(instance)).get('failure reason')?.toString()).toBe('unapproved client')
  expect(await udp.announce()).toMatchObject({ kind: 'error', text: 'unapproved client' })
  instance.reload(configOf())
  expect((await announce(instance)).get('failure reason')).toBeUndefined()
})

test('a passkey hook that comes with a reload checks the list it names', async () => {
  const instance = await start()
  const redis = connectTo(url)
  closing.push(() => redis.disconnect())
  await redis.sadd(`${keyPrefix}other:passkeys`, 'aaaa')
  instance.reload(
    configOf({ prehooks: [{ name: 'passkey approval', options: { set_key: 'other:passkeys' } }] }),
  )
  const failure = async (passkey: string) =>
    (await announceTo(`${announceUrl(instance)}/${passkey}`, anAnnounce())).get('failure reason')?.toString()
  expect([await failure('aaaa'), await failure('bbbb')]).toEqual([undefined, 'unapproved passkey'])
})

test('limits of answers and scrapes are new', async () => {
  const instance = await start()
  const scrape = async () => {
    const hashes = ['%01', '%02', '%03'].map((byte) => `info_hash=${byte.repeat(20)}`).join('&')
    const answer = await getDictionary(`${announceUrl(instance).replace('announce', 'scrape')}?${hashes}`)
    return (answer.get('files') as Map<unknown, unknown>).size
  }
  expect(await scrape()).toBe(3)
  instance.reload(configOf({ http: { max_scrape_infohashes: 2, announce_routes: ['/other'] } }))
  expect(await scrape()).toBe(2)
  await expect(announce(instance)).rejects.toThrow('HTTP 404')
})

test('what the script is told is new: fields of the events, lifetimes', async () => {
  const instance = await start()
  const redis = connectTo(url)
  closing.push(() => redis.disconnect())
  const traffic = (options: object) => ({ prehooks: [{ name: 'traffic push', options }] })
  instance.reload(configOf(traffic({ stream_key: 'bare', extra_fields: [] })))
  await announce(instance)
  instance.reload(configOf(traffic({ stream_key: 'full', extra_fields: ['agent'] })))
  await announce(instance)
  const [bare, full] = [await eventsOf(redis, `${keyPrefix}bare`), await eventsOf(redis, `${keyPrefix}full`)]
  expect([bare.length, full.length]).toEqual([1, 1])
  expect([Object.hasOwn(bare[0]!, 'agent'), Object.hasOwn(full[0]!, 'agent')]).toEqual([false, true])

  const { infohash, peerId } = anAnnounce()
  const accounting = { top: { announce_interval: '1m', min_announce_interval: '1m' } }
  instance.reload(configOf({ ...accounting, storage: { peer_lifetime: '2m', accounting_ttl: '3m' } }))
  await announceTo(announceUrl(instance), { infohash, peerId })
  const session = await redis.keys(`${keyPrefix}session:${infohash.toString('hex')}:*`)
  expect(await redis.ttl(session[0]!)).toBeLessThanOrEqual(180 + 3600) // renewed once an hour, so an hour on top
})

test('an announce under way ends under the configuration it began with', async () => {
  const own = await startRedis()
  const proxy = await new RedisProxy(own.url).up()
  closing.push(() => proxy.down())
  const instance = await start({ storage: { store_timeout: '30s' } }, proxy.url)
  await announce(instance)
  proxy.stall()
  const before = announce(instance)
  const redis = connectTo(own.url)
  closing.push(() => redis.disconnect())
  const swarms = () => redis.zcard(`${keysUnder(keyPrefix).swarms}`)
  await becomes(swarms, 2) // its script has run, its answer is on the way
  const blacklist = { name: 'client approval', options: { blacklist: ['TR3000'] } }
  const next = { top: { announce_interval: '20m' }, prehooks: [blacklist], storage: { store_timeout: '30s' } }
  instance.reload(configOf(next, proxy.url))
  expect((await announce(instance)).get('failure reason')?.toString()).toBe('unapproved client')
  proxy.resume()
  expect((await before).get('interval')).toBe(1800)
})

test('not one announce is lost while it reloads again and again', async () => {
  const instance = await start()
  let isOver = false
  const reloading = (async () => {
    for (let minutes = 20; !isOver; minutes = minutes === 20 ? 25 : 20) {
      instance.reload(configOf({ top: { announce_interval: `${minutes}m` } }))
      await new Promise((resolve) => setImmediate(resolve))
    }
  })()
  const client = async () => {
    for (let i = 0; i < 50; i++) {
      const answer = await announce(instance)
      expect([1200, 1500, 1800]).toContain(answer.get('interval'))
    }
  }
  await Promise.all([client(), client(), client(), client()])
  isOver = true
  await reloading
})

test('a configuration that cannot be served throws, and the one before goes on', async () => {
  const instance = await start()
  const next = configOf({ top: { announce_interval: '20m' } })
  const broken = { ...next, http: { ...next.http!, trustedProxies: ['nonsense'] } }
  expect(() => instance.reload(broken)).toThrow('nonsense')
  expect((await announce(instance)).get('interval')).toBe(1800)
})

test('the sweep takes up its new pace, and the lease with it', async () => {
  const own = await startRedis()
  const instance = await start({}, own.url)
  const redis = connectTo(own.url)
  closing.push(() => redis.disconnect())
  const commands = connectTo(own.url)
  closing.push(() => commands.disconnect())
  const monitor = await commands.monitor()
  closing.push(() => monitor.disconnect())
  const leaseTaken = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: string[]) => {
      if (args[0]?.toLowerCase() === 'set' && args[1] === keysUnder(keyPrefix).sweepLease) resolve()
    })
  })
  instance.reload(configOf({ storage: { gc_interval: '1s' } }, own.url))
  await leaseTaken
  expect(await redis.pttl(keysUnder(keyPrefix).sweepLease)).toBeLessThanOrEqual(2000)
})

test('a reload neither repeats a question that the site has not answered yet nor lifts the bounds on asking', async () => {
  const answers: (() => void)[] = []
  const site = createServer((_, response) => void answers.push(() => response.end('{"valid": true}')))
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  closing.push(
    () => site.closeAllConnections(),
    () => site.close(),
  )
  const keysOf = (cache_ttl_seconds: number): Keys => {
    const http_url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/verify`
    const options = { whitelist: false, http_url, http_max_concurrency: 1, cache_ttl_seconds }
    return { prehooks: [{ name: 'passkey approval', options }, trafficPush] }
  }
  const instance = await start(keysOf(300))
  const announceAs = (passkey: string) => announceTo(`${announceUrl(instance)}/${passkey}`, anAnnounce())
  const first = announceAs('held')
  await becomes(() => answers.length, 1)
  instance.reload(configOf(keysOf(301)))
  const second = announceAs('held')
  const other = await announceAs('other')
  expect(String(other.get('failure reason'))).toBe('tracker temporarily unavailable')
  expect(answers).toHaveLength(1)
  answers[0]!()
  for (const answer of await Promise.all([first, second]))
    expect(answer.get('failure reason')).toBe(undefined)
})
