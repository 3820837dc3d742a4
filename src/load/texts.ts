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
  const seen = new Map<string, number>()
  return {
    add(text) {
      const known = harmless(text, passkeys)
      const counted = seen.has(known) || seen.size < MOST_TEXTS ? known : EVERYTHING_ELSE
      seen.set(counted, (seen.get(counted) ?? 0) + 1)
    },
    counts: () => Object.fromEntries([...seen].sort(([, a], [, b]) => b - a)),
  }
}

function harmless(text: string, passkeys: ReadonlySet<string>): string {
  return text
    .replace(/[A-Za-z0-9_-]+/g, (word) => (passkeys.has(word) ? '***' : word))
    .replace(/\p{C}/gu, '?')
    .slice(0, LONGEST_TEXT)
}
