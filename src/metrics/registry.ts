import { Counter, Gauge, Registry } from 'prom-client'
import {
  DURATION_BUCKETS_MS,
  DURATION_LABELS,
  FINE_BUCKETS_SECONDS,
  GC_DURATION,
  HTTP_DURATION,
  REDSWARM,
  UDP_DURATION,
} from '../contract/metricNames.ts'
import { udpDrops } from '../runtime/udpDrops.ts'
import { FastHistogram, type HistogramSeries } from './histogram.ts'
import { addEventLoopLag, addProcessMetrics } from './processMetrics.ts'
import { addStorageGauges, type StorageNumbers } from './storageGauges.ts'

const FRONTENDS = ['http', 'udp'] as const
export type FrontendKind = (typeof FRONTENDS)[number]

/** The label of a bug. Counted from 0 on: a rule on its rise would miss the first one otherwise, which has nothing to rise from. */
const INTERNAL_ERROR = 'internal error'

export interface Metrics {
  readonly registry: Registry
  /** One request of a frontend. Labels come from fixed sets: action, family, failure text. */
  observeRequest(
    frontend: FrontendKind,
    action: string,
    family: string,
    error: string,
    durationMs: number,
  ): void
  /** One call of a script, from a fixed set, whatever came of it. */
  observeStoreCall(script: string, seconds: number): void
  observeSweep(durationMs: number): void
  /** A call that failed and a client that was asked to come back. */
  countStoreFailure(): void
  /** @param kind from the set that was given */
  countScriptError(kind: string): void
  countDroppedPacket(): void
  /** Labels come from fixed sets: who decided, what. `seconds` is the duration of a call of the site. */
  countPasskeyDecision(source: string, result: string, seconds: number | undefined): void
}

export interface MetricsOptions {
  /** Asked at most once a scrape; undefined while Redis does not answer, and the gauges keep their last values. */
  readonly readStorage: () => Promise<StorageNumbers | undefined>
  /** Calls to the store under way. */
  readonly inFlight: () => number
  /** Every value that `countScriptError` may be given, so that the first of a kind is a rise and not a beginning. */
  readonly errorKinds: readonly string[]
}

/** All that one tracker process counts. */
export function createMetrics({ readStorage, inFlight, errorKinds }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const observeRequest = requestMetrics(registry)
  const sweeps = new FastHistogram({
    name: GC_DURATION,
    help: 'The time it takes to perform storage garbage collection',
    buckets: DURATION_BUCKETS_MS,
    registry,
  }).series()
  const observeStoreCall = storeCallMetrics(registry)
  const storeFailures = new Counter({
    name: REDSWARM.storeFailures,
    help: 'Calls to Redis that failed, timed out or were refused because too many were under way',
    registers,
  })
  const scriptErrors = new Counter({
    name: REDSWARM.scriptErrors,
    help: 'The same and failed sweeps by kind: what Redis or the connection said',
    labelNames: ['kind'],
    registers,
  })
  for (const kind of errorKinds) scriptErrors.inc({ kind }, 0)
  new Gauge({
    name: REDSWARM.storeInFlight,
    help: 'Calls to Redis under way',
    registers,
    collect() {
      this.set(inFlight())
    },
  })
  const countDroppedPacket = droppedPackets(registry)
  const passkeyDecisions = new Counter({
    name: REDSWARM.passkeyDecisions,
    help: 'Verdicts on unlisted passkeys: the site was asked, had just been asked, or could not be asked within the bounds',
    labelNames: ['source', 'result'],
    registers,
  })
  const verifyDurations = new FastHistogram({
    name: REDSWARM.verifyDuration,
    help: "The time the site's verify endpoint takes",
    buckets: FINE_BUCKETS_SECONDS,
    registry,
  }).series()
  addStorageGauges(registry, readStorage)
  addEventLoopLag(registry)
  addProcessMetrics(registry)
  return {
    registry,
    observeRequest,
    observeStoreCall,
    observeSweep: (durationMs) => sweeps.observe(durationMs),
    countStoreFailure: () => storeFailures.inc(),
    countScriptError: (kind) => scriptErrors.inc({ kind }),
    countDroppedPacket,
    countPasskeyDecision(source, result, seconds) {
      passkeyDecisions.inc({ source, result })
      if (seconds !== undefined) verifyDurations.observe(seconds)
    },
  }
}

/** What one kind of request is counted in. */
interface RequestSeries {
  readonly asChihaya: HistogramSeries
  readonly fine: HistogramSeries | undefined
  readonly refused: Counter.Internal | undefined
}

function requestMetrics(registry: Registry): Metrics['observeRequest'] {
  const asChihaya = (name: string) =>
    new FastHistogram({
      name,
      help: 'The duration of time it takes to receive and write a response to an API request',
      labelNames: DURATION_LABELS,
      buckets: DURATION_BUCKETS_MS,
      registry,
    })
  const durations = { http: asChihaya(HTTP_DURATION), udp: asChihaya(UDP_DURATION) }
  const fine = (name: string, action: string) => {
    const histogram = new FastHistogram({
      name,
      help: `The time from reading ${action} requests to their answers, refusals included`,
      labelNames: ['frontend'],
      buckets: FINE_BUCKETS_SECONDS,
      registry,
    })
    return new Map(FRONTENDS.map((frontend) => [frontend, histogram.series(frontend)]))
  }
  const fineOf = new Map([
    ['announce', fine(REDSWARM.announceDuration, 'announce')],
    ['scrape', fine(REDSWARM.scrapeDuration, 'scrape')],
  ])
  const refusals = new Counter({
    name: REDSWARM.refusals,
    help: 'Requests that were not served, by the text that the client was given or the reason for silence',
    labelNames: ['frontend', 'reason'],
    registers: [registry],
  })
  for (const frontend of FRONTENDS) refusals.inc({ frontend, reason: INTERNAL_ERROR }, 0)
  const known = new Map<string, RequestSeries>() // a few dozen: each label has few values
  return (frontend, action, family, error, durationMs) => {
    const name = `${frontend} ${action} ${family} ${error}`
    let series = known.get(name)
    if (!series) {
      series = {
        asChihaya: durations[frontend].series(action, family, error),
        fine: fineOf.get(action)?.get(frontend),
        refused: error === '' ? undefined : refusals.labels(frontend, error),
      }
      known.set(name, series)
    }
    series.asChihaya.observe(durationMs)
    series.fine?.observe(durationMs / 1000)
    series.refused?.inc()
  }
}

function storeCallMetrics(registry: Registry): Metrics['observeStoreCall'] {
  const durations = new FastHistogram({
    name: REDSWARM.storeDuration,
    help: 'The time from a script being sent to Redis to its reply, failures included',
    labelNames: ['script'],
    buckets: FINE_BUCKETS_SECONDS,
    registry,
  })
  const known = new Map<string, HistogramSeries>()
  return (script, seconds) => {
    let series = known.get(script)
    if (!series) {
      series = durations.series(script)
      known.set(script, series)
    }
    series.observe(seconds)
  }
}

/** Counted by us, where we read no more, and by the system, where its buffer is full. @returns what counts one of ours */
function droppedPackets(registry: Registry): () => void {
  let droppedBySystem = 0
  const dropped = new Counter({
    name: REDSWARM.droppedPackets,
    help: 'UDP packets dropped unread because max_in_flight were under way or the receive buffer was full',
    registers: [registry],
    async collect() {
      const drops = (await udpDrops()) ?? droppedBySystem
      if (drops > droppedBySystem) this.inc(drops - droppedBySystem)
      droppedBySystem = drops
    },
  })
  return () => dropped.inc()
}

/** Whether the instance takes part: asked when someone scrapes. */
export function addReadiness(registry: Registry, notReady: () => Promise<string>): void {
  new Gauge({
    name: REDSWARM.ready,
    help: '1 while /readyz answers 200',
    registers: [registry],
    async collect() {
      this.set(Number((await notReady()) === ''))
    },
  })
}
