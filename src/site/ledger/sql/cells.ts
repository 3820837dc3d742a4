/** The most a column of whole numbers holds. */
export const LARGEST = 2n ** 63n - 1n

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

/**
 * A sum, or what is taken away, as a cell. It stops at the largest number that a column holds. JSON has no whole numbers
 * past 2^53 that every reader keeps, so those are text.
 */
export function amount(value: bigint): string | number {
  if (value >= -MAX_SAFE && value <= MAX_SAFE) return Number(value)
  if (value > LARGEST) return LARGEST.toString()
  return (value < -LARGEST ? -LARGEST : value).toString()
}
