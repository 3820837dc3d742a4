import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../../config/config.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { ListensAt } from './frontends.ts'
import { RestartPause } from './restartPause.ts'
import { LINGER_MS, type StartOrder } from './worker.ts'
import { startWorker, type WorkerProcess } from './workerProcess.ts'

export interface WorkerPoolOptions {
  /** What a worker is started with; asked at each start. */
  readonly startOrder: () => StartOrder
  readonly onEnded: (worker: WorkerProcess) => void
  readonly onRestart: () => void
  readonly log: Logger
}

/** The worker processes of a supervisor. A worker that ends is replaced until the pool is stopped. */
export class WorkerPool {
  readonly running: ReadonlySet<WorkerProcess>
  /** Those that listen. */
  readonly serving: ReadonlySet<WorkerProcess>
  readonly #running = new Set<WorkerProcess>()
  readonly #serving = new Set<WorkerProcess>()
  readonly #stopping = new AbortController()
  readonly #options: WorkerPoolOptions
  #hasStarted = false

  constructor(options: WorkerPoolOptions) {
    this.#options = options
    this.running = this.#running
    this.serving = this.#serving
  }

  /** Resolves when all have started or ended and at least one serves. Throws the first worker's reason when none does. */
  async start(count: number): Promise<ListensAt> {
    const first = Array.from({ length: count }, () => this.#launch())
    const starts = await Promise.allSettled(first.map((worker) => worker.serving))
    const start = starts.find(({ status }) => status === 'fulfilled') ?? starts[0]!
    if (start.status === 'rejected') throw start.reason
    this.#hasStarted = true
    for (const worker of first) this.#keepRunning(worker)
    return start.value
  }

  /** Empty as soon as one worker is ready; else the reasons of all. */
  async notReady(): Promise<string> {
    if (this.#stopping.signal.aborted) return 'draining'
    return this.#hasStarted ? reasonsUnlessReady(this.#running) : 'workers are starting'
  }

  /** Replaces every worker's configuration. @returns the reason of the first that cannot serve it; empty when all can */
  async reload(config: Config): Promise<string> {
    const answers = await Promise.all(
      [...this.#running].map((worker) => worker.ask({ question: 'reload', config })),
    )
    return answers.find((answer) => answer) ?? ''
  }

  /** Asks all to drain, serve for `delayMs` and end; kills those that take longer than the shutdown timeout allows. */
  async stop(delayMs: number, shutdownTimeoutMs: number): Promise<void> {
    this.#stopping.abort()
    for (const worker of this.#running) worker.stop(delayMs)
    const kill = () => {
      for (const worker of this.#running) {
        this.#options.log.warn({ worker: worker.pid }, 'worker does not end, killing it')
        worker.kill()
      }
    }
    const deadline = setTimeout(kill, delayMs + shutdownTimeoutMs + LINGER_MS)
    await Promise.all([...this.#running].map(({ ended }) => ended))
    clearTimeout(deadline)
  }

  #launch(): WorkerProcess {
    const { startOrder, onEnded, log } = this.#options
    const worker = startWorker(startOrder)
    this.#running.add(worker)
    worker.serving.then(
      () => {
        this.#serving.add(worker)
        log.info({ worker: worker.pid }, 'worker serves')
      },
      () => undefined, // #keepRunning logs the reason
    )
    worker.ended.then(() => {
      this.#running.delete(worker)
      this.#serving.delete(worker)
      onEnded(worker)
    })
    return worker
  }

  /** Starts another worker whenever this one ends, until the pool is stopped. */
  async #keepRunning(first: WorkerProcess): Promise<void> {
    const { log, onRestart } = this.#options
    const { signal: stopping } = this.#stopping
    const pause = new RestartPause()
    for (let worker = first; ; worker = this.#launch()) {
      const { code, signal, livedMs } = await worker.ended
      if (stopping.aborted) return
      const reason = await worker.serving.then(
        () => undefined,
        (error: Error) => error.message,
      )
      const pauseMs = pause.afterMs(livedMs)
      log.error(
        { worker: worker.pid, code, signal, reason, pauseMs },
        'worker ended, another takes its place',
      )
      await delay(pauseMs, undefined, { signal: stopping }).catch(() => undefined)
      if (stopping.aborted) return
      onRestart()
    }
  }
}

async function reasonsUnlessReady(workers: Iterable<WorkerProcess>): Promise<string> {
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
