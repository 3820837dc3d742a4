/** 1 PiB. No client moves more between two announces. */
export const MOST_DELTA_BYTES = 2 ** 50
/** 100 Gbit/s. */
export const MOST_BYTES_PER_SECOND = 12.5e9
/** Added to the time between two announces: a client counts until it sends, and clocks count whole seconds. */
export const SPARE_SECONDS = 3

/**
 * Whether a client can have moved so many bytes in so many seconds. The announce script, the ledger and the risk rules
 * share this definition. An impossible delta sets a new baseline and is credited nothing.
 */
export function isPossibleDelta(bytes: number, elapsedSeconds: number): boolean {
  return bytes <= MOST_DELTA_BYTES && bytes <= MOST_BYTES_PER_SECOND * (elapsedSeconds + SPARE_SECONDS)
}
