import { createHistogram } from 'node:perf_hooks'
import type { Fault } from './lane.ts'
import { createTextCounts } from './texts.ts'

const LONGEST_MICROS = 600_000_000
const PERCENTILES = { p50: 50, p90: 90, p99: 99, p999: 99.9 } as const

/** Milliseconds. All of them 0 when nothing was answered. */
export interface Latency {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly mean: number
}

/** One second of the measured time. */
export interface SeriesEntry {
  readonly second: number
  readonly answered: number
  readonly failed: number
  readonly p50: number
  readonly p99: number
}

export interface Counts {
  /** Served and refused. */
  readonly answered: number
  readonly failed: number
  readonly latencyMs: Latency
  readonly failureReasons: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  readonly connectionErrors: Readonly<Record<string, number>>
  readonly receivedBytes: number
  readonly warmUp: { readonly answered: number; readonly failed: number }
  readonly series: readonly SeriesEntry[]
}

/** Counts what becomes of announces. */
export interface Tally {
  /** @param intendedMs when it was to be sent, by the clock of performance.now(): latency counts from there */
  record(intendedMs: number, nowMs: number, fault: Fault | undefined, receivedBytes: number): void
  counts(): Counts
  /** What came in since this was last called. */
  sinceLast(): { readonly answered: number; readonly p50Ms: number; readonly p99Ms: number }
  failed(): number
}

/**
 * @param measuredFromMs announces intended before are the warm-up's, of which no more is known than how many there were
 */
export function createTally(measuredFromMs: number, passkeys: ReadonlySet<string>): Tally {
  const latency = createLatency()
  const recent = createLatency()
  const second = createLatency()
  const texts = {
    refused: createTextCounts(passkeys),
    error: createTextCounts(passkeys),
    connection: createTextCounts(passkeys),
  }
  const warmUp = { answered: 0, failed: 0 }
  const series: SeriesEntry[] = []
  let [answered, failed, receivedBytes] = [0, 0, 0]
  let current = { number: 0, answered: 0, failed: 0 }

  const closeSecond = () => {
    const { p50, p99 } = second.read()
    series.push({ second: current.number + 1, answered: current.answered, failed: current.failed, p50, p99 })
    second.reset()
    current = { number: current.number + 1, answered: 0, failed: 0 }
  }
  return {
    record(intendedMs, nowMs, fault, bytes) {
      const isAnswer = fault?.isAnswer ?? true
      if (isAnswer) recent.record(nowMs - intendedMs)
      if (intendedMs < measuredFromMs) {
        if (isAnswer) warmUp.answered++
        if (fault) warmUp.failed++
        return
      }
      while (nowMs - measuredFromMs >= (current.number + 1) * 1000) closeSecond()
      receivedBytes += bytes
      if (isAnswer) {
        answered++
        current.answered++
        latency.record(nowMs - intendedMs)
        second.record(nowMs - intendedMs)
      }
      if (!fault) return
      failed++
      current.failed++
      texts[fault.kind].add(fault.text)
    },
    counts() {
      if (current.answered > 0 || current.failed > 0) closeSecond()
      return {
        answered,
        failed,
        latencyMs: latency.read(),
        failureReasons: texts.refused.counts(),
        errors: texts.error.counts(),
        connectionErrors: texts.connection.counts(),
        receivedBytes,
        warmUp,
        series,
      }
    },
    sinceLast() {
      const { p50, p99 } = recent.read()
      const count = recent.count()
      recent.reset()
      return { answered: count, p50Ms: p50, p99Ms: p99 }
    },
    failed: () => failed + warmUp.failed,
  }
}

function createLatency() {
  const histogram = createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 })
  const ms = (micros: number) => Math.round(micros) / 1000
  return {
    record(durationMs: number) {
      histogram.record(Math.min(LONGEST_MICROS, Math.max(1, Math.round(durationMs * 1000))))
    },
    count: () => histogram.count,
    reset: () => histogram.reset(),
    read(): Latency {
      if (histogram.count === 0) return { p50: 0, p90: 0, p99: 0, p999: 0, max: 0, mean: 0 }
      const at = (percentile: number) => ms(histogram.percentile(percentile))
      return {
        p50: at(PERCENTILES.p50),
        p90: at(PERCENTILES.p90),
        p99: at(PERCENTILES.p99),
        p999: at(PERCENTILES.p999),
        max: ms(histogram.max),
        mean: ms(histogram.mean),
      }
    },
  }
}
