import type { SessionIdentity } from './batch.ts'
import { inOrder, newWindow, type WindowSums } from './batchSums.ts'
import type { RecoveredSpan } from './closing.ts'

/** A longer time is spread over this many windows of it, evenly spaced: four days of ten-minute windows are 576 rows. */
const MOST_WINDOWS = 48

/** Recovered bytes in equal parts over the windows of their time, summed, in the order of the windows' keys. */
export function recoveredWindows(
  recovered: readonly (SessionIdentity & RecoveredSpan)[],
  windowSeconds: number,
): WindowSums[] {
  const windows = new Map<string, WindowSums>()
  for (const { passkey, infohash, up, down, from, to } of recovered) {
    const starts = startsBetween(from, to, windowSeconds)
    for (const [at, start] of starts.entries()) {
      const key = `${start} ${passkey} ${infohash}`
      const window = windows.get(key) ?? newWindow(start, passkey, infohash)
      window.uploaded += part(up, at, starts.length)
      window.downloaded += part(down, at, starts.length)
      window.recoveredUploaded += part(up, at, starts.length)
      window.recoveredDownloaded += part(down, at, starts.length)
      window.seconds += Math.ceil((to - from) / starts.length)
      windows.set(key, window)
    }
  }
  return inOrder(windows)
}

function startsBetween(from: number, to: number, windowSeconds: number): number[] {
  const [first, last] = [Math.floor(from / windowSeconds), Math.floor(to / windowSeconds)]
  const count = Math.min(MOST_WINDOWS, last - first + 1)
  return Array.from(
    { length: count },
    (_, at) => (first + Math.floor((at * (last - first)) / Math.max(1, count - 1))) * windowSeconds,
  )
}

/** One of `count` parts that add up to the whole. */
function part(bytes: number, at: number, count: number): bigint {
  const whole = BigInt(bytes)
  const [each, rest] = [whole / BigInt(count), whole % BigInt(count)]
  return each + (BigInt(at) < rest ? 1n : 0n)
}
