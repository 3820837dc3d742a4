import { InvalidArgumentError, Option } from 'commander'
import type { Redis } from 'ioredis'
import { formatDuration, parseDuration } from '../../config/durations.ts'
import { consumerConfig, trafficConfig } from '../../config/partialConfig.ts'
import type { RedisConnection } from '../../config/redisUrl.ts'
import { TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { connectRedis } from '../../redis/connection.ts'
import { createLogger, type LogLevel } from '../../runtime/logger.ts'
import { type TrafficKeys, trafficKeys } from '../../site/traffic/trafficKeys.ts'
import { defaultConfigPath } from '../configPath.ts'
import { loadSiteConfig, type SiteConfig } from '../loadSiteConfig.ts'

const CONNECT_WITHIN_MS = 5_000
/** The longest of these commands asks for a page of entries at a time. */
const COMMAND_TIMEOUT_MS = 30_000

/** Where the traffic stream is, as the tracker's configuration says. */
export interface TrafficPlace {
  readonly redis: RedisConnection
  readonly keyPrefix: string
  readonly streamKey: string
  readonly keys: TrafficKeys
  readonly logLevel: LogLevel
}

/** Mistakes in other parts of the file do not matter. Throws ConfigError. */
export function trafficPlace(configPath: string | undefined): TrafficPlace {
  return placeOf(loadSiteConfig(configPath ?? defaultConfigPath(), process.env, trafficConfig).config)
}

/** The same, and the part of the configuration that the consumer runs with. */
export function consumerPlace(configPath: string | undefined): {
  readonly place: TrafficPlace
  readonly config: Pick<SiteConfig, 'consumer' | 'swarm'>
} {
  const { config } = loadSiteConfig(configPath ?? defaultConfigPath(), process.env, consumerConfig)
  return { place: placeOf(config), config }
}

function placeOf(config: SiteConfig): TrafficPlace {
  const { connection, keyPrefix } = config.redis
  const streamKey = config.trafficPush?.streamKey ?? TRAFFIC_KEY
  return {
    redis: connection,
    keyPrefix,
    streamKey,
    keys: trafficKeys(keyPrefix + streamKey),
    logLevel: config.logLevel,
  }
}

/** Connects for one piece of work. Throws Error with one line when Redis cannot be reached in time. */
export async function withTraffic<T>(
  place: TrafficPlace,
  work: (redis: Redis, keys: TrafficKeys) => Promise<T>,
): Promise<T> {
  const connection = connectRedis({
    target: place.redis,
    connectTimeoutMs: CONNECT_WITHIN_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    log: createLogger('silent'),
  })
  try {
    await connection.readyOrRefused(CONNECT_WITHIN_MS)
    return await work(connection.redis, place.keys)
  } finally {
    connection.close()
  }
}

/** The site's database; its URL may hold a password, which `ps` would show, so the environment can give it too. */
export const dbOption = () =>
  new Option('--db <url>', 'sqlite:///path/file, postgres://… or mysql://…')
    .env('REDSWARM_DB')
    .makeOptionMandatory()

/** For `Option.argParser`. */
export function wholeBetween(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`not a whole number from ${min} to ${max}.`)
    return value
  }
}

/** For an argument: the ID of a stream's entry, also one past what is settled, which may be a dead letter for that very reason. */
export function streamId(text: string): string {
  if (!/^\d{1,20}-\d{1,20}$/.test(text))
    throw new InvalidArgumentError('not the ID of an entry, such as 1700000000000-0.')
  return text
}

/** For `Option.argParser`: a duration as in the configuration, in whole seconds. */
export function duration(minSeconds: number, maxSeconds: number) {
  return (text: string): number => {
    const nanoseconds = parseDuration(text)
    if (nanoseconds === undefined) throw new InvalidArgumentError('not a duration such as 90m or 24h.')
    const seconds = Number(nanoseconds / 1_000_000_000n)
    if (seconds < minSeconds || seconds > maxSeconds)
      throw new InvalidArgumentError(
        `not from ${formatDuration(minSeconds * 1000)} to ${formatDuration(maxSeconds * 1000)}.`,
      )
    return seconds
  }
}
