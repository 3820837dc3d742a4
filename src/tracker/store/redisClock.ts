/** Redis' clock as its last reply showed it, so that a request can say until when it may be executed. */
export interface RedisClock {
  /** @param nowMs Redis' time in a reply that has just arrived */
  note(nowMs: number): void
  /** Unix ms by Redis' clock, so long from now; 0 while no reply has told the time. */
  deadline(afterMs: number): number
}

/**
 * A reply is seen a little after Redis wrote it, so deadlines come a little early, never late. When Redis' clock steps, the
 * announces of one round trip may be told that they are too late: that reply brings the new time.
 *
 * @param elapsedMs a clock that only goes forward, ms
 */
export function createRedisClock(elapsedMs: () => number = () => performance.now()): RedisClock {
  let aheadMs: number | undefined
  return {
    note(nowMs) {
      aheadMs = nowMs - elapsedMs()
    },
    deadline: (afterMs) => (aheadMs === undefined ? 0 : Math.ceil(aheadMs + elapsedMs() + afterMs)),
  }
}
