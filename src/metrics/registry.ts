import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import {
  DURATION_BUCKETS_MS,
  DURATION_LABELS,
  GC_DURATION,
  HTTP_DURATION,
  INFOHASHES,
  LEECHERS,
  SEEDERS,
  UDP_DURATION,
} from '../contract/metricNames.ts'
import { udpDrops } from '../runtime/udpDrops.ts'

const VERIFY_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Fleet-wide numbers, read from Redis when someone scrapes: the same on every instance. */
export interface StorageCounts {
  readonly infohashes: number
  readonly seeders: number
  readonly leechers: number
  /** False: Redis may evict sessions and events when it is full. Undefined where it cannot be asked. */
  readonly isNoEviction: boolean | undefined
  /** Traffic events that the stream's length cap pushed out before anyone trimmed them. */
  readonly trafficTrimmed: number
}

export type FrontendKind = 'http' | 'udp'

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
  observeSweep(durationMs: number): void
  countStoreFailure(): void
  countDroppedPacket(): void
  /** Labels come from fixed sets: who decided, what. `seconds` is the duration of a call of the site. */
  countPasskeyDecision(source: string, result: string, seconds: number | undefined): void
}

/**
 * @param readStorage asked at most once a scrape; undefined while Redis does not answer, and the gauges keep their last values
 * @param inFlight calls to the store under way
 */
export function createMetrics(
  readStorage: () => Promise<StorageCounts | undefined>,
  inFlight: () => number,
): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const durations = (name: string) =>
    new Histogram({
      name,
      help: 'The duration of time it takes to receive and write a response to an API request',
      labelNames: DURATION_LABELS,
      buckets: DURATION_BUCKETS_MS,
      registers,
    })
  const requests = { http: durations(HTTP_DURATION), udp: durations(UDP_DURATION) }
  const labelled = new Map<string, Histogram.Internal<string>>()
  const sweeps = new Histogram({
    name: GC_DURATION,
    help: 'The time it takes to perform storage garbage collection',
    buckets: DURATION_BUCKETS_MS,
    registers,
  })
  const storeFailures = new Counter({
    name: 'redswarm_store_failures_total',
    help: 'Calls to Redis that failed, timed out or were refused because too many were under way',
    registers,
  })
  let droppedBySystem = 0
  const droppedPackets = new Counter({
    name: 'redswarm_udp_dropped_packets_total',
    help: 'UDP packets dropped unread because max_in_flight were under way or the receive buffer was full',
    registers,
    async collect() {
      const drops = (await udpDrops()) ?? droppedBySystem
      if (drops > droppedBySystem) this.inc(drops - droppedBySystem)
      droppedBySystem = drops
    },
  })
  const passkeyDecisions = new Counter({
    name: 'redswarm_passkey_decisions_total',
    help: 'Verdicts on unlisted passkeys: the site was asked, had just been asked, or could not be asked within the bounds',
    labelNames: ['source', 'result'],
    registers,
  })
  const verifyDurations = new Histogram({
    name: 'redswarm_verify_duration_seconds',
    help: "The time the site's verify endpoint takes",
    buckets: VERIFY_BUCKETS_SECONDS,
    registers,
  })
  new Gauge({
    name: 'redswarm_store_in_flight',
    help: 'Calls to Redis under way',
    registers,
    collect() {
      this.set(inFlight())
    },
  })
  // prom-client asks every gauge for itself; the four share one answer of Redis.
  let reading: Promise<StorageCounts | undefined> | undefined
  const readOnce = () => {
    reading ??= readStorage().finally(() => {
      reading = undefined
    })
    return reading
  }
  const storageGauge = (name: string, help: string, pick: (counts: StorageCounts) => number | undefined) =>
    new Gauge({
      name,
      help,
      registers,
      aggregator: 'max', // every process of a machine reads the same numbers
      async collect() {
        const counts = await readOnce()
        const value = counts && pick(counts)
        if (value !== undefined) this.set(value)
      },
    })
  storageGauge(INFOHASHES, 'The number of Infohashes tracked', (counts) => counts.infohashes)
  storageGauge(SEEDERS, 'The number of seeders tracked', (counts) => counts.seeders)
  storageGauge(LEECHERS, 'The number of leechers tracked', (counts) => counts.leechers)
  storageGauge(
    'redswarm_redis_noeviction',
    '1 while maxmemory-policy is noeviction; 0: a full Redis throws away credit',
    ({ isNoEviction }) => (isNoEviction === undefined ? undefined : Number(isNoEviction)),
  )
  storageGauge(
    'redswarm_traffic_trimmed_entries',
    'Traffic events that max_len pushed out of the stream since Redis was empty, fleet-wide',
    (counts) => counts.trafficTrimmed,
  )
  return {
    registry,
    observeRequest(frontend, action, family, error, durationMs) {
      // Finding the labelled histogram costs more than observing; there are few, and always the same.
      const name = `${frontend} ${action} ${family} ${error}`
      let histogram = labelled.get(name)
      if (!histogram) {
        histogram = requests[frontend].labels({ action, address_family: family, error })
        labelled.set(name, histogram)
      }
      histogram.observe(durationMs)
    },
    observeSweep: (durationMs) => sweeps.observe(durationMs),
    countStoreFailure: () => storeFailures.inc(),
    countDroppedPacket: () => droppedPackets.inc(),
    countPasskeyDecision(source, result, seconds) {
      passkeyDecisions.inc({ source, result })
      if (seconds !== undefined) verifyDurations.observe(seconds)
    },
  }
}
