import type { Population } from './population.ts'
import type { Transport } from './scenario.ts'
import type { RunningTracker } from './trackers/tracker.ts'

export interface LoadRun {
  readonly tracker: RunningTracker
  readonly population: Population
  readonly transport: Transport
  readonly connections: number
  readonly seconds: number
  /** Totals start here and grow with every announce; a later run on the same swarms needs a higher one. */
  readonly uploadedFromBytes: number
}

interface LoadResult {
  /** Answered ones only. */
  readonly announces: number
  readonly seconds: number
  readonly receivedBytes: number
  /** Requests by what went wrong with them, and how many. */
  readonly failures: Readonly<Record<string, number>>
}

/** Re-announces random peers of the population in a closed loop. One generator for each transport. */
export type LoadGenerator = (run: LoadRun) => Promise<LoadResult>
