import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../config/environment.ts'
import { loadConfigFile } from '../config/load.ts'
import { createLogger, type LogLevel } from '../runtime/logger.ts'
import { findRedisServer, type PrivateRedis, startPrivateRedis } from '../runtime/redisServer.ts'
import { startInstance } from './instance.ts'

/** Where `serve` looks when it is not told, in this order. */
const CONFIG_PLACES = [
  '/etc/redswarm.yaml',
  fileURLToPath(new URL('../../dist/example_config.yaml', import.meta.url)),
]

export function defaultConfigPath(): string {
  return CONFIG_PLACES.find((place) => existsSync(place)) ?? CONFIG_PLACES[0]!
}

export interface ServeOptions {
  readonly configPath: string
  readonly env: Environment
  /** Starts a redis-server beside the tracker; it keeps nothing on disk and ends with it. */
  readonly embeddedRedis: boolean
}

/** Runs the tracker until SIGTERM or SIGINT; the second one ends it at once. Throws ConfigError or the reason it could not listen. */
export async function serve({ configPath, env, embeddedRedis }: ServeOptions): Promise<void> {
  let privateRedis: PrivateRedis | undefined
  let effectiveEnv = env
  if (embeddedRedis) {
    privateRedis = await startPrivateRedis({
      program: await findRedisServer(env, (line) => void process.stderr.write(`${line}\n`)),
    })
    effectiveEnv = { ...env, REDIS_URL: privateRedis.url }
  }
  const { config, warnings } = loadConfigFile(configPath, effectiveEnv)
  const log = createLogger(config.logLevel as LogLevel)
  for (const warning of warnings) log.warn({ config: configPath }, warning)
  const instance = await startInstance(config, log)
  log.info(
    { http: instance.http, udp: instance.udp, metricsPort: instance.metricsPort, config: configPath },
    'serving',
  )

  process.on('SIGHUP', () =>
    log.warn({}, 'SIGHUP: reloading is not available in this version, restart instead'),
  )
  await stopSignal()
  process.once('SIGTERM', () => process.exit(1))
  process.once('SIGINT', () => process.exit(1))
  log.info({}, 'stopping: finishing what is in flight')
  await instance.close()
  await privateRedis?.stop()
  log.info({}, 'stopped')
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}
