import type { Redis } from 'ioredis'
import type { Config } from '../../config/config.ts'
import { DEAD_LETTERS_SUFFIX, FAILED_SUFFIX, PASSKEYS_KEY, TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { TRACKER_CONNECTION_NAME } from '../../redis/connection.ts'
import { createKeys } from '../../redis/keys.ts'
import type { RedisFacts } from '../facts.ts'
import { type Asker, createAsker } from './asker.ts'
import { readFixedKeys, readSweep, sampleSessions, sampleSwarms } from './keys.ts'
import { readPasskeyFacts } from './passkeys.ts'
import { readReplayRight, readRights, trackerCommands } from './rights.ts'
import { readClock, readInfo, readSettings, tryScrape, tryScripts } from './server.ts'
import { readStream } from './stream.ts'

/**
 * Everything there is to ask Redis. One question after the other: nothing here is worth a moment of the announces that are
 * served meanwhile. Throws when Redis stops answering.
 *
 * @param trackerUser whose rights are looked at when the connected user is none that runs scripts
 */
export async function readRedis(redis: Redis, config: Config, trackerUser: string): Promise<RedisFacts> {
  const asker = createAsker()
  const { keyPrefix } = config.redis
  const keys = createKeys({
    keyPrefix,
    passkeysKey: config.passkeyApproval?.setKey ?? PASSKEYS_KEY,
    trafficKey: config.trafficPush?.streamKey ?? TRAFFIC_KEY,
    torrentsKey: config.torrentApproval?.setKey,
  })
  const own = (await whoAmI(redis)) ?? config.redis.connection.username ?? 'default'
  const info = await readInfo(redis, asker)
  const clock = await readClock(redis, asker)
  const nowSeconds = (Date.now() + (clock?.offsetMs ?? 0)) / 1000
  const lettersOf = (suffix: string) => {
    const key = keys.traffic + suffix
    return asker.askKey('XLEN', () => redis.xlen(key))
  }
  return {
    config,
    user: own,
    info,
    settings: await readSettings(redis, asker),
    clock,
    scripts: await tryScripts(redis, asker),
    scrapeFailure: await tryScrape(redis, keys),
    keys: await readFixedKeys(redis, keys, asker),
    swarms: await sampleSwarms(redis, keys, asker),
    sessions: await sampleSessions(redis, keyPrefix, asker),
    sweep: await readSweep(redis, keys, nowSeconds, asker),
    stream: await readStream(redis, keys, nowSeconds, asker),
    passkeys: await readPasskeyFacts(redis, keys, asker),
    deadLetters: { waiting: await lettersOf(DEAD_LETTERS_SUFFIX), failed: await lettersOf(FAILED_SUFFIX) },
    trackers: await readTrackers(redis, asker),
    rights: await readRights(redis, trackerCommands(keys, keyPrefix), { own, tracker: trackerUser }),
    isReplayAllowed: await readReplayRight(redis),
    refused: asker.refused,
  }
}

function whoAmI(redis: Redis): Promise<string | undefined> {
  return redis.call('ACL', 'WHOAMI').then(String, () => undefined) // the name is all that is missing then
}

/** The addresses of those who call themselves trackers. */
async function readTrackers(redis: Redis, { ask }: Asker): Promise<string[] | undefined> {
  const list = await ask('CLIENT LIST', () => redis.call('CLIENT', 'LIST'))
  if (list === undefined) return undefined
  const lines = String(list).split('\n')
  return lines
    .filter((line) => line.includes(` name=${TRACKER_CONNECTION_NAME} `))
    .map((line) => / addr=(\S+):\d+( |$)/.exec(line)?.[1] ?? 'unknown')
}
