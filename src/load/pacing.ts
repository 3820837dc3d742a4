import type { Fault, Lane } from './lane.ts'
import { dueAt, dueBy, type Pace } from './schedule.ts'

const TICK_MS = 1
/** A timer of one millisecond is this late when all is well; later, and the process was busy with something else. */
const PUNCTUAL_MS = 2.5
/** A target that refuses connections is not asked as fast as it can say so. */
const AFTER_BROKEN_MS = 100

export interface Sender {
  /** Makes the lanes one by one, up to the number of connections. @returns undefined: no more of them */
  readonly newLane: () => Lane | undefined
  /** Sends the next announce on this lane. `onFree` is called when it may carry another one. */
  readonly send: (lane: Lane, intendedMs: number, onFree: (fault: Fault | undefined) => void) => void
  /** An announce that never found a lane, in all the time an answer may take. */
  readonly onUnsent: (intendedMs: number) => void
  /** No more announces from now on: the time is up, or somebody stopped it. */
  readonly isOver: () => boolean
  /** No more than this many. */
  readonly maxAnnounces: number
}

export interface Pacing {
  /** Nothing is begun any more. */
  stop(): void
  /** Due, and waiting for a lane. */
  waiting(): number
  /** All announces have begun that there may be. */
  hasBegunAll(): boolean
}

/** Each lane sends its next announce when it has the answer to the last. Lanes begin one after the other during the ramp. */
export function startClosedLoop(
  { newLane, send, isOver, maxAnnounces }: Sender,
  { rampMs, connections }: { readonly rampMs: number; readonly connections: number },
): Pacing {
  const timers = new Set<NodeJS.Timeout>()
  let begun = 0
  const later = (delayMs: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, delayMs)
    timers.add(timer)
  }
  const goOn = (lane: Lane) => {
    if (isOver() || begun === maxAnnounces) return
    begun++
    send(lane, performance.now(), (fault) => {
      if (fault?.kind === 'connection') later(AFTER_BROKEN_MS, () => goOn(lane))
      else goOn(lane)
    })
  }
  for (let i = 0; i < connections; i++) {
    later((rampMs * i) / connections, () => {
      const lane = newLane()
      if (lane) goOn(lane)
    })
  }
  return {
    stop() {
      for (const timer of timers) clearTimeout(timer)
    },
    waiting: () => 0,
    hasBegunAll: () => begun === maxAnnounces,
  }
}

/**
 * Sends what is due at each millisecond, whatever has become of what was sent before. An announce that finds no lane waits,
 * and its latency counts from when it was due: a slow target cannot slow down the question how slow it is.
 */
export function startOpenLoop(
  { newLane, send, onUnsent, isOver, maxAnnounces }: Sender,
  { timeoutMs, ...pace }: Pace & { readonly timeoutMs: number },
): Pacing {
  const startedMs = performance.now()
  const free: Lane[] = []
  const waiting = new Queue()
  let due = 0
  let lastTickMs = startedMs

  const dispatch = (lane: Lane) => {
    const intendedMs = isOver() ? undefined : waiting.shift()
    if (intendedMs === undefined) free.push(lane)
    else send(lane, intendedMs, () => dispatch(lane))
  }
  const timer = setInterval(() => {
    if (isOver()) return
    const nowMs = performance.now()
    const isPunctual = nowMs - lastTickMs <= PUNCTUAL_MS
    lastTickMs = nowMs
    for (const until = Math.min(maxAnnounces, dueBy(nowMs - startedMs, pace)); due < until; ) {
      due++
      // What falls between two ticks is due at the second one, if that came in time; a late tick is our own slowness.
      waiting.push(isPunctual ? nowMs : startedMs + dueAt(due, pace))
    }
    while (waiting.size() > 0) {
      const lane = free.pop() ?? newLane()
      if (!lane) break
      dispatch(lane)
    }
    for (;;) {
      const first = waiting.peek()
      if (first === undefined || first >= nowMs - timeoutMs) break
      waiting.shift()
      onUnsent(first)
    }
  }, TICK_MS)
  return {
    stop: () => clearInterval(timer),
    waiting: () => waiting.size(),
    hasBegunAll: () => due === maxAnnounces && waiting.size() === 0,
  }
}

/** First in, first out; taking from an array's front would move all the others. */
class Queue {
  #items: number[] = []
  #first = 0

  size(): number {
    return this.#items.length - this.#first
  }

  push(item: number): void {
    this.#items.push(item)
  }

  peek(): number | undefined {
    return this.#items[this.#first]
  }

  shift(): number | undefined {
    const item = this.#items[this.#first]
    if (item === undefined) return undefined
    this.#first++
    if (this.#first === this.#items.length || this.#first > 65_536) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}
