import type { Redis } from 'ioredis'
import type { Keys } from '../../redis/keys.ts'
import type { ConsumerFacts, GroupFacts, StreamFacts } from '../facts.ts'
import type { Asker } from './asker.ts'

/** A stream whose last entry is older has no rate. */
const STANDS_STILL_SECONDS = 600
const NOTHING_DELIVERED = '0-0'

type Entry = readonly [id: string, fields: unknown]

/** @param nowSeconds by the clock of Redis. @returns undefined also when there is no stream */
export async function readStream(
  redis: Redis,
  keys: Keys,
  nowSeconds: number,
  asker: Asker,
): Promise<StreamFacts | undefined> {
  const key = keys.traffic
  const isThere = await asker.askKey('EXISTS', () => redis.exists(key))
  if (isThere !== 1) return undefined
  const about = named(await asker.askKey('XINFO STREAM', () => redis.call('XINFO', 'STREAM', key)))
  if (!about) return undefined
  const first = about.get('first-entry') as Entry | null
  const trimmed = await asker.askKey('HGET', () => redis.hget(keys.stats, 'trimmed'))
  const bytes = await asker.askKey('MEMORY USAGE', () => redis.call('MEMORY', 'USAGE', key))
  const length = Number(about.get('length'))
  const lastId = String(about.get('last-generated-id'))
  return {
    key,
    length,
    firstId: first?.[0],
    lastId,
    entriesAdded: Number(about.get('entries-added') ?? length),
    oldestSeconds: first ? nowSeconds - secondsOf(first[0]) : 0,
    bytes: typeof bytes === 'number' ? bytes : undefined,
    perSecond: first ? rateOf(length, first[0], lastId, nowSeconds) : 0,
    groups: await readGroups(redis, key, nowSeconds, asker),
    trimmed: trimmed === undefined ? undefined : Number(trimmed ?? 0),
  }
}

/** Entries a second over all there are: what a consumer has settled an hour ago is usually still among them. */
export function rateOf(length: number, firstId: string, lastId: string, nowSeconds: number): number {
  if (nowSeconds - secondsOf(lastId) > STANDS_STILL_SECONDS) return 0
  return length / Math.max(1, nowSeconds - secondsOf(firstId))
}

async function readGroups(
  redis: Redis,
  key: string,
  nowSeconds: number,
  asker: Asker,
): Promise<GroupFacts[] | undefined> {
  const reply = await asker.askKey('XINFO GROUPS', () => redis.call('XINFO', 'GROUPS', key))
  if (!Array.isArray(reply)) return undefined
  const groups: GroupFacts[] = []
  for (const each of reply) {
    const group = named(each)!
    const name = String(group.get('name'))
    const lastDeliveredId = String(group.get('last-delivered-id'))
    const pending = Number(group.get('pending'))
    const oldestPendingId = pending > 0 ? await oldestPending(redis, key, name, asker) : undefined
    const entriesRead = group.get('entries-read')
    const unread = await firstEntry(redis, key, `(${lastDeliveredId}`, '+', asker)
    const oldest = [oldestPendingId, unread].filter((id) => id !== undefined).map(secondsOf)
    groups.push({
      name,
      lastDeliveredId,
      entriesRead: typeof entriesRead === 'number' ? entriesRead : undefined,
      pending,
      oldestPendingId,
      isOldestPendingThere:
        oldestPendingId === undefined ||
        (await firstEntry(redis, key, oldestPendingId, oldestPendingId, asker)) !== undefined,
      oldestUnsettledSeconds: oldest.length === 0 ? undefined : nowSeconds - Math.min(...oldest),
      consumers: await readConsumers(redis, key, name, asker),
    })
  }
  return groups
}

async function oldestPending(
  redis: Redis,
  key: string,
  group: string,
  { askKey }: Asker,
): Promise<string | undefined> {
  const summary = await askKey('XPENDING', () => redis.call('XPENDING', key, group))
  const id = Array.isArray(summary) ? summary[1] : undefined
  return typeof id === 'string' ? id : undefined
}

async function firstEntry(
  redis: Redis,
  key: string,
  from: string,
  to: string,
  { askKey }: Asker,
): Promise<string | undefined> {
  const start = from === `(${NOTHING_DELIVERED}` ? '-' : from
  const entries = await askKey('XRANGE', () => redis.xrange(key, start, to, 'COUNT', 1))
  return entries?.[0]?.[0]
}

async function readConsumers(
  redis: Redis,
  key: string,
  group: string,
  { askKey }: Asker,
): Promise<ConsumerFacts[]> {
  const reply = await askKey('XINFO CONSUMERS', () => redis.call('XINFO', 'CONSUMERS', key, group))
  if (!Array.isArray(reply)) return []
  return reply.map((each) => {
    const consumer = named(each)!
    return {
      name: String(consumer.get('name')),
      pending: Number(consumer.get('pending')),
      idleSeconds: Number(consumer.get('idle')) / 1000,
    }
  })
}

/** A flat list of names and values. */
function named(reply: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!Array.isArray(reply)) return undefined
  const map = new Map<string, unknown>()
  for (let i = 0; i + 1 < reply.length; i += 2) map.set(String(reply[i]), reply[i + 1])
  return map
}

/** The first part of an ID is the ms at which Redis took the entry. */
export function secondsOf(id: string): number {
  return Number.parseInt(id, 10) / 1000
}
