import { GC_DURATION, INFOHASHES, LEECHERS, REDSWARM, SEEDERS } from '../contract/metricNames.ts'
import type { Snapshot } from './exposition.ts'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number | undefined>>
  readonly value: number
}

/** The metrics that people ask for first, under words of their own; percentiles are those since the start. Absent: not known. */
export function statsOf(snapshot: Snapshot, nowSeconds: number) {
  const read = reader(snapshot)
  const { value, byLabel, latency } = read
  const startSeconds = value('process_start_time_seconds')
  const requests = (frontend: string) => ({
    announces: latency(REDSWARM.announceDuration, { frontend }),
    scrapes: latency(REDSWARM.scrapeDuration, { frontend }),
    refusals: byLabel(REDSWARM.refusals, 'reason', { frontend }),
  })
  return {
    uptimeSeconds: startSeconds === undefined ? undefined : Math.round(nowSeconds - startSeconds),
    workers: value(REDSWARM.workers),
    swarms: { infohashes: value(INFOHASHES), seeders: value(SEEDERS), leechers: value(LEECHERS) },
    http: requests('http'),
    udp: { ...requests('udp'), droppedPackets: value(REDSWARM.droppedPackets) },
    store: {
      inFlight: value(REDSWARM.storeInFlight),
      failures: value(REDSWARM.storeFailures),
      errors: byLabel(REDSWARM.scriptErrors, 'kind'),
      announceScript: latency(REDSWARM.storeDuration, { script: 'announce' }),
      sweeps: value(GC_DURATION, {}, '_count'),
    },
    redis: {
      usedMemoryBytes: value(REDSWARM.redisUsedMemory),
      maxMemoryBytes: value(REDSWARM.redisMaxMemory),
      evictedKeys: value(REDSWARM.redisEvictedKeys),
      isNoEviction: flag(value(REDSWARM.redisNoEviction)),
    },
    passkeys: {
      listed: value(REDSWARM.passkeys),
      isListMissing: flag(value(REDSWARM.whitelistMissing)),
      siteCalls: latency(REDSWARM.verifyDuration, {}),
    },
    traffic: {
      entries: value(REDSWARM.streamEntries),
      oldestEntryAgeSeconds: value(REDSWARM.streamOldestAge),
      trimmed: value(REDSWARM.trafficTrimmed),
      deadLetters: byLabel(REDSWARM.deadLetters, 'queue'),
    },
    process: {
      cpuSeconds: value('process_cpu_seconds_total'),
      residentBytes: value('process_resident_memory_bytes'),
      openFiles: value('process_open_fds'),
      eventLoopLagSeconds: byLabel(REDSWARM.eventLoopLag, 'stat'),
    },
  }
}

const flag = (value: number | undefined) => (value === undefined ? undefined : value === 1)

function reader(snapshot: Snapshot) {
  const samplesOf = (name: string) =>
    (snapshot.find((metric) => metric.name === name)?.values ?? []) as readonly Sample[]
  const matches = (sample: Sample, labels: Labels) =>
    Object.entries(labels).every(([name, wanted]) => sample.labels[name] === wanted)
  const part = (name: string, labels: Labels, suffix: string) =>
    samplesOf(name).filter(
      (sample) => (sample.metricName ?? name) === name + suffix && matches(sample, labels),
    )
  const value = (name: string, labels: Labels = {}, suffix = ''): number | undefined =>
    part(name, labels, suffix)[0]?.value
  return {
    value,
    /** Values above zero by one of their labels. */
    byLabel: (name: string, label: string, labels: Labels = {}) =>
      Object.fromEntries(
        part(name, labels, '')
          .filter((sample) => sample.value > 0)
          .map((sample) => [sample.labels[label], sample.value]),
      ),
    latency(name: string, labels: Labels) {
      const count = value(name, labels, '_count') ?? 0
      if (count === 0) return { count }
      const buckets = part(name, labels, '_bucket').map(({ labels: { le }, value }) => ({
        bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
        below: value,
      }))
      return {
        count,
        p50Ms: toMs(quantile(buckets, 0.5)),
        p99Ms: toMs(quantile(buckets, 0.99)),
      }
    },
  }
}

const toMs = (seconds: number) => Number((seconds * 1000).toPrecision(3))

/**
 * Estimated as Prometheus' `histogram_quantile` does it: within a bucket values are taken for spread evenly.
 * @param buckets rising, the last without bound; what lies there counts as the highest bound
 */
function quantile(
  buckets: readonly { readonly bound: number; readonly below: number }[],
  share: number,
): number {
  const rank = share * buckets.at(-1)!.below
  const at = buckets.findIndex(({ below }) => below >= rank)
  const { bound, below } = buckets[at]!
  const { bound: lower, below: before } = buckets[at - 1] ?? { bound: 0, below: 0 }
  return bound === Number.POSITIVE_INFINITY
    ? lower
    : lower + ((bound - lower) * (rank - before)) / (below - before)
}
