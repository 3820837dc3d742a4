import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { RedisOptions } from 'ioredis'
import { test } from 'vitest'
import { isSameRedis, maskedRedisUrl, parseRedisUrl } from '../../../src/config/redisUrl.ts'

test.each([
  ['redis://10.0.0.1', { host: '10.0.0.1', port: 6379, db: 0 }],
  ['redis://pw@h:6380/3', { host: 'h', port: 6380, password: 'pw', db: 3 }],
  ['redis://:pw@h/', { host: 'h', port: 6379, password: 'pw', db: 0 }],
  ['redis://u:p@h', { host: 'h', port: 6379, username: 'u', password: 'p', db: 0 }],
  ['redis://u:a:b@c/d#e@h/1', { host: 'h', port: 6379, username: 'u', password: 'a:b@c/d#e', db: 1 }],
  ['redis://p%40ss@h', { host: 'h', port: 6379, password: 'p@ss', db: 0 }],
  ['redis://h?db=4', { host: 'h', port: 6379, db: 4 }],
  ['redis://[::1]:7000/1', { host: '::1', port: 7000, db: 1 }],
  [
    'rediss://u:p@redis.example',
    {
      host: 'redis.example',
      port: 6379,
      username: 'u',
      password: 'p',
      db: 0,
      tls: { servername: 'redis.example' },
    },
  ],
  ['rediss://10.0.0.1', { host: '10.0.0.1', port: 6379, db: 0, tls: {} }],
  ['unix:///run/redis.sock?db=2', { path: '/run/redis.sock', db: 2 }],
  [
    'redis-socket://pwd@/run/redis/redis.sock?db=0',
    { path: '/run/redis/redis.sock', password: 'pwd', db: 0 },
  ],
])('%s is understood', (url, expected) => {
  const connection: RedisOptions = parseRedisUrl(url)
  assert.deepEqual(connection, expected)
})

test.each([
  'h:6379',
  'http://h',
  'redis://',
  'redis://pw@/0',
  'redis://h:0',
  'redis://h:65536',
  'redis://h/x',
  'redis://h/-1',
  'redis://user:@h',
  'redis://p%zz@h',
  'redis://h?timeout=1',
  'redis://[h]:1',
  'unix://run/redis.sock',
])('%s is refused', (url) => {
  assert.throws(() => parseRedisUrl(url), RangeError)
})

test('a masked URL keeps everything but the password', () => {
  assert.equal(maskedRedisUrl(parseRedisUrl('redis://u:s3cret@[::1]:1/2')), 'redis://u:***@[::1]:1/2')
  assert.equal(maskedRedisUrl(parseRedisUrl('redis-socket://s3cret@/a/b?db=1')), 'unix://***@/a/b?db=1')
  assert.equal(maskedRedisUrl(parseRedisUrl('rediss://s3cret@h')), 'rediss://***@h:6379/0')
})

test('any password survives the URL once it is percent-encoded', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.nat({ max: 99 }), (password, db) => {
      const { password: read, db: readDb } = parseRedisUrl(`redis://${encodeURIComponent(password)}@h/${db}`)
      assert.deepEqual([read, readDb], [password, db])
    }),
  )
})

test('two spellings of one Redis are the same, another database or password is not', () => {
  const isSame = (one: string, other: string) => isSameRedis(parseRedisUrl(one), parseRedisUrl(other))
  assert.ok(isSame('redis://pw@h', 'redis://default:pw@h:6379/0'))
  assert.ok(!isSame('redis://pw@h', 'redis://pw@h/1'))
  assert.ok(!isSame('redis://pw@h', 'redis://other@h'))
  assert.ok(!isSame('redis://h', 'rediss://h'))
})
