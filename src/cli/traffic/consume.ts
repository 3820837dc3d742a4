import { profilesOfThisProcess } from '../../metrics/profiler.ts'
import { type MetricsServer, startMetricsServer } from '../../metrics/server.ts'
import { toggleDebugging } from '../../runtime/debugging.ts'
import { LedgerUnavailable, rootMessage } from '../../runtime/errors.ts'
import { createLogger, type Logger } from '../../runtime/logger.ts'
import { ownVersion } from '../../runtime/ownVersion.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { endOnUncaught } from '../../runtime/uncaught.ts'
import { type Ledger, openLedger } from '../../site/ledger/ledger.ts'
import { isWrongPlace } from '../../site/ledger/sql/faults.ts'
import { Backoff } from '../../site/traffic/backoff.ts'
import { createConsumerMetrics } from '../../site/traffic/consumerMetrics.ts'
import { consumerStats } from '../../site/traffic/consumerStats.ts'
import { createTrafficConsumer, type TrafficConsumer } from '../../site/traffic/trafficConsumer.ts'
import { createRiskWatch, type RiskPlace, type RiskWatch } from '../risk/watch.ts'
import type { ConsumeOptions } from './consumerSection.ts'
import type { TrafficPlace } from './options.ts'

/** How long the batch in hand may take after SIGTERM. Then its transaction is given up: the entries stay pending. */
const BATCH_MS = 5_000

type Options = ConsumeOptions & { readonly database: string }

/** `redswarm traffic consume`: settles until SIGTERM or SIGINT, then finishes the batch in hand; a second signal ends it at once. SIGUSR2 turns debugging on and off. */
export async function consumeTraffic(place: TrafficPlace, risk: RiskPlace, options: Options): Promise<void> {
  const log = createLogger(place.logLevel)
  endOnUncaught(log)
  process.on('SIGUSR2', () => toggleDebugging(log))
  process.on('SIGHUP', () => undefined) // there is nothing to read anew, and unheard it would end the process
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(1)
      stop.abort()
    })
  const ledger = await openWhenItAnswers(options, log, stop.signal)
  if (!ledger) return
  let server: MetricsServer | undefined
  let watch: RiskWatch | undefined
  let consumer: TrafficConsumer | undefined
  try {
    const metrics = createConsumerMetrics(() => settling.readState())
    watch = createRiskWatch(ledger, risk, { log, count: metrics.countFlag })
    const settling: TrafficConsumer = createTrafficConsumer({
      ...options,
      ...place,
      ledger,
      log,
      observer: metrics.observer,
      onClosed: watch.closed,
    })
    consumer = settling
    const notReady = async () => settling.trouble ?? ''
    if (options.metricsAddr) {
      server = await startMetricsServer({
        listen: options.metricsAddr,
        registry: metrics.registry,
        notReady,
        reportFault: (error) => log.error({ err: error }, 'metrics could not be answered'),
        version: ownVersion(),
        stats: consumerStats,
        profiles: await profilesOfThisProcess(),
      })
      log.info({ port: server.port }, 'metrics')
    }
    const patience = afterAbort(stop.signal, BATCH_MS, () => void ledger.close().catch(() => undefined))
    await settling.run(stop.signal).finally(() => patience.abort())
  } finally {
    await consumer?.stop() // or its connections keep a process that has nothing to do
    await watch?.close()
    await server?.close()
    await ledger.close()
  }
}

/** Calls `act` when the signal was given `ms` ago. @returns ends that, when aborted */
function afterAbort(signal: AbortSignal, ms: number, act: () => void): AbortController {
  const cancel = new AbortController()
  const start = () => {
    const timer = setTimeout(act, ms)
    cancel.signal.addEventListener('abort', () => clearTimeout(timer))
  }
  signal.addEventListener('abort', start, { once: true, signal: cancel.signal })
  return cancel
}

/** A database that is still starting is waited for. @returns undefined when the signal came first */
async function openWhenItAnswers(
  { database, windowSeconds, maxGapSeconds, accountingTtlSeconds, windowDays, journalDays, recover }: Options,
  log: Logger,
  signal: AbortSignal,
): Promise<Ledger | undefined> {
  const rules = { windowSeconds, maxGapSeconds, accountingTtlSeconds, windowDays, journalDays, recover }
  const backoff = new Backoff(200, 5_000)
  const quiet = createQuietLog(60_000)
  while (!signal.aborted) {
    try {
      return await openLedger(database, { ...rules, warn: (text) => log.warn({}, text) })
    } catch (error) {
      if (!(error instanceof LedgerUnavailable) || isWrongPlace(error.cause)) throw error // no waiting mends that
      quiet.report('database', (repeated) =>
        log.warn({ err: rootMessage(error), repeated }, 'the database does not answer, trying again'),
      )
      await backoff.wait(signal)
    }
  }
  return undefined
}
