import { afterAll, expect, test } from 'vitest'
import { connectRedis, type RedisConnection } from '../../../src/redis/connection.ts'
import { bulkCall } from '../../../src/site/traffic/bulkCall.ts'
import { ReplyError } from '../../../src/site/traffic/replyReader.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'

const { url, keyPrefix } = testRedis()
const proxy = await new RedisProxy(url).up()
const log = { debug() {}, info() {}, warn() {}, error() {} }
const connections: RedisConnection[] = []
afterAll(async () => {
  for (const connection of connections) connection.close()
  await proxy.down()
})

async function connect(target: string) {
  const connection = connectRedis({ target, connectTimeoutMs: 5_000, commandTimeoutMs: 5_000, log })
  connections.push(connection)
  await connection.readyWithin(5_000)
  return connection.redis
}

test('answers come as they are, errors among them, and the client goes on afterwards', async () => {
  const redis = await connect(url)
  const key = `${keyPrefix}list`
  const commands = [
    ['RPUSH', key, 'a', 'b'],
    ['INCR', key],
    ['LRANGE', key, '0', '-1'],
    ['GET', `${key}-not`],
  ]
  for (let i = 0; i < 3; i++) {
    const { replies } = await bulkCall(redis, commands, 5_000)
    expect(replies[0]).toBe(2 * (i + 1))
    expect(replies[1]).toBeInstanceOf(ReplyError)
    expect(replies[2]).toEqual(Array.from({ length: i + 1 }, () => ['a', 'b']).flat())
    expect(replies[3]).toBeNull()
    expect(await redis.llen(key)).toBe(2 * (i + 1))
  }
})

test('an answer of megabytes is read whole', async () => {
  const redis = await connect(url)
  const texts = Array.from({ length: 50_000 }, (_, i) => `${i}`.repeat(12))
  const { replies, bytes } = await bulkCall(
    redis,
    [
      ['RPUSH', `${keyPrefix}long`, ...texts],
      ['LRANGE', `${keyPrefix}long`, '0', '-1'],
    ],
    5_000,
  )
  expect(replies).toEqual([texts.length, texts])
  expect(bytes).toBeGreaterThan(texts.join('').length)
})

test('a connection that breaks, or says nothing, fails the call and is made anew', async () => {
  const redis = await connect(proxy.url)
  proxy.stall()
  const cut = bulkCall(redis, [['PING']], 60_000)
  proxy.cut()
  await expect(cut).rejects.toThrow('Connection is closed.')
  await expect(bulkCall(redis, [['PING']], 5_000)).rejects.toThrow('there is no connection to Redis')
  proxy.resume()
  const again = (text: string) => () =>
    bulkCall(redis, [['ECHO', text]], 5_000).then(
      ({ replies }) => replies,
      () => 'not yet',
    )
  await becomes(again('soon'), ['soon'])

  proxy.stall()
  await expect(bulkCall(redis, [['ECHO', 'late']], 50)).rejects.toThrow('Command timed out')
  proxy.resume()
  await becomes(again('next'), ['next'])
  expect(await redis.echo('usual')).toBe('usual')
})
