import type { Generation } from './generations.ts'
import type { Session } from './settlement.ts'

/**
 * A session's books as text, in the column `covered`:
 * `[last, blind, forgotten, [time spans], [start, label, last, isClosed, counted, [up spans], [down spans]], …]`, and `[]` for none.
 */
export function writeSession({ last, blind, forgotten, time, generations }: Session): string {
  const head = `${last},${blind},${forgotten},[${time.join()}]`
  let text = head
  for (const { start, label, last, isClosed, counted, up, down } of generations)
    text += `,[${start},${label},${last},${isClosed ? 1 : 0},${counted},[${up.join()}],[${down.join()}]]`
  return `[${text}]`
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
