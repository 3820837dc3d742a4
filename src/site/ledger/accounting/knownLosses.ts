/** A time in which entries of the stream were lost, Unix seconds, both ends included. */
export interface Loss {
  readonly fromSeconds: number
  readonly toSeconds: number
}

/** The times in which Redis or the stream lost something, as far as the ledger knows. */
export interface KnownLosses {
  /** Whether something was lost between two entries. Their order does not matter: clocks may have stepped. */
  areBetween(oneSeconds: number, otherSeconds: number): boolean
}

/** @param losses in any order; many may overlap. A look costs O(log losses). */
export function knownLosses(losses: readonly Loss[]): KnownLosses {
  const spans = joinedSpans(losses)
  return {
    areBetween(one, other) {
      const [from, to] = [Math.min(one, other), Math.max(one, other)]
      let [low, high] = [0, spans.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (spans[middle]!.toSeconds < from) low = middle + 1
        else high = middle
      }
      return low < spans.length && spans[low]!.fromSeconds <= to
    },
  }
}

export const NO_LOSSES: KnownLosses = { areBetween: () => false }

/** In rising order; those that overlap or touch are one. */
function joinedSpans(losses: readonly Loss[]): Loss[] {
  const spans: Loss[] = []
  for (const loss of losses.toSorted((a, b) => a.fromSeconds - b.fromSeconds)) {
    const last = spans.at(-1)
    if (last === undefined || loss.fromSeconds > last.toSeconds + 1) spans.push(loss)
    else if (loss.toSeconds > last.toSeconds) spans[spans.length - 1] = { ...last, toSeconds: loss.toSeconds }
  }
  return spans
}
