import { AggregatorRegistry } from 'prom-client'
import type { Snapshot } from './exposition.ts'

/** Numbers that only grow: they stay true when the process that counted them is gone. */
const GROWING: readonly unknown[] = ['counter', 'histogram']

/**
 * The metrics of several processes as those of one: counters, histograms and gauges add up, and a gauge whose `aggregator`
 * is `max` or `first` is taken once.
 *
 * A sum that went down would look like a restart to Prometheus, which would count everything anew. So what a process has
 * counted stays in the sum when it does not answer and when it is gone, as far as it was ever reported.
 */
export class ProcessTotals {
  readonly #latest = new Map<number, Snapshot>()
  #gone: Snapshot = []

  /** @param snapshot undefined when the process did not answer: its gauges are left out, its counts stand as they were */
  report(pid: number, snapshot: Snapshot | undefined): void {
    this.#latest.set(pid, snapshot ?? growing(this.#latest.get(pid) ?? []))
  }

  /** The process has ended and will not be reported again. */
  retire(pid: number): void {
    this.#gone = sum([this.#gone, growing(this.#latest.get(pid) ?? [])])
    this.#latest.delete(pid)
  }

  /** @param own metrics of the process that asks */
  snapshot(own: Snapshot): Snapshot {
    return sum([...this.#latest.values(), this.#gone, own])
  }
}

function growing(snapshot: Snapshot): Snapshot {
  return snapshot.filter(({ type }) => GROWING.includes(type))
}

function sum(snapshots: readonly Snapshot[]): Snapshot {
  // What an aggregated registry holds are the sums themselves.
  return AggregatorRegistry.aggregate(snapshots as Snapshot[]).getMetricsAsArray() as unknown as Snapshot
}
