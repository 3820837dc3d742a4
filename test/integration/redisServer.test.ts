import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { findRedisServer, NoRedisServer } from '../../src/runtime/redisServer.ts'
import { startRedis } from '../support/servers/redis.ts'

const folder = mkdtempSync(join(tmpdir(), 'redswarm-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A program that answers `--version` like a Redis of that version. */
function pretender(name: string, version: string): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\necho "Redis server v=${version} sha=00000000:0"\n`, { mode: 0o755 })
  return path
}

const nowhere = { PATH: '/nonexistent', XDG_CACHE_HOME: join(folder, 'cache'), REDSWARM_NO_FETCH: '1' }

test('a machine without any Redis is told everything tried, three ways out, and exit code 78', async () => {
  const error = await findRedisServer(nowhere).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(NoRedisServer)
  const { message, exitCode } = error as NoRedisServer
  const attempts = [
    'redis-server on PATH',
    'valkey-server on PATH',
    'private copy',
    'fetching a private copy',
  ]
  for (const tried of attempts) {
    expect(message).toContain(`  - ${tried}`)
  }
  expect(message.split('\n').slice(-3).join('\n')).toMatch(/REDIS_URL=.*\n.*apt-get install.*\n.*docker run/)
  expect(exitCode).toBe(78)
})

test('a server older than 7.0 is passed over for a newer one further on', async () => {
  pretender('redis-server', '6.2.14')
  const newer = pretender('valkey-server', '8.0.1')
  expect(await findRedisServer({ ...nowhere, PATH: folder })).toMatchObject({ path: newer, version: '8.0.1' })
})

test('a program named in REDSWARM_REDIS_SERVER that is too old is refused, not replaced', async () => {
  pretender('valkey-server', '8.0.1')
  const older = pretender('older', '6.0.16')
  const found = findRedisServer({ ...nowhere, PATH: folder, REDSWARM_REDIS_SERVER: older })
  await expect(found).rejects.toThrow(/older is version 6\.0\.16, needed is 7\.0 or newer/)
})

test('a private server is gone after stop, and so is its answer', async () => {
  const server = await startRedis()
  const redis = new Redis(server.url, { retryStrategy: () => null })
  redis.on('error', () => undefined) // the connection is lost on purpose
  expect(await redis.ping()).toBe('PONG')
  await server.stop()
  expect(() => process.kill(server.pid, 0)).toThrow('ESRCH')
  redis.disconnect()
})

test('what an append-only server acknowledged is there again after a crash', async () => {
  const dir = mkdtempSync(join(folder, 'aof-'))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always']
  const first = await startRedis({ dir, args })
  const before = new Redis(first.url, { retryStrategy: () => null })
  before.on('error', () => undefined) // the connection is lost on purpose
  await before.set('kept', 'yes')
  await first.kill()
  const second = await startRedis({ dir, args, port: first.port })
  const after = new Redis(second.url)
  expect(await after.get('kept')).toBe('yes')
  after.disconnect()
})

test('a server that cannot start says why', async () => {
  await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(
    /ended before it was ready[\s\S]*no-such-option/,
  )
})
