import { afterEach, expect, test } from 'vitest'
import { becomes } from '../../support/programs/becomes.ts'
import { AnnouncedTraffic, clients } from '../../support/servers/announcedTraffic.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { RedisProxy } from '../../support/servers/redisProxy.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { aTrafficSite, isSettled } from '../../support/servers/trafficSite.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** A primary and a replica of it, and an address that leads to whichever is in charge. */
async function aReplicatedRedis() {
  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  const link = await new RedisProxy(primary.url).up()
  const replica = await startRedis()
  const address = await new RedisProxy(primary.url).up()
  const through = connectTo(address.url)
  const toReplica = connectTo(replica.url)
  for (const connection of [through, toReplica]) connection.on('error', () => undefined)
  closing.push(
    () => through.disconnect(),
    () => toReplica.disconnect(),
    () => address.down(),
    () => link.down(),
  )
  await toReplica.replicaof('127.0.0.1', Number(new URL(link.url).port))
  const isInStep = async () => {
    await becomes(async () => /master_link_status:(\w+)/.exec(await toReplica.info('replication'))?.[1], 'up')
    expect(await through.wait(1, 10_000)).toBe(1)
  }
  return {
    address,
    through,
    isInStep,
    /** From here on the replica hears nothing of what the primary is told. */
    partReplica: () => link.stall(),
    async failOver() {
      await primary.kill()
      await link.down()
      await toReplica.replicaof('NO', 'ONE')
      address.leadTo(replica.url)
      await becomes(() => through.ping().catch(() => 'no'), 'PONG')
    },
  }
}

test('a replica takes over that never saw what was settled: exact to the byte, and the overlap is counted', async () => {
  const redis = await aReplicatedRedis()
  const site = await aTrafficSite(redis.address.url, '')
  const traffic = new AnnouncedTraffic(redis.through, site.stream.slice(0, -'tracker:traffic'.length))
  const overlaps: bigint[] = []
  site.consume({ observer: { settled: (outcome) => void overlaps.push(outcome.overlapUploadedBytes) } })
  const everyone = clients(20)
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(redis.through, site)
  await redis.isInStep()

  redis.partReplica()
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(redis.through, site)
  expect(site.totals()).toEqual(traffic.grown)

  await redis.failOver()
  for (let i = 0; i < 2; i++) await traffic.announce(everyone, 100)
  await isSettled(redis.through, site)
  await becomes(() => site.totals(), traffic.grown)
  expect(overlaps.reduce((sum, each) => sum + each)).toBe(20n * 300n)
})

test('a replica takes over that never saw what nobody had settled either: the next announces bring it back', async () => {
  const redis = await aReplicatedRedis()
  const site = await aTrafficSite(redis.address.url, '')
  const traffic = new AnnouncedTraffic(redis.through, site.stream.slice(0, -'tracker:traffic'.length))
  const first = site.consume()
  const everyone = clients(20)
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await isSettled(redis.through, site)
  await redis.isInStep()
  await first.stop()

  redis.partReplica()
  for (let i = 0; i < 3; i++) await traffic.announce(everyone, 100)
  await redis.failOver()
  site.consume()
  await traffic.announce(everyone, 100)
  await isSettled(redis.through, site)
  await becomes(() => site.totals(), traffic.grown)
})

test('clients that were first seen after the replica had parted are credited whole as well', async () => {
  const redis = await aReplicatedRedis()
  const site = await aTrafficSite(redis.address.url, '')
  const traffic = new AnnouncedTraffic(redis.through, site.stream.slice(0, -'tracker:traffic'.length))
  site.consume()
  const old = clients(10)
  const young = clients(10, 11)
  await traffic.announce(old, 100)
  await isSettled(redis.through, site)
  await redis.isInStep()

  redis.partReplica()
  for (let i = 0; i < 3; i++) await traffic.announce([...old, ...young], 100)
  await isSettled(redis.through, site)
  await redis.failOver()
  // To this Redis they are new: it takes the first announce for a baseline. The ledger knows where they were.
  for (let i = 0; i < 2; i++) await traffic.announce([...old, ...young], 1_000)
  await isSettled(redis.through, site)
  await becomes(() => site.totals(), traffic.grown)
})
