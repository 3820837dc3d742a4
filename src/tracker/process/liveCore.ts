import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../../config/config.ts'
import { storeErrorKind } from '../../redis/errorKind.ts'
import { rootMessage } from '../../runtime/errors.ts'
import type { Observers } from './coreDependencies.ts'
import { type Core, type CoreDependencies, createCore } from './createCore.ts'
import { type Sweeping, startSweeping } from './sweeping.ts'

/** The core and the sweep of the configuration that runs now. A reload replaces them. */
export interface LiveCore {
  readonly config: Config
  readonly core: Core
  /**
   * Makes a core for the next configuration, lets the frontends prepare for it, then changes over.
   * Throws, and nothing has changed, when either cannot be done.
   */
  replace(next: Config, prepareFrontends: (core: Core) => () => void): void
  /** No further sweep; another instance may sweep at once. */
  stopSweeping(): Promise<void>
  /** Ends what the hooks do in the background. */
  close(): void
}

/** @throws what a hook says against its options */
export function startLiveCore(
  config: Config,
  dependencies: CoreDependencies,
  isConnected: () => boolean,
  observers: Observers,
): LiveCore {
  let running = { config, core: createCore(config, dependencies) }
  let sweeping = sweep()

  function sweep(): Sweeping {
    const { metrics, log, quiet } = observers
    return startSweeping({
      redis: dependencies.redis,
      keys: running.core.keys,
      swarm: running.config.swarm,
      isConnected,
      onSwept(round, elapsedMs) {
        metrics.observeSweep(elapsedMs)
        log.debug(round, 'swept')
      },
      onCall: metrics.observeStoreCall,
      onFailure(error) {
        metrics.countScriptError(storeErrorKind(error))
        quiet.report('sweep', (repeated) =>
          log.error({ err: error.message, cause: rootMessage(error), repeated }, 'sweep failed'),
        )
      },
    })
  }

  return {
    get config() {
      return running.config
    },
    get core() {
      return running.core
    },
    replace(next, prepareFrontends) {
      const core = createCore(next, dependencies)
      let apply: () => void
      try {
        apply = prepareFrontends(core)
      } catch (error) {
        core.close()
        throw error
      }
      apply()
      const before = running
      running = { config: next, core }
      before.core.close()
      if (isDeepStrictEqual(before.config.swarm, next.swarm)) return
      sweeping.stop()
      sweeping = sweep()
    },
    stopSweeping: () => sweeping.stop(),
    close: () => running.core.close(),
  }
}
