import type { Config } from '../../config/config.ts'
import type { Environment } from '../../config/environment.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { toggleDebugging } from '../../runtime/debugging.ts'
import { createLogger, type Logger } from '../../runtime/logger.ts'
import { findRedisServer, type PrivateRedis, startPrivateRedis } from '../../runtime/redisServer.ts'
import { endOnUncaught } from '../../runtime/uncaught.ts'
import { startInstance } from './instance.ts'
import { startReloading } from './reload.ts'
import { countWorkers, startWorkers } from './supervisor.ts'

export interface ServeOptions {
  readonly configPath: string
  readonly env: Environment
  readonly load: (configPath: string, env: Environment) => LoadedConfig
  /** Starts a redis-server beside the tracker; it keeps nothing on disk and ends with it. */
  readonly embeddedRedis: boolean
}

/** Runs the tracker until SIGTERM or SIGINT, the second of which ends it at once. SIGHUP reloads the configuration, SIGUSR2 turns debugging on and off. Throws ConfigError or the reason it could not listen. */
export async function serve({ configPath, env, load, embeddedRedis }: ServeOptions): Promise<void> {
  let privateRedis: PrivateRedis | undefined
  if (embeddedRedis) {
    privateRedis = await startPrivateRedis({
      program: await findRedisServer(env, (line) => void process.stderr.write(`${line}\n`)),
    })
    process.stderr.write(`Started a private Redis, empty: REDIS_URL=${privateRedis.url}\n`)
  }
  try {
    const redisEnv = privateRedis ? { ...env, REDIS_URL: privateRedis.url } : env
    await serveUntilStopped(configPath, () => load(configPath, redisEnv))
  } finally {
    await privateRedis?.stop()
  }
}

async function serveUntilStopped(configPath: string, load: () => LoadedConfig): Promise<void> {
  let isReloadAsked = false
  let onHangUp = () => {
    isReloadAsked = true // it waits until it can be served
  }
  let onToggleDebug: (() => void) | undefined
  // From the beginning: unheard, they would end the process.
  process.on('SIGHUP', () => onHangUp())
  process.on('SIGUSR2', () => onToggleDebug?.())
  const { config, warnings } = load()
  const log = createLogger(config.logLevel)
  for (const warning of warnings) log.warn({ config: configPath }, warning)
  endOnUncaught(log)
  const workers = countWorkers(config.workers)
  const { http, https, udp, metricsPort, reload, close, setDebugging } = await (workers === 1
    ? startAlone(config, log)
    : startWorkers(config, workers, log))
  onToggleDebug = () => toggleDebugging(log, setDebugging)
  const reloading = startReloading({ configPath, load, running: config, apply: reload, log })
  onHangUp = () => reloading.reload('SIGHUP')
  log.info({ http, https, udp, metricsPort, workers, config: configPath }, 'serving')
  if (isReloadAsked) onHangUp()

  const signal = await stopSignal()
  reloading.close()
  process.once('SIGTERM', () => process.exit(1))
  process.once('SIGINT', () => process.exit(1))
  // Who stops it by hand is no load balancer, and waits at a terminal.
  const delayMs = signal === 'SIGTERM' ? reloading.running().shutdownDelayMs : 0
  log.info(
    { signal, delayMs },
    'stopping: not ready, serving on for the delay, then finishing what is in flight',
  )
  await close(delayMs)
  log.info({}, 'stopped')
}

/** A single process has no workers to forward debugging to. */
async function startAlone(config: Config, log: Logger) {
  return { ...(await startInstance(config, log)), setDebugging: () => undefined }
}

function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      resolve(signal)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}
