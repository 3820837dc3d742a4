const BEAT_MS = 250
/** Below two beats an ordinary pause between them would count. */
const LEAST_LIMIT_MS = 2 * BEAT_MS

export interface StallWatchOptions {
  /** A process that stood still for longer than this, and than two beats, has stalled. */
  readonly limitMs: number
  /** Called once for each stall, after it. */
  readonly onStall: (stalledMs: number) => void
  /** For tests that move time by hand. A paused VM may stop the monotonic clock, so the wall clock counts as well. */
  readonly monotonicMs?: () => number
  readonly wallMs?: () => number
  /** Calls its argument every so many milliseconds. @returns a function that ends it */
  readonly every?: (beat: () => void, ms: number) => () => void
}

export interface StallWatch {
  /** What this process reads now may have waited: it stands still since the last beat, or did before it. */
  isStalled(): boolean
  close(): void
}

/** Notices that this process stood still (SIGSTOP, a paused VM, a blocked event loop) by a timer that was late. */
export function createStallWatch(options: StallWatchOptions): StallWatch {
  const { onStall, monotonicMs = () => performance.now(), wallMs = Date.now, every = everyUnref } = options
  const limitMs = Math.max(options.limitMs, LEAST_LIMIT_MS)
  let lastMonotonicMs = monotonicMs()
  let lastWallMs = wallMs()
  let wasLate = false

  const sinceBeatMs = () => Math.max(monotonicMs() - lastMonotonicMs, wallMs() - lastWallMs)

  const end = every(() => {
    const passedMs = sinceBeatMs()
    wasLate = passedMs > limitMs
    lastMonotonicMs = monotonicMs()
    lastWallMs = wallMs()
    if (wasLate) onStall(Math.round(passedMs))
  }, BEAT_MS)

  return {
    isStalled: () => wasLate || sinceBeatMs() > limitMs,
    close: end,
  }
}

function everyUnref(beat: () => void, ms: number): () => void {
  const timer = setInterval(beat, ms).unref()
  return () => clearInterval(timer)
}
