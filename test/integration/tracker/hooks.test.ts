import { afterAll, describe, expect, test } from 'vitest'
import type { Infohash, PeerId } from '../../../src/bittorrent/types.ts'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { watchCommands } from '../../support/programs/commands.ts'
import { FRONTENDS, HookedTracker, type Said } from '../../support/servers/hookedTracker.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'
import { TEMPORARY } from '../../support/servers/trackerUnderTest.ts'

const { url } = await startRedis() // of our own: nobody else's commands are counted
const redis = connectTo(url)
const commands = await watchCommands(redis)
const trackers: HookedTracker[] = []
afterAll(async () => {
  await Promise.all(trackers.map((each) => each.close()))
  commands.close()
  redis.disconnect()
})

/** A tracker of its own with these hooks, and the first few passkeys on its list. */
async function trackerWith(...hooks: object[]) {
  const prefix = `${trackers.length}:`
  const keys = keysUnder(prefix)
  await redis.sadd(keys.passkeys, aPasskey(1), aPasskey(2))
  const tracker = await HookedTracker.start(url, prefix, hooks)
  trackers.push(tracker)
  await tracker.announce('UDP', { passkey: aPasskey(99) }) // the client has its connection ID from here on
  return { tracker, keys, prefix }
}

const ONE_CALL = ['evalsha']
const peerIdOf = (text: string) => Buffer.from(text.padEnd(20, 'x')).toString('hex') as PeerId

describe.each(FRONTENDS)('over %s', (frontend) => {
  describe('client approval', async () => {
    const { tracker } = await trackerWith({ name: 'client approval', options: { whitelist: ['TR3000'] } })

    test('serves the clients it lists, with one call', async () => {
      const announce = () => tracker.announce(frontend, { peerId: peerIdOf('-TR3000-') })
      expect((await announce()).failure).toBeUndefined()
      expect(await commands.during(announce)).toEqual(ONE_CALL)
    })

    test('refuses others without any call', async () => {
      const announce = () => tracker.announce(frontend, { peerId: peerIdOf('-XL0012-') })
      expect((await announce()).failure).toBe('unapproved client')
      expect(await commands.during(announce)).toEqual([])
    })
  })

  describe('torrent approval by lists', async () => {
    const options = { blacklist: [anInfohash(7)] }
    const { tracker } = await trackerWith({ name: 'torrent approval', options })

    test('refuses what it lists without any call, and serves the rest with one', async () => {
      const unwanted = () => tracker.announce(frontend, { infohash: anInfohash(7) })
      expect((await unwanted()).failure).toBe('unapproved torrent')
      expect(await commands.during(unwanted)).toEqual([])
      expect(await commands.during(() => tracker.announce(frontend))).toEqual(ONE_CALL)
    })
  })

  describe('torrent approval by a set', async () => {
    const set = { name: 'torrent approval', options: { set_key: 'site:torrents' } }
    const { tracker, prefix, keys } = await trackerWith(set)
    const torrents = `${prefix}site:torrents`
    const failure = async (infohash: Infohash, said: Said = {}) =>
      (await tracker.announce(frontend, { ...said, infohash })).failure

    test('serves what is in it and refuses the rest, from the moment it changes', async () => {
      await redis.sadd(torrents, anInfohash(1))
      expect(await failure(anInfohash(1))).toBeUndefined()
      expect(await failure(anInfohash(2))).toBe('unapproved torrent')
      await redis.sadd(torrents, anInfohash(2))
      expect(await failure(anInfohash(2))).toBeUndefined()
      await redis.srem(torrents, anInfohash(2))
      expect(await failure(anInfohash(2))).toBe('unapproved torrent')
    })

    test('asks to come back while the set is missing, and writes nothing', async () => {
      await redis.rename(torrents, `${torrents}:away`)
      const before = await everythingUnder(redis, prefix)
      expect(await failure(anInfohash(1))).toBe(TEMPORARY)
      expect(await everythingUnder(redis, prefix)).toEqual(before)
      await redis.rename(`${torrents}:away`, torrents)
      expect(await failure(anInfohash(1))).toBeUndefined()
    })

    test('speaks of the passkey first', async () => {
      expect(await failure(anInfohash(9), { passkey: aPasskey(99) })).toBe('unapproved passkey')
    })

    test('costs one call, whatever it decides', async () => {
      for (const infohash of [anInfohash(1), anInfohash(9)])
        expect(await commands.during(() => tracker.announce(frontend, { infohash }))).toEqual(ONE_CALL)
      expect(await redis.exists(keys.traffic)).toBe(1)
    })
  })

  describe('interval variation', async () => {
    const options = { modify_response_probability: 1, max_increase_delta: 600 }
    const { tracker } = await trackerWith({ name: 'interval variation', options })

    test('tells sessions different intervals, and each session the same one each time', async () => {
      const intervalOf = async (n: number) =>
        (await tracker.announce(frontend, { peerId: aPeerId(n) })).intervalSeconds
      const ids = Array.from({ length: 20 }, (_, i) => i)
      const intervals: number[] = []
      for (const n of ids) intervals.push(await intervalOf(n))
      for (const each of intervals) expect(each).toBeGreaterThan(1800)
      for (const each of intervals) expect(each).toBeLessThanOrEqual(2400)
      expect(new Set(intervals).size).toBeGreaterThan(10)
      for (const n of ids) expect(await intervalOf(n)).toBe(intervals[n])
    })

    test('costs no call', async () => {
      expect(await commands.during(() => tracker.announce(frontend))).toEqual(ONE_CALL)
    })
  })

  describe('peer limit', async () => {
    const limit = { name: 'peer limit', options: { max_leeching: 1, max_seeding: 2 } }
    const { tracker, prefix, keys } = await trackerWith(limit)
    const FULL = 'peer limit reached'
    /** Announces of client `n`; each test has a torrent of its own. */
    const clients =
      (torrent: number) =>
      async (n: number, said: Said = {}) =>
        (await tracker.announce(frontend, { infohash: anInfohash(torrent), peerId: aPeerId(n), ...said }))
          .failure

    test('refuses a second client of a passkey, and writes nothing about it', async () => {
      const failureOf = clients(1)
      expect(await failureOf(1, { event: 'started' })).toBeUndefined()
      const before = await everythingUnder(redis, prefix)
      expect(await failureOf(2, { event: 'started' })).toBe(FULL)
      expect(await failureOf(2, { uploaded: 500 })).toBe(FULL)
      expect(await everythingUnder(redis, prefix)).toEqual(before)
      expect(await failureOf(2, { passkey: aPasskey(2) })).toBeUndefined()
    })

    test('never refuses a client that is there, nor one that finishes or stops', async () => {
      const failureOf = clients(2)
      expect(await failureOf(1)).toBeUndefined()
      expect(await failureOf(1, { uploaded: 5, event: 'started' })).toBeUndefined()
      expect(await failureOf(2, { event: 'stopped' })).toBeUndefined()
      for (const n of [2, 3, 4]) expect(await failureOf(n, { event: 'completed', left: 0 })).toBeUndefined()
      for (const n of [2, 3, 4]) expect(await failureOf(n, { left: 0 })).toBeUndefined()
      expect(await failureOf(5, { left: 0 })).toBe(FULL)
    })

    test('counts seeders and leechers apart, and a place is free when a client leaves', async () => {
      const failureOf = clients(3)
      expect(await failureOf(1)).toBeUndefined()
      for (const n of [2, 3]) expect(await failureOf(n, { left: 0 })).toBeUndefined()
      expect(await failureOf(4, { left: 0 })).toBe(FULL)
      expect(await failureOf(3, { left: 0, event: 'stopped' })).toBeUndefined()
      expect(await failureOf(4, { left: 0 })).toBeUndefined()
      expect(await failureOf(3, { left: 0 })).toBe(FULL)
    })

    test('counts a client of two address families once', async () => {
      const failureOf = clients(4)
      for (const family of ['IPv4', 'IPv6'] as const) expect(await failureOf(1, { family })).toBeUndefined()
    })

    test('takes a passkey with more than a thousand records on a torrent for full', async () => {
      const failureOf = clients(5)
      const records = Array.from({ length: 1001 }, (_, i) => [`${i}`, 'gone']).flat()
      await redis.hset(keys.session(anInfohash(5), aPasskey()), ...records)
      expect(await failureOf(1)).toBe(FULL)
      await redis.hdel(keys.session(anInfohash(5), aPasskey()), '0')
      expect(await failureOf(1)).toBeUndefined()
    })

    test('costs one call, whatever it decides', async () => {
      for (const peerId of [aPeerId(1), aPeerId(2)])
        expect(await commands.during(() => tracker.announce(frontend, { peerId }))).toEqual(ONE_CALL)
    })
  })

  describe('announce rate', async () => {
    const { tracker, keys } = await trackerWith({ name: 'announce rate' })
    const WARNING = 'announced too early: no peers this time, traffic is counted'

    /** What client 1 is answered in a swarm where there is a peer for it. */
    async function inSwarm(torrent: number) {
      const infohash = anInfohash(torrent)
      await tracker.announce(frontend, { infohash, peerId: aPeerId(9), passkey: aPasskey(2), port: 7001 })
      await tracker.announce(frontend, {
        infohash,
        peerId: aPeerId(9),
        passkey: aPasskey(2),
        port: 7001,
        family: 'IPv6',
      })
      return (said: Said = {}) => tracker.announce(frontend, { infohash, ...said })
    }

    test('gives who comes back at once no peers and a warning, and credits it all the same', async () => {
      const announce = await inSwarm(1)
      expect(await announce({ uploaded: 100 })).toMatchObject({ hasPeers: true, warning: undefined })
      const early = await announce({ uploaded: 350 })
      expect(early).toMatchObject({ failure: undefined, hasPeers: false, intervalSeconds: 1800 })
      if (frontend === 'HTTP') expect(early.warning).toBe(WARNING)
      expect((await eventsOf(redis, keys.traffic)).at(-1)).toMatchObject({ du: '250', up: '350' })
    })

    test('never counts finishing as early', async () => {
      const announce = await inSwarm(2)
      await announce()
      expect(await announce({ event: 'completed', left: 0 })).toMatchObject({
        hasPeers: true,
        warning: undefined,
      })
      expect(await announce({ event: 'stopped', left: 0 })).toMatchObject({ warning: undefined })
    })

    test('never counts a second address family as early, only the same one again', async () => {
      const announce = await inSwarm(3)
      await announce({ family: 'IPv4' })
      expect(await announce({ family: 'IPv6' })).toMatchObject({ hasPeers: true, warning: undefined })
      for (const family of ['IPv4', 'IPv6'] as const)
        expect(await announce({ family })).toMatchObject({ hasPeers: false })
    })

    test('counts a start as early unless a stop came before', async () => {
      const announce = await inSwarm(4)
      expect(await announce({ event: 'started' })).toMatchObject({ hasPeers: true })
      expect(await announce({ event: 'started' })).toMatchObject({ hasPeers: false })
      await announce({ event: 'stopped' })
      expect(await announce({ event: 'started' })).toMatchObject({ hasPeers: true })
    })

    test('costs one call, early or not', async () => {
      for (let times = 0; times < 2; times++)
        expect(await commands.during(() => tracker.announce(frontend))).toEqual(ONE_CALL)
    })
  })

  test('all hooks of the script together are one call', async () => {
    const { tracker, keys } = await trackerWith(
      { name: 'client approval', options: { blacklist: ['XL0012'] } },
      { name: 'torrent approval', options: { set_key: 'pt:torrents' } },
      { name: 'interval variation' },
      { name: 'peer limit', options: { max_leeching: 1, max_seeding: 1 } },
      { name: 'announce rate' },
    )
    await redis.sadd(keys.torrents, anInfohash())
    const announces: [Said, string | undefined][] = [
      [{}, undefined],
      [{ uploaded: 5 }, undefined],
      [{ peerId: aPeerId(2) }, 'peer limit reached'],
      [{ infohash: anInfohash(2) }, 'unapproved torrent'],
      [{ event: 'stopped' }, undefined],
    ]
    for (const [said, failure] of announces) {
      const announce = async () => expect((await tracker.announce(frontend, said)).failure).toBe(failure)
      expect(await commands.during(announce)).toEqual(ONE_CALL)
    }
  })
})
