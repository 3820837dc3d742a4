import { expect, onTestFinished, test } from 'vitest'
import { connectRedis } from '../../src/redis/connection.ts'
import { createLogger } from '../../src/runtime/logger.ts'
import { becomes } from '../support/programs/becomes.ts'
import { startRedis } from '../support/servers/redis.ts'
import { RedisProxy } from '../support/servers/redisProxy.ts'

/** Longer than a test may take: what is not refused at once fails the test. */
const NEVER_MS = 600_000

const { url, port } = await startRedis({ args: ['--requirepass', 'secret'] })

function connect(target: string) {
  const connection = connectRedis({
    target,
    connectTimeoutMs: 5_000,
    commandTimeoutMs: 5_000,
    log: createLogger('silent'),
  })
  onTestFinished(() => connection.close())
  return connection
}

test.each([
  ['a wrong password', `redis://:wrong@127.0.0.1:${port}/0`, /WRONGPASS/],
  ['no password', url, /NOAUTH/],
  ['a database that is not there', `redis://:secret@127.0.0.1:${port}/99`, /out of range/],
  ['a port on which nothing listens', 'redis://127.0.0.1:1/0', /ECONNREFUSED/],
  ['a host that is not there', 'redis://nosuch.invalid/0', /ENOTFOUND|EAI_AGAIN/],
])('%s is said at once to a command', async (_, target, reason) => {
  await expect(connect(target).readyOrRefused(NEVER_MS)).rejects.toThrow(reason)
})

test('a command waits for a connection that is closed at first', async () => {
  const proxy = await new RedisProxy(url).up()
  onTestFinished(() => proxy.down())
  proxy.hangUp()
  const connection = connect(proxy.url.replace('//', '//:secret@'))
  let attempts = 0
  connection.redis.on('reconnecting', () => attempts++)
  const ready = connection.readyOrRefused(NEVER_MS)
  await becomes(() => attempts >= 2, true)
  proxy.resume()
  await ready
})

test('a consumer waits for a server that is not there yet', async () => {
  const proxy = await new RedisProxy(url).up()
  onTestFinished(() => proxy.down())
  await proxy.down()
  const connection = connect(proxy.url.replace('//', '//:secret@'))
  const ready = connection.readyWithin(NEVER_MS)
  let attempts = 0
  connection.redis.on('reconnecting', () => attempts++)
  await becomes(() => attempts >= 2, true)
  await proxy.up()
  await ready
})
