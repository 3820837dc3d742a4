import { afterAll, expect, test } from 'vitest'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis, testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { append, aTrafficSite, FakeSession, isSettled } from '../../support/servers/trafficSite.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())

const someEntries = (count: number) => {
  const session = new FakeSession(1)
  return Array.from({ length: count }, () => session.next(1))
}

test('what is settled leaves the stream, down to what another group still needs', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const ids = await append(redis, site.stream, someEntries(300))
  await redis.xgroup('CREATE', site.stream, 'risk', '0')
  await redis.xreadgroup('GROUP', 'risk', 'one', 'COUNT', 200, 'STREAMS', site.stream, '>')
  await redis.xack(site.stream, 'risk', ...ids.slice(0, 150))
  const consumer = site.consume({ keepSeconds: 0 })
  await becomes(() => redis.xlen(site.stream), 150)
  expect((await redis.xrange(site.stream, '-', '+', 'COUNT', 1))[0]![0]).toBe(ids[150])
  expect(site.log.filter(({ message }) => message.startsWith('trimmed'))).toMatchObject([
    { fields: { entries: 150 } },
  ])
  await consumer.stop()
  await redis.xgroup('DESTROY', site.stream, 'risk')
  site.consume({ keepSeconds: 0 })
  await becomes(() => redis.xlen(site.stream), 0)
  expect(site.rows("select 1 from pt_dead_letters where kind = 'loss'")).toEqual([])
})

test('what is settled and young is kept, and without trim everything is', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const old = Date.now() - 7_200_000
  await Promise.all(someEntries(5).map((fields, i) => redis.xadd(site.stream, `${old + i}-0`, ...fields)))
  await append(redis, site.stream, someEntries(5))
  const untrimmed = site.consume({ keepSeconds: 0, trim: false })
  await isSettled(redis, site)
  await untrimmed.stop()
  expect(await redis.xlen(site.stream)).toBe(10)
  site.consume({ keepSeconds: 3600 })
  await becomes(() => redis.xlen(site.stream), 5)
})

test('a backlog of many nodes is trimmed in steps, and to the entry', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  for (let i = 0; i < 10; i++) await append(redis, site.stream, someEntries(5_000))
  const [last] = await append(redis, site.stream, [['broken', 'entry']])
  await redis.xgroup(
    'CREATE',
    site.stream,
    'group-pt',
    last!.replace(/\d+$/, (seq) => String(seq)),
  )
  await redis.xgroup('SETID', site.stream, 'group-pt', '$')
  site.consume({ keepSeconds: 0 })
  await becomes(() => redis.xlen(site.stream), 0)
})

test('a full Redis is read, settled and trimmed all the same: that is how it gets room again', async () => {
  const server = await startRedis()
  const own = connectTo(server.url)
  const site = await aTrafficSite(server.url, keyPrefix)
  const session = new FakeSession(1)
  const entries = Array.from({ length: 10_000 }, () => session.next(1))
  await append(own, site.stream, [...entries, ['broken', 'entry']])
  const info = await own.info('memory')
  await own.config('SET', 'maxmemory', /used_memory:(\d+)/.exec(info)![1]!, 'maxmemory-policy', 'noeviction')
  await expect(append(own, site.stream, [session.next(1)])).rejects.toThrow(/OOM/)
  site.consume({ keepSeconds: 86_400 })
  await becomes(() => site.totals().up, 9_999)
  const next = session.next(1)
  const appended = () =>
    append(own, site.stream, [next]).then(
      () => 'appended',
      () => 'full',
    )
  await becomes(appended, 'appended') // what is settled went, young or not
  await becomes(() => own.xlen(site.keys.deadLetters), 1)
  await becomes(() => site.totals().up, 10_001)
  own.disconnect()
})

test('consumers that ended without a word are removed from the group after a day, those with work in hand are not', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await append(redis, site.stream, someEntries(3))
  await redis.xgroup('CREATE', site.stream, 'group-pt', '0')
  const names = async () =>
    ((await redis.xinfo('CONSUMERS', site.stream, 'group-pt')) as unknown[][]).map((list) => list[1])
  await redis.xgroup('CREATECONSUMER', site.stream, 'group-pt', 'lately')
  await redis.xreadgroup('GROUP', 'group-pt', 'holds', 'COUNT', 1, 'STREAMS', site.stream, '>')
  const consumer = site.consume({ consumer: 'ends', claimIdleMs: 86_400_000 })
  await becomes(() => site.totals().up, 2)
  expect(await names()).toEqual(['ends', 'holds', 'lately'])
  await consumer.stop()
  expect(await names()).toEqual(['holds', 'lately'])
})
