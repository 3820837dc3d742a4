import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Config } from '../../config/config.ts'
import { REDSWARM } from '../../contract/metricNames.ts'
import { ProcessTotals } from '../../metrics/aggregate.ts'
import { addProcessMetrics } from '../../metrics/processMetrics.ts'
import type { Profiles } from '../../metrics/profiler.ts'
import { addReadiness } from '../../metrics/registry.ts'
import { type MetricsServer, startMetricsServer } from '../../metrics/server.ts'
import type { Logger } from '../../runtime/logger.ts'
import { ownVersion } from '../../runtime/ownVersion.ts'
import type { Instance } from './instance.ts'
import { namingKey } from './namingKey.ts'
import { RestartPause } from './restartPause.ts'
import { withSharedPorts } from './sharedPorts.ts'
import { LINGER_MS } from './worker.ts'
import { startWorker, type WorkerProcess } from './workerProcess.ts'

const GENERATED_KEY_BYTES = 32
/** What a large profile takes to be put together and to come over. */
const PROFILE_SLACK_MS = 30_000

/** How many processes a configuration asks for. */
export function countWorkers(workers: Config['workers']): number {
  return workers === 'auto' ? availableParallelism() : workers
}

export interface RunningWorkers extends Omit<Instance, 'registry' | 'notReady'> {
  /** Those to come know it too. */
  setDebugging(isOn: boolean): void
}

/**
 * Runs that many tracker processes on the same ports, and a new one for each that ends. This process serves no client: it
 * watches, and answers for all of them on `metrics_addr`.
 *
 * Throws the reason when a port is taken, or when not one of the first workers comes to serve.
 */
export async function startWorkers(given: Config, count: number, log: Logger): Promise<RunningWorkers> {
  const shared = withOneKey(await withSharedPorts(given))
  let config: Config = { ...shared, metricsAddr: undefined }
  const workers = new Set<WorkerProcess>()
  const serving = new Set<WorkerProcess>()
  const stopping = new AbortController()
  let haveStarted = false
  let isDebugging = false

  function launch(): WorkerProcess {
    const worker = startWorker(() => ({ config, isDebugging, isProfiled: given.metricsAddr !== undefined }))
    workers.add(worker)
    worker.serving.then(
      () => {
        serving.add(worker)
        log.info({ worker: worker.pid }, 'worker serves')
      },
      () => undefined, // its end says so
    )
    worker.ended.then(() => {
      workers.delete(worker)
      serving.delete(worker)
      metrics.retire(worker)
    })
    return worker
  }

  /** Until we stop. */
  async function keepRunning(first: WorkerProcess): Promise<void> {
    const pause = new RestartPause()
    for (let worker = first; ; worker = launch()) {
      const { code, signal, livedMs } = await worker.ended
      if (stopping.signal.aborted) return
      const reason = await worker.serving.then(
        () => undefined,
        (error: Error) => error.message,
      )
      const pauseMs = pause.afterMs(livedMs)
      log.error(
        { worker: worker.pid, code, signal, reason, pauseMs },
        'worker ended, another takes its place',
      )
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      metrics.countRestart()
    }
  }

  const notReady = async () => {
    if (stopping.signal.aborted) return 'draining'
    return haveStarted ? noneIsReady(workers) : 'workers are starting'
  }
  const metrics = workerMetrics(workers, () => serving.size, notReady)
  let metricsServer: MetricsServer | undefined
  const close = async (delayMs = 0) => {
    stopping.abort()
    for (const worker of workers) worker.stop(delayMs)
    const deadline = setTimeout(
      () => {
        for (const worker of workers) {
          log.warn({ worker: worker.pid }, 'worker does not end, killing it')
          worker.kill()
        }
      },
      delayMs + config.shutdownTimeoutMs + LINGER_MS,
    )
    await Promise.all([...workers].map(({ ended }) => ended))
    clearTimeout(deadline)
    await metricsServer?.close()
  }
  /** All of them know the same rules, so all take it or none does; then the one before stays, and this rejects with the reason. */
  const reload = async (next: Config) => {
    const before = config
    config = { ...withPortsAndKeyOf(shared, next), metricsAddr: undefined }
    const answers = await Promise.all(
      [...workers].map((worker) => worker.ask({ question: 'reload', config })),
    )
    const refusal = answers.find((answer) => answer)
    if (refusal === undefined) return
    config = before
    await Promise.all([...workers].map((worker) => worker.ask({ question: 'reload', config })))
    throw new Error(refusal)
  }
  const setDebugging = (isOn: boolean) => {
    isDebugging = isOn
    for (const worker of workers) worker.setDebugging(isOn)
  }
  try {
    if (given.metricsAddr) {
      const starting = startMetricsServer({
        listen: given.metricsAddr,
        registry: metrics,
        notReady,
        reportFault: (error) => log.error({ err: error }, 'metrics could not be answered'),
        version: ownVersion(),
        profiles: profilesOf(serving),
      })
      metricsServer = await namingKey('metrics_addr', starting)
    }
    const first = Array.from({ length: count }, launch)
    const starts = await Promise.allSettled(first.map((worker) => worker.serving))
    const start = starts.find(({ status }) => status === 'fulfilled') ?? starts[0]!
    if (start.status === 'rejected') throw start.reason
    haveStarted = true
    for (const worker of first) keepRunning(worker)
    return { ...start.value, metricsPort: metricsServer?.port, reload, setDebugging, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A client's packets may reach any of the workers, so each has to know the connection IDs of all. */
function withOneKey(config: Config): Config {
  const { udp } = config
  if (!udp || udp.privateKey !== undefined) return config
  return { ...config, udp: { ...udp, privateKey: randomBytes(GENERATED_KEY_BYTES).toString('base64') } }
}

/** What a restart alone can change, and what the system chose or we made up, stays as it is. */
function withPortsAndKeyOf({ http, udp }: Config, next: Config): Config {
  return {
    ...next,
    http: next.http && http && { ...next.http, addr: http.addr, httpsAddr: http.httpsAddr },
    udp: next.udp && udp && { ...next.udp, addr: udp.addr, privateKey: udp.privateKey },
  }
}

/** Empty as soon as one says that it is ready; else all reasons. */
async function noneIsReady(workers: Iterable<WorkerProcess>): Promise<string> {
  const reasons = new Set<string>()
  const asked = [...workers].map(async (worker) => {
    const reason = (await worker.ask({ question: 'readiness' })) ?? 'a worker does not answer'
    if (reason === '') return
    reasons.add(reason)
    throw new Error(reason)
  })
  return Promise.any(asked).then(
    () => '',
    () => [...reasons].join(', ') || 'no worker runs',
  )
}

/** This process serves nobody, so the profiles are the workers'. */
function profilesOf(serving: ReadonlySet<WorkerProcess>): Profiles {
  return {
    pids: () => [...serving].map(({ pid }) => pid),
    async take(pid, kind, seconds) {
      const worker = [...serving].find((each) => each.pid === pid)
      const result = await worker?.ask(
        { question: 'profile', kind, seconds },
        seconds * 1000 + PROFILE_SLACK_MS,
      )
      return result ?? { status: 'failed', reason: `worker ${pid} does not answer` }
    },
  }
}

/** What /metrics of the supervisor shows: the sum over the workers, and how they are. */
function workerMetrics(
  workers: ReadonlySet<WorkerProcess>,
  servingNow: () => number,
  notReady: () => Promise<string>,
) {
  const totals = new ProcessTotals()
  const own = new Registry()
  const restarts = new Counter({
    name: REDSWARM.workerRestarts,
    help: 'Workers started in place of one that ended',
    registers: [own],
  })
  new Gauge({
    name: REDSWARM.workers,
    help: 'Workers that serve',
    registers: [own],
    collect() {
      this.set(servingNow())
    },
  })
  addReadiness(own, notReady)
  addProcessMetrics(own)
  return {
    async getMetricsAsJSON() {
      await Promise.all(
        [...workers].map(async (worker) => {
          const snapshot = await worker.ask({ question: 'metrics' })
          if (workers.has(worker)) totals.report(worker.pid, snapshot) // else it has been counted out
        }),
      )
      return totals.snapshot(await own.getMetricsAsJSON())
    },
    retire: ({ pid }: WorkerProcess) => totals.retire(pid),
    countRestart: () => restarts.inc(),
  }
}
