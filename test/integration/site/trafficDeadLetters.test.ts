import { afterAll, expect, test } from 'vitest'
import { EntryNotSettled, LedgerUnavailable } from '../../../src/runtime/errors.ts'
import {
  findDeadLetter,
  readDeadLetters,
  type StoredDeadLetter,
} from '../../../src/site/traffic/deadLetters.ts'
import { replayDeadLetters } from '../../../src/site/traffic/replay.ts'
import { someFields } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'
import {
  append,
  around,
  aTrafficSite,
  FakeSession,
  isSettled,
  type TrafficSite,
} from '../../support/servers/trafficSite.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())

async function deadLettersOf(
  site: TrafficSite,
  queue: 'dlq' | 'failed' = 'dlq',
): Promise<StoredDeadLetter[]> {
  const letters: StoredDeadLetter[] = []
  for await (const page of readDeadLetters(redis, site.keys, queue)) letters.push(...page)
  return letters
}

const MALFORMED: readonly (readonly [string, string[], string])[] = [
  ['a missing field', someFields({ dd: undefined }), 'dd is missing'],
  ['a negative number', someFields({ du: -5 }), 'du is negative'],
  ['text for a number', someFields({ left: 'much' }), 'left is not a whole decimal number'],
  ['an absurd size', someFields({ agent: 'x'.repeat(100_000) }), 'agent is 100000 characters long'],
  ['no field of ours', ['colour', 'blue'], 'du is missing'],
  [
    'bytes that are no text',
    someFields({ passkey: '\0\0\x1b[2J' }),
    'passkey is not 1 to 128 of A-Z a-z 0-9 - _',
  ],
]

test('malformed entries go to the dead letters with a reason, whole, and the rest settles', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const session = new FakeSession(1)
  const entries = MALFORMED.flatMap(([, fields]) => [session.next(10), fields])
  const ids = await append(redis, site.stream, entries)
  site.consume()
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: 50, down: 100 })
  const letters = await deadLettersOf(site)
  expect(letters.map(({ reason }) => reason)).toEqual(MALFORMED.map(([, , reason]) => reason))
  expect(letters.map(({ fields }) => fields)).toEqual(MALFORMED.map(([, fields]) => fields))
  expect(letters.map(({ id }) => id)).toEqual(ids.filter((_, i) => i % 2 === 1))
  expect(letters.every(({ attempts, group }) => attempts === 1 && group === 'group-pt')).toBe(true)
  expect(site.rows('select reason from pt_dead_letters order by ms, seq')).toEqual(
    MALFORMED.map(([, , reason]) => ({ reason })),
  )
})

test('an entry that the database refuses is tried again, then given up, while all others settle', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const sessions = [1, 2, 3].map((number) => new FakeSession(number))
  const ids = await append(
    redis,
    site.stream,
    [0, 10, 10].flatMap((moved) => sessions.map((session) => session.next(moved))),
  )
  const poison = ids[4]!
  let attempts = 0
  const ledger = around(site.ledger, (call, entryIds) => {
    if (!entryIds.includes(poison)) return call()
    attempts++
    return Promise.reject(new EntryNotSettled(poison, { cause: new Error('value out of range') }))
  })
  site.consume({ ledger, maxAttempts: 3 })
  await isSettled(redis, site)
  expect(attempts).toBe(3)
  expect(await deadLettersOf(site)).toEqual([])
  expect(await deadLettersOf(site, 'failed')).toMatchObject([
    { id: poison, attempts: 3, reason: 'the database refuses it: value out of range' },
  ])
  // The hole that the poison left is recovered: the later entry of the session tells how much it was.
  await becomes(() => site.totals().up, 60)
})

test('a fault that names no entry is found by halving, and costs that entry only', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const sessions = Array.from({ length: 50 }, (_, i) => new FakeSession(i))
  const ids = await append(
    redis,
    site.stream,
    [0, 10].flatMap((moved) => sessions.map((session) => session.next(moved))),
  )
  const poison = ids[66]!
  const ledger = around(site.ledger, (call, entryIds) =>
    entryIds.includes(poison) ? Promise.reject(new TypeError('of no known kind')) : call(),
  )
  site.consume({ ledger, maxAttempts: 1 })
  await isSettled(redis, site)
  expect(await deadLettersOf(site, 'failed')).toMatchObject([
    { id: poison, reason: 'the database refuses it: of no known kind' },
  ])
  expect(site.totals().up).toBe(490)
})

test('a fault that spares no entry is ours: none is given up, and all settle when it is over', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const sessions = Array.from({ length: 30 }, (_, i) => new FakeSession(i))
  await append(
    redis,
    site.stream,
    [0, 10].flatMap((moved) => sessions.map((session) => session.next(moved))),
  )
  let isBroken = true
  const ledger = around(site.ledger, (call) => (isBroken ? Promise.reject(new TypeError('a bug')) : call()))
  site.consume({ ledger, maxAttempts: 1 })
  await becomes(
    () => site.log.filter(({ message }) => message.startsWith('a fault of the consumer')).length,
    1,
  )
  isBroken = false
  await isSettled(redis, site)
  expect(await deadLettersOf(site, 'failed')).toEqual([])
  expect(site.totals().up).toBe(300)
})

test('an entry of which consumers die is isolated and given up; those around it settle', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const sessions = Array.from({ length: 30 }, (_, i) => new FakeSession(i))
  const ids = await append(
    redis,
    site.stream,
    [0, 10].flatMap((moved) => sessions.map((session) => session.next(moved))),
  )
  const poison = ids[40]!
  const isGivenUp = () => deadLettersOf(site, 'failed').then((letters) => letters.length > 0)
  const burials: (() => Promise<void>)[] = []
  let deaths = 0
  while (!(await isGivenUp()) && deaths < 10) {
    const mortal = await aMortal(site, poison, `mortal-${deaths}`)
    burials.push(mortal.bury)
    await becomes(async () => mortal.isDead() || (await isGivenUp()), true)
    if (mortal.isDead()) deaths++
  }
  expect(deaths).toBe(4)
  await isSettled(redis, site)
  expect(await deadLettersOf(site, 'failed')).toMatchObject([
    { id: poison, reason: expect.stringMatching(/^given to a consumer 4 times, and each time it ended/) },
  ])
  expect(site.totals().up).toBe(290)
  await Promise.all(burials.map((bury) => bury()))
})

/** A consumer whose process is as good as killed when it settles that entry: no answer of the database, no word to Redis any more. */
async function aMortal(site: TrafficSite, poison: string, consumer: string) {
  const proxy = await new RedisProxy(url).up()
  let isDead = false
  const grave = Promise.withResolvers<never>()
  grave.promise.catch(() => undefined) // the last one lives
  const ledger = around(site.ledger, async (call, entryIds) => {
    if (!entryIds.includes(poison)) return call()
    await proxy.down()
    isDead = true
    return grave.promise
  })
  const mortal = site.consume({ redis: proxy.url, ledger, consumer, maxAttempts: 4, claimIdleMs: 20 })
  return {
    isDead: () => isDead,
    async bury() {
      const stopped = mortal.stop()
      grave.reject(new LedgerUnavailable('dead'))
      await Promise.all([stopped, proxy.down()])
    },
  }
}

async function aPoisonedSite() {
  const site = await aTrafficSite(url, keyPrefix)
  const [poison] = await append(redis, site.stream, [someFields({ du: 500, dd: 7 })])
  const refusing = around(site.ledger, (_, [id]) =>
    Promise.reject(new EntryNotSettled(id!, { cause: new Error('no') })),
  )
  const consumer = site.consume({ ledger: refusing, maxAttempts: 1 })
  await isSettled(redis, site)
  await becomes(async () => (await deadLettersOf(site, 'failed')).length, 1)
  await consumer.stop()
  const letters = await deadLettersOf(site, 'failed')
  return { site, poison: poison!, letters }
}

test('replay settles a dead letter under the ID of its entry, and removes it', async () => {
  const { site, letters } = await aPoisonedSite()
  const outcome = await replayDeadLetters({ redis, keys: site.keys, ledger: site.ledger }, letters)
  expect(outcome).toEqual({ replayed: 1, uploadedBytes: 500n, downloadedBytes: 7n, refused: new Map() })
  expect(site.totals()).toEqual({ up: 500, down: 7 })
  expect(await deadLettersOf(site, 'failed')).toEqual([])
  expect(site.rows('select 1 from pt_dead_letters')).toEqual([])
})

test('a replay that is killed before it removes the letter credits nothing when it is done again', async () => {
  const { site, letters } = await aPoisonedSite()
  const dying = around(site.ledger, async (call) => {
    await call()
    throw new LedgerUnavailable('killed after the commit')
  })
  await expect(replayDeadLetters({ redis, keys: site.keys, ledger: dying }, letters)).rejects.toThrow(
    LedgerUnavailable,
  )
  expect(await deadLettersOf(site, 'failed')).toHaveLength(1)
  site.consume() // and a consumer that starts in between must not open it again
  await becomes(() => site.log.filter(({ message }) => message === 'settling the traffic stream').length, 2)
  await isSettled(redis, site)
  const outcome = await replayDeadLetters({ redis, keys: site.keys, ledger: site.ledger }, letters)
  expect(outcome).toMatchObject({ replayed: 1, uploadedBytes: 0n, downloadedBytes: 0n })
  expect(site.totals()).toEqual({ up: 500, down: 7 })
  expect(await deadLettersOf(site, 'failed')).toEqual([])
})

test('what is still malformed, or was lost, stays where it is and says why', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const session = new FakeSession(1)
  await append(redis, site.stream, [session.next(0), session.next(1), ['colour', 'blue']])
  await redis.xtrim(site.stream, 'MAXLEN', '=', 1)
  site.consume()
  await isSettled(redis, site)
  const letters = await deadLettersOf(site)
  const { replayed, refused } = await replayDeadLetters(
    { redis, keys: site.keys, ledger: site.ledger },
    letters,
  )
  expect(replayed).toBe(0)
  expect([...refused]).toEqual([
    [letters[0]!.deadLetterId, 'the entry was gone before it was read, there is nothing to settle'],
    [letters[1]!.deadLetterId, 'du is missing'],
  ])
  expect(await deadLettersOf(site)).toEqual(letters)
  expect(await findDeadLetter(redis, site.keys, 'dlq', letters[1]!.deadLetterId)).toEqual(letters[1])
})

test('dead letters under a key of another type do not stop the rest', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await redis.set(site.keys.deadLetters, 'text')
  const session = new FakeSession(1)
  await append(redis, site.stream, [session.next(0), ['colour', 'blue'], session.next(5)])
  site.consume()
  await becomes(() => site.totals().up, 5)
  await append(redis, site.stream, [session.next(5)])
  await becomes(() => site.totals().up, 10)
  expect(site.log.some(({ message }) => message.includes('key is no stream'))).toBe(true)
  await redis.del(site.keys.deadLetters)
  await isSettled(redis, site)
  expect(await eventsOf(redis, site.keys.deadLetters)).toMatchObject([{ reason: 'du is missing' }])
})
