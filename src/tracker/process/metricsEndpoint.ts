import type { Config } from '../../config/config.ts'
import { type MetricsServer, type MetricsServerOptions, startMetricsServer } from '../../metrics/server.ts'
import type { Logger } from '../../runtime/logger.ts'
import { ownVersion } from '../../runtime/ownVersion.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { namingKey } from './namingKey.ts'

const REPEAT_LOG_MS = 30_000

/** Serves /metrics, /readyz and the rest on `metrics_addr`; undefined when the configuration has none. */
export async function startMetricsEndpoint(
  { metricsAddr, http }: Config,
  log: Logger,
  options: Pick<MetricsServerOptions, 'registry' | 'notReady' | 'profiles'>,
): Promise<MetricsServer | undefined> {
  if (metricsAddr === undefined) return undefined
  const quiet = createQuietLog(REPEAT_LOG_MS)
  const starting = startMetricsServer({
    ...options,
    listen: metricsAddr,
    limits: http,
    reportFault: (error) =>
      quiet.report('metrics', (repeated) =>
        log.error({ err: error, repeated }, 'metrics could not be answered'),
      ),
    version: ownVersion(),
  })
  return namingKey('metrics_addr', starting)
}
