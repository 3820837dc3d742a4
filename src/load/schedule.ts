/**
 * How many announces are due at a moment of an open loop: at a rate that grows evenly during the ramp and stays.
 *
 * @param elapsedMs since the beginning
 */
export function dueBy(elapsedMs: number, { ratePerSecond, rampMs }: Pace): number {
  const perMs = ratePerSecond / 1000
  if (elapsedMs >= rampMs) return Math.floor(perMs * (elapsedMs - rampMs / 2))
  return Math.floor((perMs * elapsedMs * elapsedMs) / (2 * rampMs))
}

/** When the n-th announce (from 1) is due: the inverse of dueBy. @returns milliseconds from the beginning */
export function dueAt(n: number, { ratePerSecond, rampMs }: Pace): number {
  const perMs = ratePerSecond / 1000
  const duringRamp = (perMs * rampMs) / 2
  return n > duringRamp ? n / perMs + rampMs / 2 : Math.sqrt((2 * n * rampMs) / perMs)
}

export interface Pace {
  readonly ratePerSecond: number
  readonly rampMs: number
}
