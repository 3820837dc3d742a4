import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../../config/config.ts'
import { keepUntilRestart } from '../../config/liveChanges.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { ConfigError } from '../../runtime/errors.ts'
import { watchFiles } from '../../runtime/fileWatch.ts'
import type { AdjustableLogger, Logger } from '../../runtime/logger.ts'

/** Files are looked at this often. */
const LOOK_EVERY_MS = 1_000

export interface ReloadOptions {
  readonly configPath: string
  readonly load: () => LoadedConfig
  /** What is running now. */
  readonly running: Config
  /** Changes over to another configuration. Throws or rejects, and nothing has changed, when it cannot. */
  readonly apply: (config: Config) => void | Promise<void>
  readonly log: Logger & Pick<AdjustableLogger, 'setLevel'>
  readonly lookEveryMs?: number
}

export interface Reloading {
  /** @param because what asks for it, in a few words, for the log */
  reload(because: string): void
  /** The configuration of this moment. */
  running(): Config
  /** No reload any more. */
  close(): void
}

/**
 * Reads the configuration anew when asked to, and when its file or one that it names has changed. What is wrong with it
 * is logged in full and the running one stays; what only a restart can change is named.
 */
export function startReloading(options: ReloadOptions): Reloading {
  const { configPath, load, apply, log, lookEveryMs = LOOK_EVERY_MS } = options
  let running = options.running
  /** One after the other: which configuration runs is decided by which was read last. */
  let turn = Promise.resolve()
  let isClosed = false
  const request = (because: string) => {
    turn = turn.then(() => reload(because))
  }
  const files = watchFiles((path) => request(`${path} has changed`), lookEveryMs)
  const watchFilesOf = ({ http, passkeyApproval }: Config) => {
    const named = [http?.tls?.certPath, http?.tls?.keyPath, passkeyApproval?.httpCa?.path]
    files.watch([configPath, ...named.filter((path) => path !== undefined)])
  }

  async function reload(because: string): Promise<void> {
    if (isClosed) return
    try {
      const next = nextConfig(because)
      if (next === undefined) return
      await apply(next)
      running = next
      log.setLevel(next.logLevel)
      watchFilesOf(next)
      log.info({ because }, 'reloaded')
    } catch (error) {
      logRefusal(error, because)
    }
  }

  /** What to change over to; undefined when nothing has changed that can. */
  function nextConfig(because: string): Config | undefined {
    const { config: next, warnings } = load()
    for (const warning of warnings) log.warn({ config: configPath }, warning)
    const { config, needRestart } = keepUntilRestart(running, next)
    if (needRestart.length > 0)
      log.warn({ keys: needRestart }, `reload: needs a restart to change: ${needRestart.join(', ')}`)
    if (!isDeepStrictEqual(config, running)) return config
    log.info({ because }, `reload: nothing${needRestart.length > 0 ? ' else' : ''} has changed`)
    return undefined
  }

  function logRefusal(error: unknown, because: string): void {
    if (error instanceof ConfigError)
      for (const problem of error.problems) log.error({ because }, `reload: ${problem}`)
    else log.error({ because, err: error }, 'reload: the new configuration cannot be served')
    log.error({ because }, 'reload refused, the running configuration stays')
  }

  watchFilesOf(running)
  return {
    reload: request,
    running: () => running,
    close() {
      isClosed = true
      files.close()
    },
  }
}
