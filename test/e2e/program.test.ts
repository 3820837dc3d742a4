import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SNATCHES_KEY } from '../../src/contract/redisKeys.ts'
import {
  announceTo,
  get,
  getDictionary,
  peersOf,
  percentEncode,
  sendBytes,
} from '../support/clients/bencodeClient.ts'
import {
  isReady,
  type RunningTracker,
  startTracker,
  type TrackerOptions,
} from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { readTraffic, type TrafficReader } from '../support/servers/trackerTraffic.ts'

const PASSKEY = randomBytes(16).toString('hex')
const UNLISTED = randomBytes(16).toString('hex')
const STEP_WITHIN_MS = 10_000

const started: RunningTracker[] = []
let redisUrl: string
let redis: Redis
let traffic: TrafficReader
let one: RunningTracker
let other: RunningTracker

async function start(options: TrackerOptions = {}): Promise<RunningTracker> {
  const tracker = await startTracker({ redisUrl, ...options })
  started.push(tracker)
  return tracker
}

beforeAll(async () => {
  redisUrl = (await startRedis()).url
  redis = new Redis(redisUrl)
  traffic = readTraffic(redisUrl)
  await redis.sadd('pt:passkeys', PASSKEY)
  one = await start()
  other = await start()
})

afterAll(async () => {
  traffic?.close()
  redis?.disconnect()
  await endProcesses()
})

const aSwarm = (): Buffer => randomBytes(20)
const aClient = (): Buffer => Buffer.concat([Buffer.from('-XX0001-'), randomBytes(12)])
const announceUrl = (tracker: RunningTracker, passkey = PASSKEY) => `${tracker.announceUrl}/${passkey}`
const aLeecher = (infohash = aSwarm()) => ({ infohash, peerId: aClient() })
const aSeeder = (infohash: Buffer, port: number) => ({ infohash, peerId: aClient(), port, left: 0 })

/** The four forms that torrents on users' disks have. */
const forms = (action: string) => [
  `/${action}/${PASSKEY}`,
  `/${PASSKEY}/${action}`,
  `/${action}?passkey=${PASSKEY}`,
  `/${action}.php?passkey=${PASSKEY}`,
]
const FAMILIES = [
  { family: 'IPv4', host: '127.0.0.1', ipBytes: '7f000001' },
  { family: 'IPv6', host: '[::1]', ipBytes: '00000000000000000000000000000001' },
]

describe('on the example configuration', () => {
  for (const [i, form] of forms('announce').entries()) {
    for (const { family, host, ipBytes } of FAMILIES) {
      test(`an announce in form ${i + 1} over ${family} meets the swarm's seeder`, async () => {
        const url = `http://${host}:${one.port}${form}`
        const infohash = aSwarm()
        const leecher = { ...aLeecher(infohash), event: 'started' as const }
        await announceTo(url, aSeeder(infohash, 7001))
        const answer = await announceTo(url, leecher)

        const { 'external ip': ip, peers, peers6, ...numbers } = Object.fromEntries(answer)
        expect((ip as Buffer).toString('hex')).toBe(ipBytes)
        expect(numbers).toEqual({
          complete: 1,
          downloaded: 0,
          incomplete: 1,
          interval: 1800,
          'min interval': 900,
        })
        expect(peersOf(answer)).toEqual([`${host}:7001`])
        const event = await traffic.waitFor(
          'the event',
          ({ peer_id }) => peer_id === leecher.peerId.toString('hex'),
          STEP_WITHIN_MS,
        )
        expect(event).toMatchObject({ passkey: PASSKEY, af: family, ip: host.replace(/[[\]]/g, '') })
        expect(event).toMatchObject({ event: 'started', left: '1000', du: '0', dd: '0' })
      })
    }
  }

  test('a dual-stack client is one peer with two addresses and is credited once', async () => {
    const seeder = aSeeder(aSwarm(), 7002)
    const totals = { ...seeder, uploaded: 500 }
    const ipv6Url = `http://[::1]:${one.port}/announce/${PASSKEY}`
    await announceTo(announceUrl(one), seeder)
    await announceTo(announceUrl(one), totals)
    await announceTo(ipv6Url, totals)

    const answer = await announceTo(announceUrl(one), aLeecher(seeder.infohash))
    expect(answer.get('complete')).toBe(1)
    expect(peersOf(answer)).toEqual(['127.0.0.1:7002', '[::1]:7002'])
    const events = (await traffic.entries()).filter(
      ({ peer_id }) => peer_id === seeder.peerId.toString('hex'),
    )
    expect(events.map(({ af, du }) => [af, du])).toEqual([
      ['IPv4', '0'],
      ['IPv4', '500'],
      ['IPv6', '0'],
    ])
  })

  for (const [i, form] of forms('scrape').entries()) {
    test(`a scrape in form ${i + 1} counts known and unknown swarms in one answer`, async () => {
      const known = aSwarm()
      const unknown = aSwarm()
      await announceTo(announceUrl(one), aSeeder(known, 7003))
      await announceTo(announceUrl(one), aLeecher(known))
      await redis.hset(SNATCHES_KEY, known.toString('hex'), 7)
      const query = [known, unknown].map((infohash) => `info_hash=${percentEncode(infohash)}`).join('&')
      const answer = await getDictionary(
        `http://127.0.0.1:${one.port}${form}${form.includes('?') ? '&' : '?'}${query}`,
      )
      const files = answer.get('files') as Map<string, Map<string, number>>
      expect(Object.fromEntries(files.get(known.toString('latin1'))!)).toEqual({
        complete: 1,
        downloaded: 7,
        incomplete: 1,
      })
      expect(Object.fromEntries(files.get(unknown.toString('latin1'))!)).toEqual({
        complete: 0,
        downloaded: 0,
        incomplete: 0,
      })
      expect(files.size).toBe(2)
    })
  }

  const query = `info_hash=${'%61'.repeat(20)}&peer_id=${'%62'.repeat(20)}&port=1&uploaded=0&downloaded=0&left=0`
  test.each([
    ['missing passkey', `/announce?${query}`],
    ['invalid passkey', `/announce/a%20b?${query}`],
    ['unapproved passkey', `/announce/${UNLISTED}?${query}`],
    ['no info_hash parameter supplied', `/announce/${PASSKEY}?${query.replace('info_hash', 'x')}`],
    ['provided invalid infohash', `/announce/${PASSKEY}?${query.replace('%61', '')}`],
    ['multiple info_hash parameters supplied', `/announce/${PASSKEY}?${query}&info_hash=${'%63'.repeat(20)}`],
    ['failed to provide valid peer_id', `/announce/${PASSKEY}?${query.replace('%62', '')}`],
    ['failed to parse parameter: uploaded', `/announce/${PASSKEY}?${query}&uploaded=9007199254740992`],
    ['invalid query escape', `/announce/${PASSKEY}?${query}&key=%zz`],
    ['invalid port', `/announce/${PASSKEY}?${query}&port=0`],
    ['no info_hash parameter supplied', `/scrape/${PASSKEY}`],
  ])('refuses with "%s"', async (reason, target) => {
    const lengthBefore = await redis.xlen('tracker:traffic')
    const answer = await getDictionary(`http://127.0.0.1:${one.port}${target}`)
    expect([...answer].map(([key, value]) => `${key}: ${value}`)).toEqual([`failure reason: ${reason}`])
    expect(await redis.xlen('tracker:traffic')).toBe(lengthBefore)
  })

  test('a passkey that the site takes off its list is refused from the next announce on', async () => {
    const passkey = 'Once-Welcome'
    await redis.sadd('pt:passkeys', passkey)
    expect((await announceTo(announceUrl(one, passkey), aLeecher())).has('peers')).toBe(true)
    await redis.srem('pt:passkeys', passkey)
    const refused = await announceTo(announceUrl(one, passkey), aLeecher())
    expect(String(refused.get('failure reason'))).toBe('unapproved passkey')
  })

  test('other paths are not found and other methods not allowed', async () => {
    const origin = `http://127.0.0.1:${one.port}`
    expect((await get(`${origin}/`)).status).toBe(404)
    expect((await get(`${origin}/announce/${PASSKEY}?${query}`, { method: 'POST' })).status).toBe(405)
  })

  test('HTTP/1.0 without a Host header is served, and what is no HTTP is told so', async () => {
    const announce = `GET /announce/${PASSKEY}?${query} HTTP/1.0\r\n\r\n`
    expect(await sendBytes(one.port, announce)).toMatch(/^HTTP\/1\.\d 200 .*d8:complete/s)
    const noise = `GET /announce/${PASSKEY}?${query} HTTP/x\r\n\r\n`
    expect(await sendBytes(one.port, noise)).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('two instances on one Redis', () => {
  test("see each other's peers and take up each other's sessions", async () => {
    const seeder = aSeeder(aSwarm(), 7004)
    const leecher = aLeecher(seeder.infohash)
    await announceTo(announceUrl(one), { ...seeder, uploaded: 100 })
    expect(peersOf(await announceTo(announceUrl(other), leecher))).toEqual(['127.0.0.1:7004'])
    await announceTo(announceUrl(other), { ...seeder, uploaded: 350, event: 'stopped' })

    const answer = await announceTo(announceUrl(one), leecher)
    expect(answer.get('complete')).toBe(0)
    const stopped = await traffic.waitFor(
      'the end of the session',
      ({ peer_id, event }) => peer_id === seeder.peerId.toString('hex') && event === 'stopped',
      STEP_WITHIN_MS,
    )
    expect(stopped).toMatchObject({ du: '250', up: '350' })
  })
})

describe('in trouble', () => {
  test('without a whitelist clients are told to come back, not that they are unwelcome', async () => {
    const bare = await startRedis()
    const tracker = await start({ redisUrl: bare.url })
    const answer = await announceTo(announceUrl(tracker), aLeecher())
    expect(String(answer.get('failure reason'))).toBe('tracker temporarily unavailable')
    expect(answer.get('retry in')).toBeGreaterThan(0)
    const keys = new Redis(bare.url)
    expect(await keys.dbsize()).toBe(0)
    keys.disconnect()
  })

  test('a key of the wrong type is a temporary failure that names no passkey', async () => {
    const leecher = aLeecher()
    const sessionKey = `session:${leecher.infohash.toString('hex')}:${PASSKEY}`
    await redis.set(sessionKey, 'not a hash')
    const answer = await announceTo(announceUrl(one), leecher)
    expect(String(answer.get('failure reason'))).toBe('tracker temporarily unavailable')
    await one.process.says(/"level":"error".*WRONGTYPE/, STEP_WITHIN_MS)
    await redis.del(sessionKey)
    expect((await announceTo(announceUrl(one), leecher)).has('peers')).toBe(true)
  })
})

test('SIGTERM: not ready, no new connections, the announce in flight is answered, exit code 0', async () => {
  const tracker = await start({ config: { storage: { config: { store_timeout: '30s' } } } })
  await redis.call('CLIENT', 'PAUSE', '60000', 'WRITE')
  const underway = announceTo(announceUrl(tracker), aLeecher())
  const isHeldBack = /flags=b .*cmd=evalsha/
  await eventually('the announce is in Redis', STEP_WITHIN_MS, async () => {
    const clients = String(await redis.client('LIST'))
    return isHeldBack.test(clients) || undefined
  })

  const ended = tracker.stop()
  await tracker.process.says(/"msg":"stopping/, STEP_WITHIN_MS)
  expect(await isReady(tracker)).toBe(false)
  await expect(get(`http://127.0.0.1:${tracker.port}/announce`)).rejects.toThrow('ECONNREFUSED')
  await redis.client('UNPAUSE')
  expect((await underway).get('incomplete')).toBe(1)
  expect(await ended).toEqual({ code: 0, signal: null })
})

test('no passkey is in anything that the trackers have printed', () => {
  for (const { output } of started) {
    expect(output()).toContain('"msg":"serving"')
    expect(output()).not.toContain(PASSKEY)
    expect(output()).not.toContain(UNLISTED)
  }
})
