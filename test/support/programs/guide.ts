/**
 * A fenced block of a guide whose examples are run: `sh` and `js` run to their end, those with `server` behind it go on
 * running, `sh setup` is what the test does in its own way, and `text` is what the block before it printed.
 */
export interface Block {
  readonly kind: string
  readonly code: string
}

export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, kind, code]) => ({
    kind: kind!,
    code: code!,
  }))
}

/** What is different each time stands as `…` in the guide. */
export function matching(expected: string): RegExp {
  const pieces = expected.split('…').map((piece) => piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${pieces.join('\\S+')}$`)
}

/** The names that the `sh setup` blocks set. */
export function settingsOf(blocks: readonly Block[]): string[] {
  const setup = blocks.filter(({ kind }) => kind === 'sh setup').map(({ code }) => code)
  return [...setup.join('').matchAll(/^export (\w+)=/gm)].map(([, name]) => name!)
}
