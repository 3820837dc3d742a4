const UNIT_NANOSECONDS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const LONGEST_NANOSECONDS = 2n ** 63n - 1n
const SIGN_AND_PARTS = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/
const PART = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g

/**
 * Reads a duration as Go writes it: `1h30m`, `1.5s`, `500ms`, and `0` without a unit.
 *
 * @returns nanoseconds, exact (digits below one nanosecond are dropped, as Go does); undefined for any other
 *   text and for what does not fit Go's 64 bits
 */
export function parseDuration(text: string): bigint | undefined {
  if (/^[+-]?0$/.test(text)) return 0n
  const [, sign, parts] = SIGN_AND_PARTS.exec(text) ?? []
  if (parts === undefined) return undefined
  let total = 0n
  for (const [, whole = '', fraction = '', unit = ''] of parts.matchAll(PART)) {
    const nanoseconds = UNIT_NANOSECONDS[unit]!
    total += BigInt(whole || '0') * nanoseconds
    total += (BigInt(fraction || '0') * nanoseconds) / 10n ** BigInt(fraction.length)
  }
  if (total > LONGEST_NANOSECONDS) return undefined
  return sign === '-' ? -total : total
}

/** The shortest Go spelling in whole units, for example `1h30m`, `1s500ms` and `0s`. Takes whole milliseconds, 0 or more. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s'
  let rest = milliseconds
  let text = ''
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
    ['ms', 1],
  ] as const) {
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}
