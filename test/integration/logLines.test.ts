import { Redis } from 'ioredis'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { connectRedis } from '../../src/redis/connection.ts'
import type { Logger } from '../../src/runtime/logger.ts'
import { startInstance } from '../../src/tracker/process/instance.ts'
import { becomes } from '../support/programs/becomes.ts'
import { hold, portOf, release } from '../support/programs/freePorts.ts'
import { startRedis, testRedis } from '../support/servers/redis.ts'
import { startTracker, TEMPORARY } from '../support/servers/trackerUnderTest.ts'

function recorder() {
  const lines: { level: string; message: string; fields: object }[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields })
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  return { log, complaints: () => lines.filter(({ level }) => level === 'warn' || level === 'error') }
}

test('a key of the wrong type is named in the log', async () => {
  const { url, keyPrefix } = testRedis()
  const redis = new Redis(url, { protocol: 2 })
  onTestFinished(() => redis.disconnect())
  const tracker = await startTracker({ redisUrl: url, keyPrefix, isOpen: true })
  onTestFinished(() => tracker.close())
  await becomes(tracker.readiness, /^ready/) // else the announce may come before the list of hybrid torrents is read
  await redis.set(`${keyPrefix}tracker:traffic`, 'no stream')
  expect(await tracker.failure()).toBe(TEMPORARY)
  await becomes(() => JSON.stringify(tracker.log), /"level":"error"/)
  expect(tracker.log.find(({ level }) => level === 'error')!.fields).toMatchObject({
    err: expect.stringMatching(/^WRONGTYPE /),
    keys: [`${keyPrefix}tracker:traffic is a string, not a stream`],
  })
})

test('a password that Redis does not ask for is a line of the log and nothing on the terminal', async () => {
  const terminal = vi.spyOn(console, 'warn').mockImplementation(() => {})
  onTestFinished(() => terminal.mockRestore())
  const { port } = await startRedis()
  const { log, complaints } = recorder()
  const target = { host: '127.0.0.1', port, password: 'hunter2' }
  const connection = connectRedis({ target, connectTimeoutMs: 5000, commandTimeoutMs: 5000, log })
  onTestFinished(() => connection.close())
  await connection.readyWithin(5000)
  expect(complaints()).toEqual([
    {
      level: 'warn',
      message: 'redis asks for no password, and the configuration gives one',
      fields: { repeated: 0 },
    },
  ])
  expect(terminal).not.toHaveBeenCalled()
})

test('a wrong password is said without being shown', async () => {
  const { port } = await startRedis({ args: ['--requirepass', 'right'] })
  const { log, complaints } = recorder()
  const target = { host: '127.0.0.1', port, password: 'hunter2' }
  const connection = connectRedis({ target, connectTimeoutMs: 5000, commandTimeoutMs: 5000, log })
  onTestFinished(() => connection.close())
  await expect(connection.readyWithin(500)).rejects.toThrow(/WRONGPASS/)
  expect(JSON.stringify(complaints())).toMatch(/WRONGPASS/)
  expect(JSON.stringify(complaints())).not.toMatch(/hunter2/)
})

test('a port that is taken is the only thing said', async () => {
  const holder = await hold()
  onTestFinished(() => release(holder))
  const file = { chihaya: { http: { addr: `127.0.0.1:${portOf(holder)}` } } }
  const { log, complaints } = recorder()
  const { config } = loadConfig(JSON.stringify(file), { REDIS_URL: testRedis().url })
  await expect(startInstance(config, log)).rejects.toThrow(/EADDRINUSE/)
  await new Promise((resolve) => setImmediate(resolve))
  expect(complaints()).toEqual([])
})
