import { setTimeout } from 'node:timers/promises'

/** Waits, but no longer than until the signal; then it returns as well. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined)
}

/** Waits longer after each failure in a row. */
export class Backoff {
  readonly #firstMs: number
  readonly #longestMs: number
  #failures = 0

  constructor(firstMs: number, longestMs: number) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
  }

  wait(signal: AbortSignal): Promise<void> {
    const ms = Math.min(this.#firstMs * 2 ** Math.min(this.#failures++, 20), this.#longestMs)
    return pause(ms, signal)
  }

  reset(): void {
    this.#failures = 0
  }
}
