import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CONSUMER_DEFAULTS } from '../../src/site/traffic/consumerOptions.ts'
import { someFields } from '../support/builders/builders.ts'
import { startConsumer } from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { SQL_SERVERS, type SqlServer, startSqlServer } from '../support/servers/sqlServers.ts'

/* A consumer whose database fails under it. */

const STREAM = 'tracker:traffic'
const GROUP = CONSUMER_DEFAULTS.group
const START_WITHIN_MS = 120_000
const SOON_MS = 20_000

let url: string
let redis: Redis
beforeAll(async () => {
  url = (await startRedis()).url
  redis = new Redis(url)
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis?.disconnect()
  await endProcesses()
})

describe.each(SQL_SERVERS)('%s', (kind) => {
  let server: SqlServer
  beforeAll(async () => {
    server = await startSqlServer(kind)
  }, START_WITHIN_MS)

  async function settlingConsumer() {
    const consumer = await startConsumer(url, await server.newDatabase())
    await redis.xadd(STREAM, '*', ...someFields())
    await eventually('the first entry is settled', SOON_MS, async () => {
      const groups = (await redis.xinfo('GROUPS', STREAM)) as unknown[][]
      const [list = []] = groups
      const read = list[list.indexOf('entries-read') + 1]
      return (read === 1 && list[list.indexOf('pending') + 1] === 0) || undefined
    })
    return consumer
  }

  test('SIGTERM ends it while the database is gone', async () => {
    const consumer = await settlingConsumer()
    await server.kill()
    await redis.xadd(STREAM, '*', ...someFields())
    await consumer.process.says(/the database does not answer/, SOON_MS)
    expect(await consumer.stop()).toEqual({ code: 0, signal: null })
    await server.start()
  })

  // Each connection of PostgreSQL has a process of its own, which a frozen server does not stop.
  test.runIf(kind === 'mariadb')(
    'SIGTERM ends it while the database is frozen and has a statement in hand',
    async () => {
      const consumer = await settlingConsumer()
      process.kill(server.pid(), 'SIGSTOP')
      try {
        await redis.xadd(STREAM, '*', ...someFields())
        await eventually('the entry is in hand', SOON_MS, async () => {
          const [pending] = await redis.xpending(STREAM, GROUP)
          return pending === 1 || undefined
        })
        expect(await consumer.stop()).toEqual({ code: 0, signal: null })
      } finally {
        process.kill(server.pid(), 'SIGCONT')
      }
    },
  )
})
