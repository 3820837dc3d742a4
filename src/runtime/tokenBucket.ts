/** So many a second on average, and at most one second's worth at once. */
export interface TokenBucket {
  /** @returns false when there is none left; then nothing is taken */
  take(): boolean
  /** Until `take` succeeds again, if nobody else takes; 0 when it would now. */
  waitSeconds(): number
  /** From now on; what is in it stays, as far as the new rate allows. */
  setRate(perSecond: number): void
}

export function createTokenBucket(ratePerSecond: number, nowMs: () => number): TokenBucket {
  let perSecond = ratePerSecond
  let tokens = perSecond
  let filledAtMs = nowMs()

  function fill(): void {
    const now = nowMs()
    tokens = Math.min(perSecond, tokens + (Math.max(0, now - filledAtMs) / 1000) * perSecond)
    filledAtMs = now
  }

  return {
    take() {
      fill()
      if (tokens < 1) return false
      tokens--
      return true
    },
    waitSeconds() {
      fill()
      return Math.max(0, (1 - tokens) / perSecond)
    },
    setRate(next) {
      fill()
      perSecond = next
      tokens = Math.min(tokens, perSecond)
    },
  }
}
