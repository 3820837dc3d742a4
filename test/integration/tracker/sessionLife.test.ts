import { afterAll, expect, test } from 'vitest'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { aPlan, aPolicy, keysUnder } from '../../support/builders/builders.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())

test('a session outlives its last announce by accounting_ttl at least, its life renewed once an hour', async () => {
  const HOUR = 3600
  const policy = aPolicy({ accountingTtlSeconds: 100_000 })
  const keys = keysUnder(keyPrefix)
  const plan = aPlan()
  const session = keys.session(plan.infohash, plan.passkey!)
  let now = 500_000 * HOUR + 10
  const store = createSwarmStore({ redis, keys, policy, maxInFlight: 1, nowSeconds: () => now })
  const lifeAfterAnnounceAt = async (seconds: number) => {
    now = seconds
    await store.announce(plan)
    const life = await redis.ttl(session)
    await redis.persist(session) // a renewal that does not happen shows as no life at all
    return life
  }

  const start = now
  expect(await lifeAfterAnnounceAt(start)).toBeGreaterThan(100_000)
  expect(await lifeAfterAnnounceAt(start + 3_000)).toBe(-1)
  expect(await lifeAfterAnnounceAt(start + HOUR)).toBeGreaterThan(100_000)
  expect(await lifeAfterAnnounceAt(start + 20 * HOUR)).toBeGreaterThan(100_000)
})
