import type { TrafficEvent } from '../../../contract/trafficEvent.ts'
import { type Coverage, cover } from './coverage.ts'

/** What one entry adds to the time that a session has seeded or leeched. */
export interface SettledTime {
  readonly time: Coverage
  readonly seedSeconds: number
  readonly leechSeconds: number
}

/**
 * Credits the time since the session's last announce, each second once. A client that starts was not there before, whatever
 * `dt` says: its session record outlives it.
 *
 * @param maxGapSeconds longest time between two announces that counts
 */
export function settleTime(time: Coverage, event: TrafficEvent, maxGapSeconds: number): SettledTime {
  const seconds = event.event === 'started' ? 0 : Math.min(event.elapsedSeconds, maxGapSeconds)
  if (seconds === 0) return { time, seedSeconds: 0, leechSeconds: 0 }
  const { coverage, added } = cover(time, event.atSeconds - seconds, event.atSeconds)
  return isSeeding(event)
    ? { time: coverage, seedSeconds: added, leechSeconds: 0 }
    : { time: coverage, seedSeconds: 0, leechSeconds: added }
}

/** From the entry alone, so that it is the same in whatever order entries come. */
function isSeeding(event: TrafficEvent): boolean {
  return event.leftBytes === 0 && event.downloadedDeltaBytes === 0 && event.event !== 'completed'
}
