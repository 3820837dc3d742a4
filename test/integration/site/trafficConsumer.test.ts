import { afterAll, expect, test } from 'vitest'
import { REDSWARM } from '../../../src/contract/metricNames.ts'
import { LedgerUnavailable } from '../../../src/runtime/errors.ts'
import { createConsumerMetrics } from '../../../src/site/traffic/consumerMetrics.ts'
import { someFields } from '../../support/builders/builders.ts'
import { anEntry } from '../../support/builders/trafficEntries.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { startRedis, testRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { append, around, aTrafficSite, FakeSession, isSettled } from '../../support/servers/trafficSite.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
afterAll(() => redis.disconnect())

/** `count` sessions announce `times` each, 10 bytes in between; @returns what all of them must be credited */
function entriesOf(count: number, times: number, first = 0) {
  const sessions = Array.from({ length: count }, (_, i) => new FakeSession(first + i + 1))
  const entries = Array.from({ length: times }, () => sessions.map((session) => session.next(10))).flat()
  const up = count * (times - 1) * 10
  return { sessions, entries, expected: { up, down: 2 * up } }
}

test('a stream without a group is settled from its beginning, and what comes later as it comes', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { sessions, entries, expected } = entriesOf(50, 5)
  await append(redis, site.stream, entries)
  const consumer = site.consume({ batch: 64 })
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
  await append(
    redis,
    site.stream,
    sessions.map((session) => session.next(7)),
  )
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: expected.up + 350, down: expected.down + 700 })
  await consumer.stop()
  const groups = (await redis.xinfo('GROUPS', site.stream)) as unknown[][]
  expect(groups[0]!.slice(0, 6)).toEqual(['name', 'group-pt', 'consumers', 0, 'pending', 0])
})

test('the stream is made when there is none, so that nothing appended later is missed', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  site.consume()
  await becomes(() => redis.exists(site.stream), 1)
  const session = new FakeSession(1)
  await append(redis, site.stream, [session.next(0), session.next(5)])
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: 5, down: 10 })
})

test('fourteen fields of another producer are enough', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await append(redis, site.stream, [
    someFields({ du: 100, dd: 3 }),
    someFields({ du: 20, dd: 0, ts: 1_800_001_800 }),
  ])
  site.consume()
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: 120, down: 3 })
})

test('what the ledger has forgotten is credited nothing, counted, and said without a line for each', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await site.ledger.settle('another', [anEntry({ at: 1_400_000_000, du: 1, hasTotals: false })])
  await site.ledger.prune('1500000000000-0')
  for (const seq of [1, 2, 3])
    await redis.xadd(site.stream, `1400000000000-${seq}`, ...someFields({ du: 100 }))
  await append(redis, site.stream, [someFields({ du: 7, dd: 0 })])
  const metrics = createConsumerMetrics(() => consumer.readState())
  const consumer = site.consume({ batch: 1, observer: metrics.observer })
  await isSettled(redis, site)
  expect(site.totals()).toMatchObject({ up: 8 })
  const said = site.log.filter(({ message }) => message.includes('older than what the ledger remembers'))
  expect(said).toMatchObject([{ level: 'warn', fields: { entries: 1 } }])
  const counted = metrics.registry.getSingleMetric(REDSWARM.consumerForgotten)
  await becomes(async () => (await counted!.get()).values[0]!.value, 3)
})

test('Redis is lost between commit and acknowledgement: the entries come again, and are credited once', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const proxy = await new RedisProxy(url).up()
  const { entries, expected } = entriesOf(20, 4)
  await append(redis, site.stream, entries)
  let commits = 0
  const ledger = around(site.ledger, async (call) => {
    const outcome = await call()
    if (++commits === 1) await proxy.down()
    return outcome
  })
  const consumer = site.consume({ redis: proxy.url, ledger, batch: 30 })
  await becomes(() => commits > 0 && consumer.trouble, 'redis')
  expect(commits).toBe(1)
  expect((await redis.xpending(site.stream, 'group-pt'))[0]).toBe(30)
  await proxy.up()
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
  await consumer.stop()
  await proxy.down()
})

test('an entry of another Redis that has the same ID is not acknowledged in place of the one that was settled', async () => {
  const [one, other] = [await startRedis(), await startRedis()]
  const [own, otherOwn] = [connectTo(one.url), connectTo(other.url)]
  const proxy = await new RedisProxy(one.url).up()
  const site = await aTrafficSite(proxy.url, keyPrefix)
  const [first, second] = [new FakeSession(1), new FakeSession(2)]
  const ids = await append(own, site.stream, [first.next(0), first.next(5)])
  for (const id of ids) await otherOwn.xadd(site.stream, id, ...second.next(40))
  await otherOwn.xgroup('CREATE', site.stream, 'group-pt', '0')
  await otherOwn.xreadgroup('GROUP', 'group-pt', 'one', 'STREAMS', site.stream, '>')
  const runIdOf = ({ redisEpoch }: { redisEpoch: string }) => redisEpoch.split(':')[0]
  const runId = /run_id:(\w+)/.exec(await otherOwn.info('server'))![1]
  let hasMoved = false
  const ledger = around(site.ledger, async (call) => {
    const outcome = await call()
    if (!hasMoved) {
      proxy.leadTo(other.url)
      await becomes(() => consumer.readState().then(runIdOf, () => 'away'), runId)
    }
    hasMoved = true
    return outcome
  })
  const consumer = site.consume({ ledger, claimIdleMs: 86_400_000 })
  await becomes(() => site.totals(), { up: 45, down: 90 })
  await isSettled(otherOwn, site)
  await proxy.down()
  own.disconnect()
  otherOwn.disconnect()
})

test('what a consumer that never comes back had in hand is taken over by another', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(20, 4)
  await append(redis, site.stream, entries)
  await redis.xgroup('CREATE', site.stream, 'group-pt', '0')
  await redis.xreadgroup('GROUP', 'group-pt', 'dead', 'COUNT', 55, 'STREAMS', site.stream, '>')
  site.consume({ consumer: 'alive' })
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
})

test('a consumer that comes back under its name takes up what it had, without waiting for it to be idle', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(10, 4)
  await append(redis, site.stream, entries)
  await redis.xgroup('CREATE', site.stream, 'group-pt', '0')
  await redis.xreadgroup('GROUP', 'group-pt', 'one', 'COUNT', 35, 'STREAMS', site.stream, '>')
  site.consume({ consumer: 'one', claimIdleMs: 86_400_000 })
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
})

test('several consumers share the work, and each byte is credited once', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(100, 30)
  await append(redis, site.stream, entries)
  const settledBy = new Map<string, number>()
  const consumers = ['one', 'two', 'three'].map((consumer) =>
    site.consume({
      consumer,
      batch: 50,
      observer: {
        settled: ({ settled }) => settledBy.set(consumer, (settledBy.get(consumer) ?? 0) + settled),
      },
    }),
  )
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
  expect([...settledBy.keys()].sort()).toEqual(['one', 'three', 'two'])
  expect([...settledBy.values()].reduce((sum, each) => sum + each)).toBe(entries.length)
  await Promise.all(consumers.map((consumer) => consumer.stop()))
})

test('a database that is away keeps entries waiting, says so once, and loses nothing', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(10, 3)
  await append(redis, site.stream, entries)
  let isAway = true
  let attempts = 0
  const ledger = around(site.ledger, (call) => {
    attempts++
    return isAway ? Promise.reject(new LedgerUnavailable('the database failed: it is away')) : call()
  })
  const consumer = site.consume({ ledger })
  await becomes(() => attempts > 2 && consumer.trouble, 'database')
  expect(site.log.filter(({ message }) => message.includes('the database does not answer'))).toHaveLength(1)
  isAway = false
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
  await becomes(() => consumer.trouble, undefined)
})

test('stopped while the database is away, it leaves its batch to the next and ends', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(10, 3)
  await append(redis, site.stream, entries)
  const ledger = around(site.ledger, () => Promise.reject(new LedgerUnavailable('away')))
  const consumer = site.consume({ ledger })
  await becomes(() => consumer.trouble, 'database')
  await consumer.stop()
  expect((await redis.xpending(site.stream, 'group-pt'))[0]).toBe(entries.length)
  site.consume({ consumer: 'next' })
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
})

test('stopped in the middle, it finishes the batch in hand and acknowledges it', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries } = entriesOf(10, 10)
  await append(redis, site.stream, entries)
  const stopping: Promise<void>[] = []
  const ledger = around(site.ledger, (call) => {
    stopping.push(consumer.stop())
    return call()
  })
  const consumer = site.consume({ ledger, batch: 40 })
  await becomes(() => stopping.length, 1)
  await stopping[0]
  expect(stopping).toHaveLength(1)
  expect((await redis.xpending(site.stream, 'group-pt'))[0]).toBe(0)
  expect(site.rows('select 1 from pt_users')).toHaveLength(10)
})

test('what a slow transaction has in hand is not taken over by another consumer', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { entries, expected } = entriesOf(10, 3)
  await append(redis, site.stream, entries)
  const slow = Promise.withResolvers<void>()
  let isInHand = false
  const ledger = around(site.ledger, async (call) => {
    isInHand = true
    await slow.promise
    return call()
  })
  site.consume({ consumer: 'slow', ledger, claimIdleMs: 300 })
  await becomes(() => isInHand, true)
  site.consume({ consumer: 'quick', claimIdleMs: 300 })
  const pending = async () =>
    (await redis.xpending(site.stream, 'group-pt', '-', '+', 100)) as [string, string, number, number][]
  let [touches, idleBefore] = [0, 0]
  try {
    await becomes(async () => {
      const [[, , idleMs] = ['', '', 0]] = await pending()
      if (idleMs < idleBefore) touches++
      idleBefore = idleMs
      return touches > 12 // each a third of the time after which another would take it
    }, true)
    const held = new Set((await pending()).map(([, consumer, , deliveries]) => `${consumer} ${deliveries}`))
    expect(held).toEqual(new Set(['slow 1']))
  } finally {
    slow.resolve()
  }
  await isSettled(redis, site)
  expect(site.totals()).toEqual(expected)
})

test('entries far larger than ours come in small numbers, so that memory holds them', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const padding = 'x'.repeat(100_000)
  const session = new FakeSession(1)
  for (let i = 0; i < 6; i++)
    await append(
      redis,
      site.stream,
      Array.from({ length: 100 }, () => [...session.next(1), 'padding', padding]),
    )
  const sizes: number[] = []
  const ledger = around(site.ledger, (call, ids) => {
    sizes.push(ids.length)
    return call()
  })
  site.consume({ ledger })
  await isSettled(redis, site)
  expect(site.totals().up).toBe(599)
  expect(sizes[0]).toBe(250)
  expect(Math.max(...sizes.slice(1))).toBeLessThan(168) // 16 MiB of them
  await redis.del(site.stream)
})

test('SCRIPT FLUSH between two batches changes nothing', async () => {
  const server = await startRedis()
  const own = connectTo(server.url)
  const site = await aTrafficSite(server.url, keyPrefix)
  site.consume()
  const session = new FakeSession(1)
  for (let i = 0; i < 4; i++) {
    await append(own, site.stream, [session.next(10)])
    await isSettled(own, site)
    await own.script('FLUSH')
  }
  expect(site.totals()).toEqual({ up: 30, down: 60 })
  own.disconnect()
})

test('a group that is gone is made again after the floor, so that nothing is settled twice or missed', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const { sessions, entries, expected } = entriesOf(10, 5)
  const settled: number[] = []
  const ids = await append(redis, site.stream, entries)
  site.consume({ observer: { settled: (outcome) => settled.push(outcome.settled + outcome.duplicates) } })
  await isSettled(redis, site)
  await becomes(
    () => site.rows<{ ms: number }>('select floor_ms ms from pt_histories')[0]?.ms,
    Number(ids.at(-1)!.split('-')[0]),
  )
  await redis.xgroup('DESTROY', site.stream, 'group-pt')
  await append(
    redis,
    site.stream,
    sessions.map((session) => session.next(1)),
  )
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: expected.up + 10, down: expected.down + 20 })
  expect(settled.reduce((sum, each) => sum + each)).toBe(60)
})

test('the stream is deleted under it: it goes on with what comes', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const session = new FakeSession(1)
  site.consume()
  await append(redis, site.stream, [session.next(0), session.next(5)])
  await isSettled(redis, site)
  await redis.del(site.stream)
  await becomes(() => redis.exists(site.stream), 1)
  await append(redis, site.stream, [session.next(6)])
  await isSettled(redis, site)
  expect(site.totals()).toEqual({ up: 11, down: 22 })
})

test('a key that is no stream is said once, and waited for', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await redis.set(site.stream, 'text')
  const consumer = site.consume()
  await becomes(() => site.log.filter(({ message }) => message.includes('cannot be read')).length, 1)
  await redis.del(site.stream)
  const session = new FakeSession(1)
  await append(redis, site.stream, [session.next(0), session.next(5)])
  await isSettled(redis, site)
  expect(site.totals().up).toBe(5)
  await consumer.stop()
})

test.each([
  [{ batch: 0 }, 'batch: a whole number from 1 to 4000'],
  [{ batch: 4001 }, 'batch: a whole number from 1 to 4000'],
  [{ group: '' }, 'group: 1 to 128 printable ASCII characters without spaces'],
  [{ consumer: 'a b' }, 'consumer: 1 to 128 printable ASCII characters without spaces'],
  [{ maxAttempts: 1.5 }, 'maxAttempts: a whole number from 1 to 1000'],
])('%o is refused', async (options, message) => {
  const site = await aTrafficSite(url, keyPrefix)
  expect(() => site.consume(options)).toThrow(new RangeError(message))
})

test('two streams of one Redis settle into one ledger, and neither takes the other’s entries for settled', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const late = `${site.stream}:late:`
  const [first, second] = [new FakeSession(1), new FakeSession(2)]
  await append(redis, `${late}tracker:traffic`, [second.next(0), second.next(7)])
  await append(redis, site.stream, [first.next(0), first.next(5)])
  site.consume()
  await isSettled(redis, site)
  await becomes(() => site.rows('select 1 from pt_histories where floor_ms is not null').length, 1)
  site.consume({ keyPrefix: late })
  await becomes(() => site.totals().up, 12)
})
