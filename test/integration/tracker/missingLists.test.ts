import { afterAll, expect, test } from 'vitest'
import { aPasskey, keysUnder } from '../../support/builders/builders.ts'
import { HookedTracker } from '../../support/servers/hookedTracker.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
afterAll(() => redis.disconnect())

test('while the list of passkeys is missing, one warning names the key and what to run', async () => {
  const tracker = await startTracker({ redisUrl: url, keyPrefix })
  for (let i = 0; i < 5; i++) expect(await tracker.failure()).toBe(TEMPORARY)
  await tracker.close()
  const warnings = tracker.log.filter(({ level }) => level === 'warn')
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatchObject({
    fields: { key: keys.passkeys, repeated: 0 },
    message: expect.stringContaining('redswarm passkeys import FILE'),
  })
  expect(JSON.stringify(warnings)).not.toContain(aPasskey())
})

test('the same for the list of torrents', async () => {
  await redis.sadd(keys.passkeys, aPasskey())
  const tracker = await HookedTracker.start(url, keyPrefix, [
    { name: 'torrent approval', options: { set_key: 'pt:torrents' } },
  ])
  for (let i = 0; i < 3; i++) await tracker.announce('HTTP', {})
  await tracker.close()
  expect(tracker.log.filter((line) => line.includes('there is no list of torrents'))).toHaveLength(1)
})
