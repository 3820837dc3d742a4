/** Whoever lived this long died of something new. */
const STEADY_MS = 10_000
const SHORTEST_MS = 250
const LONGEST_MS = 15_000

/**
 * How long to wait before a process that ended is replaced: not at all, unless the one before it was short-lived too;
 * then twice as long each time, so that a process that cannot live does not take the machine along.
 */
export class RestartPause {
  #shortLives = 0

  /** @param livedMs of the one that ended just now */
  afterMs(livedMs: number): number {
    if (livedMs >= STEADY_MS) this.#shortLives = 0
    const pauseMs = this.#shortLives === 0 ? 0 : SHORTEST_MS * 2 ** (this.#shortLives - 1)
    if (pauseMs < LONGEST_MS) this.#shortLives++
    return Math.min(pauseMs, LONGEST_MS)
  }
}
