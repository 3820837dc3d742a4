import { afterAll, beforeAll, expect, test } from 'vitest'
import { anInfohash, aPasskey, aPeerId, keysUnder } from '../support/builders.ts'
import { startRedis } from '../support/redis.ts'
import { becomes } from './support/becomes.ts'
import { connectTo } from './support/stored.ts'
import { startTracker, type TrackerUnderTest } from './support/trackerUnderTest.ts'

const { url } = await startRedis() // of our own: nobody else's commands are counted
const redis = connectTo(url)
const spy = await redis.monitor()
const received: string[] = []
spy.on('monitor', (_time: string, command: string[], source: string) => {
  if (source !== 'lua') received.push(command.slice(0, 2).join(' '))
})
let tracker: TrackerUnderTest

beforeAll(async () => {
  tracker = await startTracker({ redisUrl: url, keyPrefix: '' })
  await redis.sadd(keysUnder('').passkeys, aPasskey())
  await becomes(tracker.readiness, 'ready')
})
afterAll(async () => {
  await tracker.close()
  spy.disconnect()
  redis.disconnect()
})

/** What Redis was sent while `during` ran, commands that scripts run left out. */
async function commandsDuring(during: () => Promise<unknown>): Promise<string[]> {
  await redis.echo('begin')
  await during()
  await redis.echo('end')
  await becomes(() => received.at(-1), 'echo end')
  const commands = received.slice(received.lastIndexOf('echo begin') + 1, -1)
  return commands.map((each) => each.split(' ')[0]!.toLowerCase())
}

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
  const commands = await commandsDuring(() => Promise.all(peers.map((each) => tracker.announce(each))))
  expect(commands).toEqual(Array(20).fill('evalsha'))
})

test('a refused announce is one command too', async () => {
  expect(await commandsDuring(() => tracker.failure({ passkey: aPasskey(99) }))).toEqual(['evalsha'])
})

test('a scrape of 50 infohashes is one command', async () => {
  const infohashes = Array.from({ length: 50 }, (_, i) => anInfohash(i + 1))
  let files = 0
  const commands = await commandsDuring(async () => {
    files = ((await tracker.scrape(infohashes)).get('files') as Map<string, unknown>).size
  })
  expect(commands).toEqual(['evalsha'])
  expect(files).toBe(50)
})

test('after SCRIPT FLUSH one announce and one scrape cost a second command, and no other does', async () => {
  await redis.script('FLUSH')
  expect(await commandsDuring(() => tracker.announce())).toEqual(['evalsha', 'eval'])
  expect(await commandsDuring(() => tracker.announce())).toEqual(['evalsha'])
  expect(await commandsDuring(() => tracker.scrape([anInfohash()]))).toEqual(['evalsha', 'eval'])
  expect(await commandsDuring(() => tracker.scrape([anInfohash()]))).toEqual(['evalsha'])
})
