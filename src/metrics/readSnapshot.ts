import { REDSWARM } from '../contract/metricNames.ts'
import type { Snapshot } from './exposition.ts'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number | undefined>>
  readonly value: number
}

/** A snapshot by the names of its metrics. What is not there is undefined, and so absent in JSON. */
export function readSnapshot(snapshot: Snapshot, nowSeconds: number) {
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
  /** Values above zero by one of their labels. */
  const byLabel = (name: string, label: string, labels: Labels = {}) =>
    Object.fromEntries(
      part(name, labels, '')
        .filter((sample) => sample.value > 0)
        .map((sample) => [sample.labels[label], sample.value]),
    )
  return {
    value,
    byLabel,
    uptimeSeconds: () => {
      const startSeconds = value('process_start_time_seconds')
      return startSeconds === undefined ? undefined : Math.round(nowSeconds - startSeconds)
    },
    processState: () => ({
      cpuSeconds: value('process_cpu_seconds_total'),
      residentBytes: value('process_resident_memory_bytes'),
      openFiles: value('process_open_fds'),
      eventLoopLagSeconds: byLabel(REDSWARM.eventLoopLag, 'stat'),
    }),
    /** Of a histogram in seconds; percentiles are those since the start. */
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
