import type { Config } from '../../config/config.ts'
import type { Snapshot } from '../../metrics/exposition.ts'
import { type ProfileKind, type ProfileResult, type Profiler, startProfiler } from '../../metrics/profiler.ts'
import { type AdjustableLogger, createLogger } from '../../runtime/logger.ts'
import { endOnUncaught } from '../../runtime/uncaught.ts'
import type { ListensAt } from './frontends.ts'
import { type Instance, startInstance } from './instance.ts'

/** What supervisor and worker say to each other over the IPC channel, and the answers a worker gives. */
export interface Answers {
  readonly metrics: Snapshot
  /** As `Instance.notReady`. */
  readonly readiness: string
  /** Empty, or why the new configuration cannot be served; then the one before stays. */
  readonly reload: string
  readonly profile: ProfileResult
}
export type Question = keyof Answers

/** A question with what it is about. */
export type Asked =
  | { readonly question: 'metrics' | 'readiness' }
  | { readonly question: 'reload'; readonly config: Config }
  | { readonly question: 'profile'; readonly kind: ProfileKind; readonly seconds: number }

/** What a worker begins with. */
export interface StartOrder {
  readonly config: Config
  readonly isDebugging: boolean
  /** Somebody may ask for profiles. */
  readonly isProfiled: boolean
}

export type ToWorker =
  | ({ readonly kind: 'start' } & StartOrder)
  | { readonly kind: 'debug'; readonly isOn: boolean }
  | { readonly kind: 'ask'; readonly id: number; readonly asked: Asked }
  | { readonly kind: 'stop'; readonly delayMs: number }

export type FromWorker =
  | { readonly kind: 'hello' }
  | { readonly kind: 'serving'; readonly at: ListensAt }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answers[Question] }

/** How much longer than delay and timeout of the shutdown a worker may take to end by itself. */
export const LINGER_MS = 3_000

/**
 * One of several tracker processes on the same ports. Gets its whole configuration from the supervisor, so that all have
 * the same one whatever has become of the file; drains and ends when told to, on SIGTERM, and when the supervisor is gone.
 */
export async function runWorker(): Promise<void> {
  if (process.send === undefined) throw new Error('workers are started by serve')
  // A service manager may send SIGTERM to supervisor and workers alike; it means the same to both.
  const stopRequested = new Promise<(config: Config) => number>((resolve) => {
    process.once('disconnect', () => resolve(() => 0))
    process.once('SIGTERM', () => resolve(({ shutdownDelayMs }) => shutdownDelayMs))
    onMessage('stop', ({ delayMs }) => resolve(() => delayMs))
  })
  // A terminal sends these to supervisor and workers alike; what they mean is the supervisor's to say.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => undefined)

  let starting: Promise<Instance> | undefined
  let instance: Instance | undefined
  let config: Config
  let log: AdjustableLogger | undefined
  let profiler: Promise<Profiler> | undefined
  const reload = async (next: Config): Promise<string> => {
    try {
      const running = await starting // none yet: it will start with this one
      running?.reload(next)
      config = next
      log?.setLevel(next.logLevel)
      return ''
    } catch (error) {
      return reasonOf(error)
    }
  }
  const answerTo = async (asked: Asked): Promise<Answers[Question]> => {
    if (asked.question === 'reload') return reload(asked.config)
    if (asked.question === 'profile') {
      profiler ??= startProfiler()
      return (await profiler).take(asked.kind, asked.seconds)
    }
    if (asked.question === 'readiness') return instance ? instance.notReady() : 'a worker is starting'
    return instance ? instance.registry.getMetricsAsJSON() : []
  }
  onMessage('ask', async ({ id, asked }) => tell({ kind: 'answer', id, answer: await answerTo(asked) }))

  onMessage('debug', ({ isOn }) => log?.setDebugging(isOn)) // before the order to start it means nothing, that says it too
  const ordered = new Promise<StartOrder>((resolve) => onMessage('start', resolve))
  await tell({ kind: 'hello' })
  const start = await Promise.race([ordered, stopRequested])
  if (typeof start === 'function') process.exit(0)
  config = start.config
  log = createLogger(config.logLevel)
  log.setDebugging(start.isDebugging)
  endOnUncaught(log)
  if (start.isProfiled) profiler = startProfiler() // from the beginning, for the heap
  try {
    starting = startInstance(config, log, { sharesPorts: true })
    instance = await starting
  } catch (error) {
    await tell({ kind: 'failed', reason: reasonOf(error) })
    process.exit(1)
  }
  const { http, https, udp } = instance
  await tell({ kind: 'serving', at: { http, https, udp } })

  const delayMs = (await stopRequested)(config)
  setTimeout(() => process.exit(1), delayMs + config.shutdownTimeoutMs + LINGER_MS).unref() // there may be no supervisor to do it
  await instance.close(delayMs)
  process.exit(0)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function onMessage<K extends ToWorker['kind']>(
  kind: K,
  act: (message: Extract<ToWorker, { kind: K }>) => void,
): void {
  process.on('message', (message: ToWorker) => {
    if (message.kind === kind) act(message as Extract<ToWorker, { kind: K }>)
  })
}

/** Resolves when it is on its way; a supervisor that is gone needs to know nothing. */
function tell(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send!(message, undefined, undefined, () => resolve())
    else resolve()
  })
}
