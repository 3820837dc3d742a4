import { afterAll, beforeAll, expect, test } from 'vitest'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { watchCommands } from '../../support/programs/commands.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { startTracker, type TrackerUnderTest } from '../../support/servers/trackerUnderTest.ts'

const { url } = await startRedis() // of our own: nobody else's commands are counted
const redis = connectTo(url)
const commands = await watchCommands(redis)
const commandsDuring = commands.during
let tracker: TrackerUnderTest

beforeAll(async () => {
  tracker = await startTracker({ redisUrl: url, keyPrefix: '' })
  await redis.sadd(keysUnder('').passkeys, aPasskey())
  await becomes(tracker.readiness, 'ready')
})
afterAll(async () => {
  await tracker.close()
  commands.close()
  redis.disconnect()
})

test('an announce is one command', async () => {
  expect(await commandsDuring(() => tracker.announce())).toEqual(['evalsha'])
  expect(await commandsDuring(() => tracker.announce({ uploaded: 5, left: 0 }))).toEqual(['evalsha'])
  expect(await commandsDuring(() => tracker.announce({ event: 'stopped' }))).toEqual(['evalsha'])
})

test('twenty announces of twenty users are twenty commands', async () => {
  const peers = Array.from({ length: 20 }, (_, i) => ({
    peerId: aPeerId(i + 1),
    infohash: anInfohash(i + 1),
  }))
  const sent = await commandsDuring(() => Promise.all(peers.map((each) => tracker.announce(each))))
  expect(sent).toEqual(Array(20).fill('evalsha'))
})

test('a refused announce is one command too', async () => {
  expect(await commandsDuring(() => tracker.failure({ passkey: aPasskey(99) }))).toEqual(['evalsha'])
})

test('a scrape of 50 infohashes is one command', async () => {
  const infohashes = Array.from({ length: 50 }, (_, i) => anInfohash(i + 1))
  let files = 0
  const sent = await commandsDuring(async () => {
    files = ((await tracker.scrape(infohashes)).get('files') as Map<string, unknown>).size
  })
  expect(sent).toEqual(['evalsha'])
  expect(files).toBe(50)
})

test('after SCRIPT FLUSH one announce and one scrape cost a second command, and no other does', async () => {
  await redis.script('FLUSH')
  expect(await commandsDuring(() => tracker.announce())).toEqual(['evalsha', 'eval'])
  expect(await commandsDuring(() => tracker.announce())).toEqual(['evalsha'])
  expect(await commandsDuring(() => tracker.scrape([anInfohash()]))).toEqual(['evalsha', 'eval'])
  expect(await commandsDuring(() => tracker.scrape([anInfohash()]))).toEqual(['evalsha'])
})
