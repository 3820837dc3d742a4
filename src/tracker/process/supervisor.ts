import { availableParallelism } from 'node:os'
import type { Config } from '../../config/config.ts'
import type { MetricsServer } from '../../metrics/server.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Instance } from './instance.ts'
import { startMetricsEndpoint } from './metricsEndpoint.ts'
import { withSharedPorts } from './sharedPorts.ts'
import { withConnectionIdKey, withPortsAndKeyOf } from './workerConfig.ts'
import { createWorkerMetrics, profilesOfWorkers } from './workerMetrics.ts'
import { WorkerPool } from './workerPool.ts'

/** The number of processes that a configuration asks for. */
export function countWorkers(workers: Config['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers
}

export interface RunningWorkers extends Omit<Instance, 'registry' | 'notReady' | 'reload'> {
  /** Either all workers serve the new configuration, or all keep the one before and this rejects with the reason. */
  reload(config: Config): Promise<void>
  /** Holds for workers started later, too. */
  setDebugging(isOn: boolean): void
}

/**
 * Runs several tracker processes on the same ports, and starts a new one for each that ends. This process serves no
 * client: it supervises, and answers for all workers on `metrics_addr`.
 *
 * Throws the reason when a port is taken, or when none of the first workers comes to serve.
 */
export async function startWorkers(given: Config, count: number, log: Logger): Promise<RunningWorkers> {
  const shared = withConnectionIdKey(await withSharedPorts(given))
  let config: Config = { ...shared, metricsAddr: undefined }
  let isDebugging = false
  const isProfiled = given.metricsAddr !== undefined
  const pool = new WorkerPool({
    startOrder: () => ({ config, isDebugging, isProfiled }),
    onEnded: (worker) => metrics.retire(worker),
    onRestart: () => metrics.countRestart(),
    log,
  })
  const notReady = () => pool.notReady()
  const metrics = createWorkerMetrics(pool.running, () => pool.serving.size, notReady)
  let metricsServer: MetricsServer | undefined
  const close = async (delayMs = 0) => {
    await pool.stop(delayMs, config.shutdownTimeoutMs)
    await metricsServer?.close()
  }
  try {
    metricsServer = await startMetricsEndpoint(given, log, {
      registry: metrics,
      notReady,
      profiles: profilesOfWorkers(pool.serving),
    })
    const at = await pool.start(count)
    return {
      ...at,
      metricsPort: metricsServer?.port,
      close,
      async reload(next) {
        const before = config
        config = { ...withPortsAndKeyOf(shared, next), metricsAddr: undefined }
        const refusal = await pool.reload(config)
        if (refusal === '') return
        config = before
        await pool.reload(config)
        throw new Error(refusal)
      },
      setDebugging(isOn) {
        isDebugging = isOn
        for (const worker of pool.running) worker.setDebugging(isOn)
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
