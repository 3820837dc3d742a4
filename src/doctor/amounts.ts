const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** 1,500,000 is `1.5 MB`. */
export function showBytes(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const text = unit === 0 || value >= 100 ? String(Math.round(value)) : value.toFixed(1)
  return `${text} ${UNITS[unit]}`
}

/** Two units at most: `3 d 4 h`. */
export function showTime(seconds: number): string {
  const wholeSeconds = Math.round(seconds)
  if (wholeSeconds < 60) return `${wholeSeconds} s`
  if (wholeSeconds < 3600) return `${Math.floor(wholeSeconds / 60)} min`
  if (wholeSeconds < 86_400) return inTwoUnits(wholeSeconds, 3600, 'h', 60, 'min')
  return inTwoUnits(wholeSeconds, 86_400, 'd', 3600, 'h')
}

function inTwoUnits(
  seconds: number,
  large: number,
  largeUnit: string,
  small: number,
  smallUnit: string,
): string {
  const rest = Math.floor((seconds % large) / small)
  return `${Math.floor(seconds / large)} ${largeUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ''}`
}

export function showCount(count: number): string {
  return count.toLocaleString('en')
}

/** `1 entry`, `2 entries`. */
export function counted(count: number, one: string, many: string): string {
  return `${showCount(count)} ${count === 1 ? one : many}`
}
