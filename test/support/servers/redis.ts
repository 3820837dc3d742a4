import { randomBytes } from 'node:crypto'
import { afterAll, inject } from 'vitest'
import {
  findRedisServer,
  type PrivateRedis,
  type PrivateRedisOptions,
  startPrivateRedis,
} from '../../../src/runtime/redisServer.ts'
import './redisBackend.ts'
import { sharedUsersFile, urlAs } from './redisUsers.ts'

/** This worker's server and a prefix that no other test file uses. What is written there may be left behind. */
export function testRedis(): { readonly url: string; readonly keyPrefix: string } {
  const { urls } = inject('redis')
  const worker = Number(process.env.VITEST_POOL_ID ?? 1) - 1
  return { url: urls[worker % urls.length]!, keyPrefix: `test-${randomBytes(6).toString('hex')}:` }
}

const started: PrivateRedis[] = []
afterAll(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()))
})

/**
 * A server of the test's own, always a local process, for what cannot be done to a shared one: full memory, a crash, a
 * restart. To start it again on its data, give `dir` and `port` both times. Stopped after the file's last test.
 *
 * In end-to-end tests it has the users of `dist/redis/users.acl`, and `url` is that of `admin`; `startTracker` and
 * `redswarm` make the program's own of it, so that a permission that is missing there fails them.
 */
export async function startRedis(options: Omit<PrivateRedisOptions, 'program'> = {}): Promise<PrivateRedis> {
  const hasUsers = inject('hasRedisUsers')
  const args = hasUsers ? ['--aclfile', sharedUsersFile(), ...(options.args ?? [])] : (options.args ?? [])
  const server = await startPrivateRedis({ ...options, args, program: await findRedisServer(process.env) })
  started.push(server)
  return hasUsers ? { ...server, url: urlAs('admin', server.url.replace('//', '//admin@')) } : server
}
