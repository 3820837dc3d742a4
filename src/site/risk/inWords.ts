const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const

/** `1.5 GiB`. */
export function bytesInWords(bytes: bigint | number): string {
  let value = Number(bytes)
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** `1.5 MiB/s`. */
export const rateInWords = (bytesPerSecond: number) => `${bytesInWords(bytesPerSecond)}/s`

/** `90 s`, `40 min`, `24 h`: the largest unit of which there are at least two. */
export function secondsInWords(seconds: number): string {
  if (seconds >= 7200) return `${round(seconds / 3600)} h`
  return seconds >= 120 ? `${round(seconds / 60)} min` : `${round(seconds)} s`
}

const round = (value: number) => Math.round(value * 10) / 10
