/**
 * What has been credited of one counter: disjoint spans (from, to] in rising order, flat: [from, to, from, to, …].
 * Spans that touch are one span. An empty span (from = to) is a point: nothing was credited there, but the counter has
 * been seen at it. Positions are whole numbers of at most 2^53 - 1, so sums of differences stay exact.
 */
export type Coverage = readonly number[]

/** A coverage and how much of the new span it did not hold before. */
export interface Cover {
  readonly coverage: Coverage
  readonly added: number
}

/** Covers (from, to] as well. Needs from <= to. */
export function cover(coverage: Coverage, from: number, to: number): Cover {
  const last = coverage.length - 1
  if (last < 0) return { coverage: [from, to], added: to - from }
  if (last === 1 && from === coverage[1]) return { coverage: [coverage[0]!, to], added: to - from } // every day's case
  const spans: number[] = []
  let added = to - from
  let low = from
  let high = to
  let at = 0
  for (; at < last && coverage[at + 1]! < from; at += 2) spans.push(coverage[at]!, coverage[at + 1]!)
  for (; at < last && coverage[at]! <= to; at += 2) {
    const start = coverage[at]!
    const end = coverage[at + 1]!
    added -= Math.max(0, Math.min(to, end) - Math.max(from, start))
    low = Math.min(low, start)
    high = Math.max(high, end)
  }
  spans.push(low, high, ...coverage.slice(at))
  return { coverage: spans, added }
}

/** Where the lowest span begins. Needs a coverage that is not empty. */
export function bottomOf(coverage: Coverage): number {
  return coverage[0]!
}

/** Where the highest span ends. Needs a coverage that is not empty. */
export function topOf(coverage: Coverage): number {
  return coverage[coverage.length - 1]!
}

/** The sum of what lies between the spans. */
export function holesIn(coverage: Coverage): number {
  let sum = 0
  for (let at = 2; at < coverage.length; at += 2) sum += coverage[at]! - coverage[at - 1]!
  return sum
}

/** Covers everything that another coverage does. */
export function coverAll(coverage: Coverage, other: Coverage): Coverage {
  let all = coverage
  for (let at = 0; at < other.length; at += 2) all = cover(all, other[at]!, other[at + 1]!).coverage
  return all
}

/** What a coverage holds and another does not. Points are left out. */
export function subtract(coverage: Coverage, other: Coverage): Coverage {
  const rest: number[] = []
  let hole = 0
  for (let at = 0; at < coverage.length; at += 2) {
    let from = coverage[at]!
    const to = coverage[at + 1]!
    while (hole < other.length && other[hole + 1]! <= from) hole += 2
    for (let next = hole; next < other.length && other[next]! < to; next += 2) {
      if (other[next]! > from) rest.push(from, other[next]!)
      from = Math.max(from, other[next + 1]!)
    }
    if (from < to) rest.push(from, to)
  }
  return rest
}

/** The length of all spans. */
export function bytesIn(coverage: Coverage): number {
  let sum = 0
  for (let at = 0; at < coverage.length; at += 2) sum += coverage[at + 1]! - coverage[at]!
  return sum
}

/** One span from bottom to top. */
export function withoutHoles(coverage: Coverage): Coverage {
  return coverage.length <= 2 ? coverage : [bottomOf(coverage), topOf(coverage)]
}
