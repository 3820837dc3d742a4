import type { Redis } from 'ioredis'
import { parseInfohash } from '../../bittorrent/bytes20.ts'
import { DEAD_LETTERS_SUFFIX, FAILED_SUFFIX } from '../../contract/redisKeys.ts'
import type { Keys } from '../../redis/keys.ts'
import type { KeyFacts, SampleFacts, SweepFacts } from '../facts.ts'
import type { Asker } from './asker.ts'

/** How many keys of a kind are looked at. */
const SAMPLE = 200
/** Keys that Redis walks over to find them, at most. */
const SCAN_CALLS = 50
const KEYS_A_SCAN = 1_000
/** Keys asked about side by side, so that a Redis far away does not take minutes. */
const AT_ONCE = 20
const SAMPLED_NODES = '5'

/** The fleet's own keys, and what the programs take them for. */
export const FIXED_KEYS = (keys: Keys) =>
  [
    [keys.passkeys, 'set'],
    [keys.torrents, 'set'],
    [keys.traffic, 'stream'],
    [keys.traffic + DEAD_LETTERS_SUFFIX, 'stream'],
    [keys.traffic + FAILED_SUFFIX, 'stream'],
    [keys.snatches, 'hash'],
    [keys.swarms, 'zset'],
    [keys.stats, 'hash'],
  ] as const

const SIZE_COMMANDS: Readonly<Record<string, string>> = {
  set: 'SCARD',
  stream: 'XLEN',
  hash: 'HLEN',
  zset: 'ZCARD',
  list: 'LLEN',
  string: 'STRLEN',
}

export async function readFixedKeys(redis: Redis, keys: Keys, asker: Asker): Promise<KeyFacts[]> {
  const facts: KeyFacts[] = []
  for (const [key, wanted] of FIXED_KEYS(keys)) {
    const type = await asker.askKey('TYPE', () => redis.type(key))
    if (type === undefined) continue
    const ttlSeconds = await asker.askKey('TTL', () => redis.ttl(key))
    const bytes = await asker.askKey('MEMORY USAGE', () => memoryOf(redis, key))
    const size = await sizeOf(redis, key, type, asker)
    facts.push({ key, wanted, type, ttlSeconds: ttlSeconds ?? -1, bytes, size })
  }
  return facts
}

async function sizeOf(
  redis: Redis,
  key: string,
  type: string,
  { askKey }: Asker,
): Promise<number | undefined> {
  const command = SIZE_COMMANDS[type]
  if (command === undefined) return undefined
  return (await askKey(command, () => redis.call(command, key))) as number | undefined
}

async function memoryOf(redis: Redis, key: string): Promise<number | undefined> {
  return ((await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', SAMPLED_NODES)) as number | null) ?? undefined
}

/** Swarms from the list of them, so that no scan is needed. */
export async function sampleSwarms(redis: Redis, keys: Keys, asker: Asker): Promise<SampleFacts[]> {
  const listed = await asker.askKey('ZRANGE', () => redis.zrange(keys.swarms, '0', String(SAMPLE / 2 - 1)))
  const infohashes = (listed ?? []).map(parseInfohash).filter((infohash) => infohash !== undefined)
  return sampleOf(
    redis,
    infohashes.flatMap((each) => [keys.seeders(each), keys.leechers(each)]),
    asker,
  )
}

export async function sampleSessions(redis: Redis, keyPrefix: string, asker: Asker): Promise<SampleFacts[]> {
  const found: string[] = []
  const pattern = `${escapeGlob(keyPrefix)}session:*`
  let cursor = '0'
  for (let call = 0; call < SCAN_CALLS && found.length < SAMPLE; call++) {
    const answer = await asker.ask('SCAN', () => redis.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_A_SCAN))
    if (!answer) return []
    found.push(...answer[1])
    cursor = answer[0]
    if (cursor === '0') break
  }
  return sampleOf(redis, found.slice(0, SAMPLE), asker)
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&')
}

async function sampleOf(redis: Redis, names: readonly string[], asker: Asker): Promise<SampleFacts[]> {
  const facts: (SampleFacts | undefined)[] = []
  for (let at = 0; at < names.length; at += AT_ONCE)
    facts.push(...(await Promise.all(names.slice(at, at + AT_ONCE).map((key) => lookAt(redis, key, asker)))))
  return facts.filter((each) => each !== undefined)
}

async function lookAt(redis: Redis, key: string, asker: Asker): Promise<SampleFacts | undefined> {
  const [type, encoding, ttlSeconds] = await Promise.all([
    asker.askKey('TYPE', () => redis.type(key)),
    asker.askKey('OBJECT ENCODING', () => redis.object('ENCODING', key)),
    asker.askKey('TTL', () => redis.ttl(key)),
  ])
  if (type === undefined || type === 'none') return undefined
  const size = await sizeOf(redis, key, type, asker)
  return { key, type, encoding: String(encoding ?? ''), size: size ?? 0, ttlSeconds: ttlSeconds ?? -1 }
}

/** @param nowSeconds by the clock of Redis */
export async function readSweep(
  redis: Redis,
  keys: Keys,
  nowSeconds: number,
  { askKey }: Asker,
): Promise<SweepFacts | undefined> {
  const first = await askKey('ZRANGE', () => redis.zrange(keys.swarms, '0', '0', 'WITHSCORES'))
  const lease = await askKey('EXISTS', () => redis.exists(keys.sweepLease))
  if (first === undefined || lease === undefined) return undefined
  const dueSeconds = first[1] === undefined ? undefined : Number(first[1])
  return {
    overdueSeconds: dueSeconds === undefined ? undefined : nowSeconds - dueSeconds,
    hasLease: lease === 1,
  }
}
