/**
 * When entries of the stream are known to have been lost: spans of Unix seconds, both ends included. Recovery asks whether a
 * loss lies between two entries of a session. Immutable.
 */
export class KnownLosses {
  static readonly NONE = new KnownLosses([])
  /** Disjoint, in rising order, flat: [from, to, from, to, …]. */
  readonly #spans: readonly number[]

  private constructor(spans: readonly number[]) {
    this.#spans = spans
  }

  /** @param spans in any order; they may overlap, and an end may come before its begin (the clock stepped back) */
  static of(spans: readonly (readonly [from: number, to: number])[]): KnownLosses {
    const sorted = spans
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
      .sort((a, b) => a[0] - b[0])
    const merged: number[] = []
    for (const [from, to] of sorted) {
      const last = merged.length - 1
      if (last > 0 && from <= merged[last]!) merged[last] = Math.max(merged[last]!, to)
      else merged.push(from, to)
    }
    return new KnownLosses(merged)
  }

  /** A loss touches the time from the one second to the other, in either order. O(log losses). */
  isBetween(oneSeconds: number, otherSeconds: number): boolean {
    const from = Math.min(oneSeconds, otherSeconds)
    const to = Math.max(oneSeconds, otherSeconds)
    let low = 0
    let high = this.#spans.length / 2
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#spans[2 * middle + 1]! < from) low = middle + 1
      else high = middle
    }
    return 2 * low < this.#spans.length && this.#spans[2 * low]! <= to
  }
}
