import { expect, onTestFinished, test } from 'vitest'
import { aPasskey } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { startTracker, TEMPORARY } from '../../support/servers/trackerUnderTest.ts'

test('a Redis that does not know the scripts\u2019 commands gets no passkey into the log', async () => {
  const args = ['--rename-command', 'EVALSHA', '', '--rename-command', 'EVAL', '']
  const { url } = await startRedis({ args })
  const tracker = await startTracker({ redisUrl: url, keyPrefix: '' })
  onTestFinished(() => tracker.close())
  expect(await tracker.failure()).toBe(TEMPORARY)
  await becomes(() => JSON.stringify(tracker.log).includes('unknown command'), true)
  expect(JSON.stringify(tracker.log)).not.toContain(aPasskey())
})
