import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import { profilesOfThisProcess } from '../../metrics/profiler.ts'
import { addReadiness, type Metrics } from '../../metrics/registry.ts'
import type { MetricsServer } from '../../metrics/server.ts'
import type { Logger } from '../../runtime/logger.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { whyAnnouncesFail } from '../store/probe.ts'
import { createCoreDependencies, followAliases, watchStalls } from './coreDependencies.ts'
import { keysOf } from './createCore.ts'
import { createFaultReport } from './faultReport.ts'
import { createFrontends, type ListensAt } from './frontends.ts'
import { type LiveCore, startLiveCore } from './liveCore.ts'
import { startMetricsEndpoint } from './metricsEndpoint.ts'
import { createReadiness } from './readiness.ts'
import { createTrackerMetrics } from './trackerMetrics.ts'
import { connectTrackerRedis } from './trackerRedis.ts'

const REPEAT_LOG_MS = 30_000
/** It listens when Redis has answered, or after so long: the first clients need not be told to try again. */
const CONNECT_FIRST_MS = 2_000

export interface Instance extends ListensAt {
  readonly metricsPort: number | undefined
  /** The metrics of this process; a supervisor sums them up. */
  readonly registry: Metrics['registry']
  /** Why clients should use another instance; empty when it is ready. */
  readonly notReady: () => Promise<string>
  /**
   * Serves every later request under another configuration; requests under way end as they began. Takes what
   * keepUntilRestart leaves: the rest must be as it was. Throws, and nothing has changed, when it cannot be served.
   */
  reload(config: Config): void
  /**
   * Not ready at once, and serves on for `delayMs`, in which load balancers leave it; then stops accepting, answers what is
   * in flight, closes. Resolves within the delay and the shutdown timeout.
   */
  close(delayMs?: number): Promise<void>
}

export interface InstanceOptions {
  /** Other processes of this machine listen on the same ports. Then Redis has a moment to connect before this one does. */
  readonly sharesPorts: boolean
}

/** Wires one tracker process together and serves. Redis may come later: until then clients are asked to try again. */
export async function startInstance(
  config: Config,
  log: Logger,
  { sharesPorts }: InstanceOptions = { sharesPorts: false },
): Promise<Instance> {
  const { aliases, live, frontends, metrics, readiness, closeShared } = wire(config, log, sharesPorts)
  let metricsServer: MetricsServer | undefined

  async function close(delayMs = 0): Promise<void> {
    readiness.drain()
    frontends.drain()
    if (delayMs > 0) await delay(delayMs)
    await Promise.all([live.stopSweeping(), frontends.close(live.config.shutdownTimeoutMs)])
    live.close()
    closeShared()
    await metricsServer?.close()
  }

  try {
    if (config.metricsAddr) {
      addReadiness(metrics.registry, readiness.reason)
      metricsServer = await startMetricsEndpoint(config, log, {
        registry: metrics.registry,
        notReady: readiness.reason,
        profiles: await profilesOfThisProcess(),
      })
    }
    await Promise.race([aliases.firstRead, delay(CONNECT_FIRST_MS, undefined, { ref: false })])
    return {
      ...(await frontends.listen()),
      metricsPort: metricsServer?.port,
      registry: metrics.registry,
      notReady: readiness.reason,
      reload: (next) => live.replace(next, ({ tracker }) => frontends.prepare(next, tracker)),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Makes the parts of an instance; none of them listens yet. */
function wire(config: Config, log: Logger, sharesPorts: boolean) {
  const quiet = createQuietLog(REPEAT_LOG_MS)
  const connection = connectTrackerRedis(config.redis, log, quiet)
  const { redis } = connection
  const calls = { now: 0 }
  const metrics = createTrackerMetrics(redis, calls, () => live)
  const observers = { metrics, log, quiet }
  const aliases = followAliases(redis, keysOf(config).aliases, log, quiet)
  const stalls = watchStalls(config.redis.storeTimeoutMs, log, quiet)
  const closeShared = () => {
    stalls.close()
    aliases.close()
    connection.close()
  }
  let live: LiveCore
  try {
    const dependencies = createCoreDependencies(redis, calls, aliases, stalls.isStalled, observers)
    live = startLiveCore(config, dependencies, connection.isConnected, observers)
  } catch (error) {
    closeShared()
    throw error
  }
  try {
    const reportFault = createFaultReport(log, quiet, redis, () => live.core.keys)
    const frontends = createFrontends(config, {
      ...observers,
      tracker: live.core.tracker,
      sharesPorts,
      reportFault,
    })
    const readiness = createReadiness(connection, aliases, () =>
      whyAnnouncesFail(redis, live.core.keys, {
        checksPasskeys: live.config.passkeyApproval !== undefined,
        checksTorrents: live.config.torrentApproval?.setKey !== undefined,
        isTraffic: live.config.trafficPush !== undefined,
      }),
    )
    return { aliases, live, frontends, metrics, readiness, closeShared }
  } catch (error) {
    live.stopSweeping()
    live.close()
    closeShared()
    throw error
  }
}
