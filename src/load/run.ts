import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { createHttpTransport, openSocket } from './httpTransport.ts'
import type { Fault, Lane, Transport } from './lane.ts'
import { startClosedLoop, startOpenLoop } from './pacing.ts'
import { type LoadPlan, LoadRefused } from './plan.ts'
import { createPopulation } from './population.ts'
import { type Counts, createTally } from './tally.ts'
import { parseTarget, resolveTarget, type Target } from './target.ts'
import { openUdpTransport } from './udpTransport.ts'

const PROBE_TIMEOUT_MS = 3_000
const PROGRESS_MS = 500
const DRAIN_CHECK_MS = 10
/** Whoever ends a run by hand does not want to wait for slow answers. */
const DRAIN_AFTER_STOP_MS = 1_000
const NO_LANE: Fault = { kind: 'error', text: 'not sent in time: all connections are busy', isAnswer: false }

export interface LoadResult extends Counts {
  readonly targets: readonly string[]
  readonly population: {
    readonly swarms: number
    readonly largestSwarm: number
    readonly seeders: number
    readonly leechers: number
  }
  /** Measured, without the warm-up. */
  readonly seconds: number
  /** Sent, the warm-up included. */
  readonly announces: number
  /** Answered ones. */
  readonly ratePerSecond: number
  /** Still under way at the end, because the run was stopped. */
  readonly unfinished: number
  /** Due at the end, and without a connection: the target is slower than the rate. */
  readonly unsent: number
  readonly connectionsOpened: number
  /** Share of the time in which the generator had work to do: near 1 it measures itself. */
  readonly generatorBusy: number
}

export interface LoadProgress {
  readonly elapsedMs: number
  readonly totalMs: number
  readonly isWarmUp: boolean
  readonly ratePerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  readonly underWay: number
}

export interface LoadDependencies {
  /** Ends the run; the result says what came in so far. */
  readonly signal: AbortSignal
  /** Twice a second. */
  readonly onProgress: (progress: LoadProgress) => void
}

/** Throws LoadRefused when it cannot begin: a target that is not this machine's, or does not answer at all. */
export async function runLoad(plan: LoadPlan, dependencies: LoadDependencies): Promise<LoadResult> {
  const targets = plan.urls.map((url) => parseTarget(url, plan.population.passkeys.length > 0))
  if (new Set(targets.map(({ protocol }) => protocol === 'udp')).size > 1)
    throw new LoadRefused('targets are all udp:// or all http://: one run has one table')
  const transports: Transport[] = []
  try {
    for (const target of targets) transports.push(await openTransport(target, plan))
    return await measure(plan, targets, transports, dependencies)
  } finally {
    for (const transport of transports) transport.close()
  }
}

/** Takes the first address at which the target answers, so that a run against nothing ends at once. */
async function openTransport(target: Target, plan: LoadPlan): Promise<Transport> {
  const { keepAlive, timeoutMs } = plan
  const { passkeys } = plan.population
  let reason: unknown
  for (const address of await resolveTarget(target, plan.ownsTarget)) {
    try {
      if (target.protocol === 'udp') return await openUdpTransport({ target, address, passkeys, timeoutMs })
      await probe(target, address)
      return createHttpTransport({ target, address, passkeys, keepAlive, timeoutMs })
    } catch (error) {
      reason = error
    }
  }
  const { code, message } = reason as NodeJS.ErrnoException
  throw new LoadRefused(`${target.origin} does not answer (${code ?? message})`, { cause: reason })
}

async function probe(target: Target, address: string): Promise<void> {
  const socket = openSocket({ target, address })
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS)
    await once(socket, target.protocol === 'https' ? 'secureConnect' : 'connect', { signal })
  } catch (error) {
    throw (error as Error).name === 'AbortError'
      ? new Error('no connection in time', { cause: error })
      : error
  } finally {
    socket.on('error', () => undefined).destroy() // it has served its purpose
  }
}

/** Tells how the run stands, now and then. @returns the timer that does it */
function startProgress(
  { warmUpMs, durationMs }: LoadPlan,
  tally: ReturnType<typeof createTally>,
  startedMs: number,
  underWay: () => number,
  onProgress: LoadDependencies['onProgress'],
): NodeJS.Timeout {
  let shownMs = startedMs
  return setInterval(() => {
    const nowMs = performance.now()
    const { answered, p50Ms, p99Ms } = tally.sinceLast()
    const ratePerSecond = (answered * 1000) / (nowMs - shownMs)
    shownMs = nowMs
    const elapsedMs = nowMs - startedMs
    onProgress({
      elapsedMs,
      totalMs: warmUpMs + durationMs,
      isWarmUp: elapsedMs < warmUpMs,
      ratePerSecond,
      p50Ms,
      p99Ms,
      failed: tally.failed(),
      underWay: underWay(),
    })
  }, PROGRESS_MS)
}

async function measure(
  plan: LoadPlan,
  targets: readonly Target[],
  transports: readonly Transport[],
  { signal, onProgress }: LoadDependencies,
): Promise<LoadResult> {
  const { warmUpMs, durationMs, connections, ratePerSecond, timeoutMs, rampMs } = plan
  const population = createPopulation(plan.population)
  const startedMs = performance.now()
  const measuredFromMs = startedMs + warmUpMs
  const totalMs = warmUpMs + durationMs
  const tally = createTally(measuredFromMs, new Set(plan.population.passkeys))
  const utilizationBefore = performance.eventLoopUtilization()
  let [sent, underWay, lanes] = [0, 0, 0]
  let isOver = false

  const sender = {
    newLane(): Lane | undefined {
      if (lanes === connections) return undefined
      return transports[lanes++ % transports.length]!.createLane()
    },
    send(lane: Lane, intendedMs: number, onFree: (fault: Fault | undefined) => void) {
      sent++
      underWay++
      lane.send(population.next(), (fault, receivedBytes) => {
        underWay--
        tally.record(intendedMs, performance.now(), fault, receivedBytes)
        onFree(fault)
      })
    },
    onUnsent: (intendedMs: number) => tally.record(intendedMs, performance.now(), NO_LANE, 0),
    isOver: () => isOver,
    maxAnnounces: plan.maxAnnounces,
  }
  const pacing =
    ratePerSecond === undefined
      ? startClosedLoop(sender, { rampMs, connections })
      : startOpenLoop(sender, { ratePerSecond, rampMs, timeoutMs })
  const progress = startProgress(plan, tally, startedMs, () => underWay, onProgress)

  try {
    await until(() => pacing.hasBegunAll() && underWay === 0, totalMs, signal)
    const endedMs = performance.now()
    isOver = true
    pacing.stop()
    const unsent = pacing.waiting()
    const generatorBusy = performance.eventLoopUtilization(utilizationBefore).utilization
    await until(
      () => underWay === 0,
      signal.aborted ? DRAIN_AFTER_STOP_MS : timeoutMs + 2 * DRAIN_CHECK_MS,
      undefined,
    )
    const counts = tally.counts()
    const seconds = Math.max(0, endedMs - measuredFromMs) / 1000
    return {
      targets: targets.map(({ origin }) => origin),
      population: {
        swarms: plan.population.swarms,
        largestSwarm: population.largestSwarm,
        seeders: population.seeders,
        leechers: plan.population.peers - population.seeders,
      },
      seconds,
      announces: sent,
      ratePerSecond: seconds > 0 ? counts.answered / seconds : 0,
      unfinished: underWay,
      unsent,
      connectionsOpened: transports.reduce((sum, each) => sum + each.connectionsOpened(), 0),
      generatorBusy,
      ...counts,
    }
  } finally {
    isOver = true
    pacing.stop()
    clearInterval(progress)
  }
}

/** Resolves when it is so, when the time is up, or at the signal. */
function until(isSo: () => boolean, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearInterval(timer)
      clearTimeout(end)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setInterval(() => isSo() && finish(), DRAIN_CHECK_MS)
    const end = setTimeout(finish, timeoutMs)
    signal?.addEventListener('abort', finish)
    if (signal?.aborted || isSo()) finish()
  })
}
