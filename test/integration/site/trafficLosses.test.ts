import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { becomes } from '../../support/programs/becomes.ts'
import { AnnouncedTraffic, clients } from '../../support/servers/announcedTraffic.ts'
import { startRedis, testRedis } from '../../support/servers/redis.ts'
import { connectTo, eventsOf } from '../../support/servers/stored.ts'
import {
  append,
  aTrafficSite,
  FakeSession,
  isSettled,
  type TrafficSite,
} from '../../support/servers/trafficSite.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const folder = mkdtempSync(join(tmpdir(), 'redswarm-losses-'))
afterAll(() => {
  redis.disconnect()
  rmSync(folder, { recursive: true, force: true })
})

const prefixOf = ({ stream }: TrafficSite) => stream.slice(0, -'tracker:traffic'.length)
const lossesOf = (site: TrafficSite) =>
  site.rows<{ entries: number }>("select entries from pt_dead_letters where kind = 'loss' order by ms, seq")
const credited = (site: TrafficSite, traffic: AnnouncedTraffic) => becomes(() => site.totals(), traffic.grown)

/** Entries in the stream after what the group has read, and how many were ever added. */
async function countsOf(stream: string) {
  const info = (await redis.xinfo('STREAM', stream)) as unknown[]
  const named = (name: string) => info[info.indexOf(name) + 1] as number
  return { added: named('entries-added'), length: named('length') }
}

test('max_len takes entries that nobody has read: the loss is counted to the entry, the next announces bring the bytes back', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const traffic = new AnnouncedTraffic(redis, prefixOf(site), { maxLen: 100 })
  const lost: number[] = []
  const observer = { lost: (entries: number) => lost.push(entries) }
  const everyone = clients(40)
  await traffic.announce(everyone, 0)
  const first = site.consume({ observer, keepSeconds: 0 })
  await isSettled(redis, site)
  await first.stop()
  const { added: read } = await countsOf(site.stream)
  for (let i = 0; i < 12; i++) await traffic.announce(everyone, 100)
  const { added, length } = await countsOf(site.stream)
  const expected = added - length - read
  expect(expected).toBeGreaterThan(100)
  site.consume({ observer })
  await isSettled(redis, site)
  expect(lost).toEqual([expected])
  expect(lossesOf(site)).toEqual([{ entries: expected }])
  expect(await eventsOf(redis, site.keys.deadLetters)).toMatchObject([
    { entries: String(expected), attempts: '0' },
  ])
  expect(site.log.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { entries: expected } }])
  await traffic.announce(everyone, 100)
  await credited(site, traffic)
  expect(lost).toEqual([expected])
})

test('a second loss counts what the first did not, also when nothing is left to read', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const lost: number[] = []
  const observer = { lost: (entries: number) => lost.push(entries) }
  const session = new FakeSession(1)
  const add = (count: number) =>
    append(
      redis,
      site.stream,
      Array.from({ length: count }, () => session.next(1)),
    )
  await add(5)
  const first = site.consume({ observer })
  await isSettled(redis, site)
  await first.stop()
  expect(lost).toEqual([])
  for (const [more, kept, expected] of [
    [20, 3, 17],
    [10, 10, 0],
    [7, 0, 7],
    [2, 1, 1],
  ] as const) {
    await add(more)
    await redis.xtrim(site.stream, 'MAXLEN', '=', kept)
    const before = lost.length
    const consumer = site.consume({ observer })
    await becomes(async () => {
      const groups = (await redis.xinfo('GROUPS', site.stream)) as unknown[][]
      return groups[0]!.slice(5, 6).concat(groups[0]!.slice(9, 10))
    }, [0, (await countsOf(site.stream)).added])
    await consumer.stop()
    expect(lost.slice(before)).toEqual(expected > 0 ? [expected] : [])
  }
  expect(lossesOf(site)).toEqual([{ entries: 17 }, { entries: 7 }, { entries: 1 }])
})

test('what was trimmed before the first consumer began counts as lost too, and says so', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const session = new FakeSession(1)
  await append(
    redis,
    site.stream,
    Array.from({ length: 10 }, () => session.next(1)),
  )
  await redis.xtrim(site.stream, 'MAXLEN', '=', 4)
  site.consume()
  await isSettled(redis, site)
  expect(lossesOf(site)).toEqual([{ entries: 6 }])
})

test('what is trimmed while a consumer has it is counted one by one', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const session = new FakeSession(1)
  await append(
    redis,
    site.stream,
    Array.from({ length: 10 }, () => session.next(1)),
  )
  await redis.xgroup('CREATE', site.stream, 'group-pt', '0')
  await redis.xreadgroup('GROUP', 'group-pt', 'dead', 'COUNT', 6, 'STREAMS', site.stream, '>')
  await redis.xtrim(site.stream, 'MAXLEN', '=', 6)
  const lost: number[] = []
  site.consume({ observer: { lost: (entries) => lost.push(entries) } })
  await isSettled(redis, site)
  expect(lost).toEqual([1, 1, 1, 1])
  expect(lossesOf(site)).toHaveLength(4)
  await append(redis, site.stream, [session.next(1)])
  await becomes(() => site.totals().up, 7) // from the first entry that was seen, of which the delta counts
})

test('a loss that only Redis knows of, since the consumer was killed, reaches the ledger at the next start', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const about = {
    id: '5-1',
    redisEpoch: 'ab:cd',
    group: 'group-pt',
    reason: 'trimmed',
    attempts: '0',
    entries: '3',
    at: '1',
  }
  await redis.xadd(site.keys.deadLetters, '*', ...Object.entries(about).flat())
  site.consume()
  await becomes(() => lossesOf(site), [{ entries: 3 }])
})

test('Redis is wiped while clients go on: after the next announce of each the totals are exact again', async () => {
  const server = await startRedis()
  const own = connectTo(server.url)
  const site = await aTrafficSite(server.url, keyPrefix)
  const traffic = new AnnouncedTraffic(own, prefixOf(site))
  const recovered: bigint[] = []
  site.consume({ observer: { recovered: ({ uploadedBytes }) => void recovered.push(uploadedBytes) } })
  const everyone = clients(20)
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(own, site)
  expect(site.totals()).toEqual(traffic.grown)
  await own.flushall()
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 1000)
  await credited(site, traffic)
  expect(recovered.reduce((sum, each) => sum + each)).toBe(20n * 1000n)
  own.disconnect()
})

test('Redis is killed and comes back from its log: nothing is lost, nothing comes twice', async () => {
  const dir = mkdtempSync(join(folder, 'aof-'))
  const args = ['--appendonly', 'yes', '--appendfsync', 'always']
  const first = await startRedis({ dir, args })
  const own = connectTo(first.url)
  own.on('error', () => undefined)
  const site = await aTrafficSite(first.url, keyPrefix)
  const traffic = new AnnouncedTraffic(own, prefixOf(site))
  const consumer = site.consume()
  const everyone = clients(20)
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(own, site)
  await traffic.announce(everyone, 100)
  await first.kill()
  await becomes(() => consumer.trouble, 'redis')
  await startRedis({ dir, args, port: first.port })
  await becomes(() => own.ping().catch(() => 'no'), 'PONG')
  await traffic.announce(everyone, 100)
  await isSettled(own, site)
  await credited(site, traffic)
  expect(site.rows('select 1 from pt_histories')).toHaveLength(2)
  own.disconnect()
})

test('Redis comes back from a snapshot that is older than what was settled: exact, and the overlap is counted', async () => {
  const dir = mkdtempSync(join(folder, 'rdb-'))
  const first = await startRedis({ dir })
  const own = connectTo(first.url)
  own.on('error', () => undefined)
  const site = await aTrafficSite(first.url, keyPrefix)
  const traffic = new AnnouncedTraffic(own, prefixOf(site))
  const overlaps: bigint[] = []
  site.consume({ observer: { settled: (outcome) => void overlaps.push(outcome.overlapUploadedBytes) } })
  const everyone = clients(20)
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(own, site)
  await own.save()
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(own, site)
  await first.kill()
  await startRedis({ dir, port: first.port })
  await becomes(() => own.ping().catch(() => 'no'), 'PONG')
  for (let i = 0; i < 2; i++) await traffic.announce(everyone, 100)
  await isSettled(own, site)
  await credited(site, traffic)
  expect(overlaps.reduce((sum, each) => sum + each)).toBe(20n * 300n)
  own.disconnect()
})

test('the whole stream again into the same ledger changes nothing, into an empty one gives the same', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const traffic = new AnnouncedTraffic(redis, prefixOf(site))
  const everyone = clients(30)
  for (let i = 0; i < 6; i++) await traffic.announce(everyone, 100)
  await append(redis, site.stream, [['broken', 'entry']])
  const first = site.consume()
  await isSettled(redis, site)
  const tables = () =>
    ['pt_users', 'pt_user_torrents', 'pt_windows', 'pt_sessions'].map((name) =>
      site.rows<object>(`select * from ${name} order by 1, 2, 3`),
    )
  await credited(site, traffic)
  const before = tables()
  await first.stop()
  await redis.xgroup('SETID', site.stream, 'group-pt', '0')
  site.consume()
  await isSettled(redis, site)
  expect(tables()).toEqual(before)

  const other = await aTrafficSite(url, keyPrefix)
  await redis.copy(site.stream, other.stream)
  await redis.xgroup('DESTROY', other.stream, 'group-pt')
  other.consume()
  await isSettled(redis, other)
  expect(other.totals()).toEqual(traffic.grown)
  expect(other.rows('select * from pt_user_torrents order by 1, 2')).toEqual(before[1])
})
