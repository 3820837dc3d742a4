import type { Coverage } from './coverage.ts'
import type { Generation } from './generations.ts'
import type { Session } from './settlement.ts'

/**
 * A session as text, in the column `covered`:
 * `[last, blind, forgotten, [time spans], [start, label, last, isClosed, counted, [up spans], [down spans]], …]`, and `[]` for none.
 */
export function writeSession({ last, blind, forgotten, time, generations }: Session): string {
  const head = `${last},${blind},${forgotten},[${spans(time)}]`
  let text = head
  for (const { start, label, last, isClosed, counted, up, down } of generations)
    text += `,[${start},${label},${last},${isClosed ? 1 : 0},${counted},[${spans(up)}],[${spans(down)}]]`
  return `[${text}]`
}

/** Nearly always one. */
function spans(coverage: Coverage): string {
  return coverage.length === 2 ? `${coverage[0]},${coverage[1]}` : coverage.join()
}

type StoredGeneration = readonly [number, number, number, 0 | 1, number, readonly number[], readonly number[]]
type StoredSession = readonly [number, number, number, readonly number[], ...StoredGeneration[]]

/** Throws SyntaxError for text that writeSession did not write. */
export function readSession(text: string): Session {
  const [last = 0, blind = 0, forgotten = 0, time = [], ...generations] = JSON.parse(
    text,
  ) as Partial<StoredSession>
  return {
    last,
    blind,
    forgotten,
    time,
    generations: (generations as StoredGeneration[]).map(readGeneration),
  }
}

function readGeneration([start, label, last, isClosed, counted, up, down]: StoredGeneration): Generation {
  return { start, label, last, isClosed: isClosed === 1, counted, up, down }
}
