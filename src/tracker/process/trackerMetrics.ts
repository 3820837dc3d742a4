import type { Redis } from 'ioredis'
import { createMetrics, type FrontendKind, type Metrics } from '../../metrics/registry.ts'
import { STORE_ERROR_KINDS } from '../../redis/errorKind.ts'
import { readStorageNumbers } from '../../redis/storageNumbers.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { CallCount } from '../store/swarmStore.ts'
import type { LiveCore } from './liveCore.ts'

/** The metrics of one tracker process. The gauges of storage are read from Redis when Prometheus asks. */
export function createTrackerMetrics(
  redis: Redis,
  calls: CallCount,
  live: () => Pick<LiveCore, 'config' | 'core'>,
): Metrics {
  async function readStorage() {
    const { config, core } = live()
    const { hasWhitelist, ...numbers } = await readStorageNumbers(redis, core.keys)
    const needsWhitelist = config.passkeyApproval?.hasWhitelist ?? false
    return {
      ...numbers,
      isWhitelistMissing: hasWhitelist === undefined ? undefined : needsWhitelist && !hasWhitelist,
    }
  }
  return createMetrics({
    readStorage: () => readStorage().catch(() => undefined), // without an answer the gauges keep their last values
    inFlight: () => calls.now,
    errorKinds: STORE_ERROR_KINDS,
  })
}

/** Counts each request of a frontend, and logs refusals at level debug. */
export function requestObserver(metrics: Metrics, log: Logger, frontend: FrontendKind) {
  return (action: string, family: string, error: string, startedMs: number): void => {
    metrics.observeRequest(frontend, action, family, error, performance.now() - startedMs)
    if (error !== '') log.debug({ frontend, action, family, reason: error }, 'not served')
  }
}
