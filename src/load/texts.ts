const MOST_TEXTS = 50
const LONGEST_TEXT = 120
const EVERYTHING_ELSE = 'everything else'

/** How often each text was seen. What a tracker says ends up on a terminal, so it is made harmless first. */
export interface TextCounts {
  add(text: string): void
  /** The most frequent first. */
  counts(): Record<string, number>
}

/** @param passkeys a tracker may repeat one that it refuses: then it is masked */
export function createTextCounts(passkeys: ReadonlySet<string>): TextCounts {
  const countOf = new Map<string, number>()
  return {
    add(text) {
      const shown = makeHarmless(text, passkeys)
      const counted = countOf.has(shown) || countOf.size < MOST_TEXTS ? shown : EVERYTHING_ELSE
      countOf.set(counted, (countOf.get(counted) ?? 0) + 1)
    },
    counts: () => Object.fromEntries([...countOf].sort(([, a], [, b]) => b - a)),
  }
}

function makeHarmless(text: string, passkeys: ReadonlySet<string>): string {
  return text
    .replace(/[A-Za-z0-9_-]+/g, (word) => (passkeys.has(word) ? '***' : word))
    .replace(/\p{C}/gu, '?')
    .slice(0, LONGEST_TEXT)
}
