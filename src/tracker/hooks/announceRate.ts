import type { Hook } from '../core/tracker.ts'

export interface AnnounceRateOptions {
  /** Share of the minimum interval, above 0 and up to 1: who comes back sooner than that is given no peers. */
  readonly threshold: number
}

/**
 * Announces far below the minimum interval get a warning and no peers, and are credited all the same. The announce
 * script decides, since it knows when each address family of a session came last; `completed` and `stopped` are exempt.
 */
export function announceRate({ threshold }: AnnounceRateOptions): Hook {
  return {
    name: 'announce rate',
    announce(_, plan) {
      plan.earlySeconds = Math.floor(plan.minIntervalSeconds * threshold)
    },
  }
}
