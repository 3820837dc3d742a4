import type { Redis } from 'ioredis'
import { parseInfohash } from '../../bittorrent/bytes20.ts'
import type { Keys } from '../../redis/keys.ts'
import { loadLua, luaFiles } from '../../redis/script.ts'
import { rootMessage } from '../../runtime/errors.ts'
import { scrapeScript } from '../../tracker/store/scripts/scrape.ts'
import { SERVER_CLOCK } from '../../tracker/store/swarmStore.ts'
import type { ClockFacts, ScriptFacts } from '../facts.ts'
import type { Asker } from './asker.ts'

const SETTINGS = [
  'maxmemory',
  'save',
  'appendfsync',
  'stop-writes-on-bgsave-error',
  'min-replicas-to-write',
  'hash-max-listpack-entries',
  'hash-max-listpack-value',
  'zset-max-listpack-entries',
  'zset-max-listpack-value',
  'stream-node-max-bytes',
  'stream-node-max-entries',
]
const CLOCK_QUESTIONS = 5
const UNUSED_INFOHASH = parseInfohash('0'.repeat(40))!

/** INFO as names and values. */
export async function readInfo(
  redis: Redis,
  { ask }: Asker,
): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await ask('INFO', () => redis.info())
  if (text === undefined) return undefined
  return new Map([...text.matchAll(/^([^#:\r\n]+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]))
}

export async function readSettings(
  redis: Redis,
  { ask }: Asker,
): Promise<ReadonlyMap<string, string> | undefined> {
  const answer = (await ask('CONFIG GET', () => redis.call('CONFIG', 'GET', ...SETTINGS))) as
    | string[]
    | undefined
  if (answer === undefined) return undefined
  const settings = new Map<string, string>()
  for (let i = 0; i + 1 < answer.length; i += 2) settings.set(answer[i]!, answer[i + 1]!)
  return settings
}

/** Of several questions the quickest: it knows best. */
export async function readClock(redis: Redis, { ask }: Asker): Promise<ClockFacts | undefined> {
  let best: ClockFacts | undefined
  for (let i = 0; i < CLOCK_QUESTIONS; i++) {
    const startedMs = performance.now()
    const askedMs = Date.now()
    const time = await ask('TIME', () => redis.time())
    const roundTripMs = performance.now() - startedMs
    if (!time) return undefined
    const redisMs = Number(time[0]) * 1000 + Number(time[1]) / 1000
    if (best && best.roundTripMs <= roundTripMs) continue
    best = { offsetMs: redisMs - (askedMs + roundTripMs / 2), roundTripMs }
  }
  return best
}

/** Every script there is, the site's too. Loading one only puts it into Redis' cache. */
export async function tryScripts(redis: Redis, { ask }: Asker): Promise<ScriptFacts[]> {
  const results: ScriptFacts[] = []
  for (const file of luaFiles()) {
    let failure: string | undefined
    const sha = await ask('SCRIPT LOAD', () =>
      redis.script('LOAD', loadLua(file)).catch((error: Error) => {
        if (!/compiling script|shebang|script flags/i.test(error.message)) throw error
        failure = error.message
        return ''
      }),
    )
    if (sha !== undefined) results.push({ file, failure })
  }
  return results
}

/** Runs a script that only reads, for a torrent that nobody has. @returns what it failed with */
export async function tryScrape(redis: Redis, keys: Keys): Promise<string | undefined> {
  const swarms = [keys.seeders(UNUSED_INFOHASH), keys.leechers(UNUSED_INFOHASH)]
  const args = { nowSeconds: SERVER_CLOCK, peerLifetimeSeconds: '1', infohashes: [UNUSED_INFOHASH] }
  try {
    await scrapeScript(redis, { snatches: keys.snatches, swarms }, args)
    return undefined
  } catch (error) {
    return rootMessage(error)
  }
}
