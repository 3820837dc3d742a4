import { afterAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { createTorrentAliases } from '../../../src/tracker/store/torrentAliases.ts'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'
import { startTracker } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const tracker = await startTracker({ redisUrl: url, keyPrefix })
const V1 = anInfohash(1)
const V2 = anInfohash(2)

afterAll(async () => {
  await tracker.close()
  redis.disconnect()
})
beforeEach(async () => {
  const left = await redis.keys(`${keyPrefix}*`)
  if (left.length > 0) await redis.del(left)
  await redis.sadd(keys.passkeys, aPasskey(1), aPasskey(2))
  await becomes(tracker.readiness, 'ready')
})

/** A copy that looks every few milliseconds. It is current once `resolve` says so: nothing else tells. */
async function followed() {
  const failures: string[] = []
  const malformed: number[] = []
  const own = connectTo(url)
  await own.ping() // connected
  const aliases = createTorrentAliases({
    redis: own,
    key: keys.aliases,
    everyMs: 5,
    onFailure: ({ message }) => failures.push(message),
    onMalformed: (fields) => malformed.push(fields),
  })
  const resolved = async (infohash = V2) => {
    try {
      return aliases.resolve(infohash) as string
    } catch (error) {
      return (error as Error).message
    }
  }
  onTestFinished(() => {
    aliases.close()
    own.disconnect()
  })
  return { failures, malformed, resolved }
}

test('a hybrid torrent announced under both infohashes is one session, one swarm and one snatch', async () => {
  await redis.hset(keys.aliases, V2, V1)
  const copy = await followed()
  await becomes(copy.resolved, V1)
  const scraped = async () =>
    ((await tracker.scrape([V2])).get('files') as Map<string, unknown>).size.toString()
  await becomes(scraped, '1')
  await becomes(async () => {
    await tracker.announce({ infohash: V2, passkey: aPasskey(2), peerId: aPeerId(9), event: 'stopped' })
    return (await eventsOf(redis, keys.traffic)).at(-1)!.infohash!
  }, V1)
  await redis.del(keys.traffic)

  const both = async (uploaded: number, left: number, event = '') => {
    for (const infohash of [V1, V2])
      await tracker.announce({ infohash, uploaded, downloaded: uploaded, left, event })
  }
  await both(0, 5000, 'started')
  await both(1000, 4000)
  await both(5000, 0, 'completed')
  const events = await eventsOf(redis, keys.traffic)
  expect(new Set(events.map(({ infohash }) => infohash))).toEqual(new Set([V1]))
  expect(events.reduce((sum, { du }) => sum + Number(du), 0)).toBe(5000)

  const { V1: ofV1, V2: ofV2 } = Object.fromEntries(
    await Promise.all(
      Object.entries({ V1, V2 }).map(async ([name, infohash]) => [
        name,
        ((await tracker.scrape([infohash])).get('files') as Map<string, unknown>).values().next().value,
      ]),
    ),
  )
  expect(ofV2).toEqual(ofV1)
  expect(ofV1).toEqual(
    new Map([
      ['complete', 1],
      ['downloaded', 1],
      ['incomplete', 0],
    ]),
  )
})

test('the copy follows additions, changes, removals, a deleted and a renamed list', async () => {
  const { resolved } = await followed()
  await becomes(resolved, V2)
  await redis.hset(keys.aliases, V2, V1)
  await becomes(resolved, V1)
  await redis.hset(keys.aliases, V2, anInfohash(3)) // as many fields as before
  await becomes(resolved, anInfohash(3))
  await redis.hdel(keys.aliases, V2)
  await becomes(resolved, V2)
  await redis.hset(`${keys.aliases}:new`, V2, V1)
  await redis.rename(`${keys.aliases}:new`, keys.aliases)
  await becomes(resolved, V1)
  await redis.del(keys.aliases)
  await becomes(resolved, V2)
})

test('a long list is read whole, and what is no pair of infohashes is left out and counted', async () => {
  const fields = Array.from({ length: 5_000 }, (_, at) => [anInfohash(at + 10), V1]).flat()
  await redis.hset(keys.aliases, ...fields, 'short', V1, V2, 'not hex', 'A'.repeat(40), V1)
  const { malformed, resolved } = await followed()
  await becomes(() => resolved(anInfohash(5_009)), V1)
  expect(await resolved(anInfohash(10))).toBe(V1)
  expect(await resolved('a'.repeat(40) as typeof V1)).toBe(V1)
  expect(malformed).toContain(2)
})

test('before the list was read once nothing is resolved; an unreadable list keeps the last copy', async () => {
  await redis.hset(keys.aliases, V2, V1)
  const { failures, resolved } = await followed()
  expect(await resolved()).toContain('has not been read yet')
  await becomes(resolved, V1)
  await redis.del(keys.aliases)
  await redis.set(keys.aliases, 'no hash')
  await becomes(async () => String(failures.some((each) => each.startsWith('WRONGTYPE'))), 'true')
  expect(await resolved()).toBe(V1)
})
