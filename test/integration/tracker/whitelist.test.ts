import { afterAll, beforeEach, expect, test } from 'vitest'
import { aPasskey, aPeerId, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf, everythingUnder } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY, UNAPPROVED } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const tracker = await startTracker({ redisUrl: url, keyPrefix })
afterAll(async () => {
  await tracker.close()
  redis.disconnect()
})
beforeEach(async () => {
  const left = await redis.keys(`${keyPrefix}*`)
  if (left.length > 0) await redis.del(left)
  await becomes(tracker.readiness, 'ready')
})

const SERVED = undefined

test('a listed passkey is served, an unlisted one is refused and leaves no trace', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1))
  const before = await everythingUnder(redis, keyPrefix)
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(UNAPPROVED)
  expect(await everythingUnder(redis, keyPrefix)).toEqual(before)
  expect(await tracker.failure({ passkey: aPasskey(1) })).toBe(SERVED)
})

test('a passkey is refused from the moment it leaves the list, in the middle of its session', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1), aPasskey(2))
  expect(await tracker.failure()).toBe(SERVED)
  await redis.srem(keys.passkeys, aPasskey(1))
  expect(await tracker.failure({ uploaded: 5 })).toBe(UNAPPROVED)
  expect(await eventsOf(redis, keys.traffic)).toHaveLength(1)
})

test('what the site said lately counts until it expires', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1))
  await redis.set(keys.accepted(aPasskey(2)), '1')
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(SERVED)
  await redis.del(keys.accepted(aPasskey(2)))
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(UNAPPROVED)
  await redis.set(keys.rejected(aPasskey(2)), '1')
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(UNAPPROVED)
})

test('the list outweighs a cached rejection: a user just added gets in at once', async () => {
  await redis.set(keys.rejected(aPasskey(1)), '1')
  await redis.sadd(keys.passkeys, aPasskey(1))
  expect(await tracker.failure()).toBe(SERVED)
})

test('without a list nobody is rejected, not even who was before; cached users are served', async () => {
  await redis.set(keys.rejected(aPasskey(2)), '1')
  await redis.set(keys.accepted(aPasskey(3)), '1')
  expect(await tracker.failure({ passkey: aPasskey(1) })).toBe(TEMPORARY)
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(TEMPORARY)
  expect(await tracker.failure({ passkey: aPasskey(3) })).toBe(SERVED)
})

test('a temporary failure asks the client back soon, a refusal does not', async () => {
  const temporary = await tracker.announce()
  expect(temporary.get('retry in')).toBe(1)
  expect(temporary.get('interval')).toBe(60)
  await redis.sadd(keys.passkeys, aPasskey(1))
  expect((await tracker.announce({ passkey: aPasskey(2) })).has('retry in')).toBe(false)
})

test('the swap by two renames: try again between them, served after them', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1))
  await redis.sadd(`${keys.passkeys}:new`, aPasskey(1), aPasskey(2))
  expect(await tracker.failure()).toBe(SERVED)

  await redis.rename(keys.passkeys, `${keys.passkeys}:old`)
  const before = await everythingUnder(redis, keyPrefix)
  expect(await tracker.failure({ uploaded: 70 })).toBe(TEMPORARY)
  expect(await tracker.failure({ passkey: aPasskey(9) })).toBe(TEMPORARY)
  expect(await everythingUnder(redis, keyPrefix)).toEqual(before)

  await redis.rename(`${keys.passkeys}:new`, keys.passkeys)
  expect(await tracker.failure({ uploaded: 100 })).toBe(SERVED)
  expect(await tracker.failure({ passkey: aPasskey(2), peerId: aPeerId(2) })).toBe(SERVED)
  expect(await tracker.failure({ passkey: aPasskey(9) })).toBe(UNAPPROVED)
  const du = (await eventsOf(redis, keys.traffic)).map((each) => each.du)
  expect(du).toEqual(['0', '100', '0']) // the bytes of the moment between are not lost
})

test('the swap by one rename: nobody on both lists is ever turned away', async () => {
  await redis.sadd(keys.passkeys, aPasskey(1))
  const answers: (string | undefined)[] = []
  for (let swap = 0; swap < 20; swap++) {
    await redis.sadd(`${keys.passkeys}:new`, aPasskey(1), aPasskey(swap + 2))
    const announces = Array.from({ length: 5 }, (_, i) => tracker.failure({ peerId: aPeerId(i) }))
    await redis.rename(`${keys.passkeys}:new`, keys.passkeys)
    answers.push(...(await Promise.all(announces)))
  }
  expect(answers).toEqual(Array(100).fill(SERVED))
})

test('a hex passkey is the same in capitals; any other keeps its case', async () => {
  const hex = 'c0ffee00c0ffee00c0ffee00c0ffee00'
  await redis.sadd(keys.passkeys, hex, 'MixedCaseXyz')
  expect(await tracker.failure({ passkey: hex.toUpperCase() })).toBe(SERVED)
  expect(await tracker.failure({ passkey: 'MixedCaseXyz' })).toBe(SERVED)
  expect(await tracker.failure({ passkey: 'mixedcasexyz' })).toBe(UNAPPROVED)
  expect(await tracker.failure({ passkey: hex, uploaded: 11 })).toBe(SERVED)
  const events = await eventsOf(redis, keys.traffic)
  expect(events.map((each) => each.passkey)).toEqual([hex, 'MixedCaseXyz', hex])
  expect(events[2]!.du).toBe('11') // one session, however it was spelled
})
