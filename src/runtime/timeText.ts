const LENGTHS = { minute: 16, second: 19 } as const

/** Unix seconds as people read them, in UTC, to the minute or the second; `?` for what is no time. */
export function timeText(seconds: number, to: keyof typeof LENGTHS = 'second'): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? '?' : date.toISOString().slice(0, LENGTHS[to]).replace('T', ' ')
}
