import { type Coverage, holesIn, topOf } from './coverage.ts'
import type { Generation } from './generations.ts'
import type { Session } from './settlement.ts'

/**
 * A session as text, in the column `covered`:
 * `[last, blind, forgotten, [time spans], generation, …]`, and `[]` for none. Then follow
 * `isCrowded, owedUp, owedDown`, unless all are 0.
 *
 * A generation is `[start, label, last, flags, leastUp, [up spans], [down spans], decidedUp, decidedDown, gapFrom, gapTo]`, where the
 * last four are left out while they are what a new generation has, and a `leastUp` of -1 is none. Release 0.1.0 wrote
 * `[start, label, last, isClosed, counted, [up spans], [down spans]]`; FLAG_RUNS tells the two apart.
 */
export function writeSession(session: Session): string {
  const { last, blind, forgotten, time, generations, isCrowded, owedUp, owedDown } = session
  let text = `${last},${blind},${forgotten},[${spans(time)}]`
  for (const each of generations) {
    const { decidedUp, decidedDown, gapFrom, gapTo } = each
    const leastUp = each.leastUp === Number.POSITIVE_INFINITY ? -1 : each.leastUp
    const begin = `${each.start},${each.label},${each.last},${flagsOf(each)},${leastUp}`
    const isPlain = decidedUp === -1 && decidedDown === -1 && gapFrom === 0 && gapTo === 0
    const end = isPlain ? '' : `,${decidedUp},${decidedDown},${gapFrom},${gapTo}`
    text += `,[${begin},[${spans(each.up)}],[${spans(each.down)}]${end}]`
  }
  const isPlain = !isCrowded && owedUp === 0 && owedDown === 0
  return isPlain ? `[${text}]` : `[${text},${isCrowded ? 1 : 0},${owedUp},${owedDown}]`
}

const FLAG_CLOSED = 1
const FLAG_RUNS = 2
const FLAG_STARTED = 4
const FLAG_IMPOSSIBLE = 8
const FLAG_TWIN = 16
const FLAG_PROVEN = 32

function flagsOf({ isClosed, isStarted, isImpossible, isTwin, isProven }: Generation): number {
  return (
    FLAG_RUNS +
    (isClosed ? FLAG_CLOSED : 0) +
    (isStarted ? FLAG_STARTED : 0) +
    (isImpossible ? FLAG_IMPOSSIBLE : 0) +
    (isTwin ? FLAG_TWIN : 0) +
    (isProven ? FLAG_PROVEN : 0)
  )
}

/** Nearly always one. */
function spans(coverage: Coverage): string {
  return coverage.length === 2 ? `${coverage[0]},${coverage[1]}` : coverage.join()
}

type StoredGeneration = readonly [
  start: number,
  label: number,
  last: number,
  flags: number,
  leastUp: number,
  up: readonly number[],
  down: readonly number[],
  decidedUp?: number,
  decidedDown?: number,
  gapFrom?: number,
  gapTo?: number,
]
type Stored = readonly [number, number, number, readonly number[], ...(StoredGeneration | number)[]]

/** Throws SyntaxError for text that writeSession did not write. */
export function readSession(text: string): Session {
  const [last = 0, blind = 0, forgotten = 0, time = [], ...rest] = JSON.parse(text) as Partial<Stored>
  const [isCrowded = 0, owedUp = 0, owedDown = 0] = rest.filter((each) => typeof each === 'number')
  const generations = rest.filter((each) => typeof each === 'object').map(readGeneration)
  return { last, blind, forgotten, time, generations, isCrowded: isCrowded === 1, owedUp, owedDown }
}

function readGeneration(stored: StoredGeneration): Generation {
  const [start, label, last, flags, leastUp, up, down] = stored
  if ((flags & FLAG_RUNS) === 0) return readOldGeneration(stored)
  const [decidedUp = -1, decidedDown = -1, gapFrom = 0, gapTo = 0] = stored.slice(7) as number[]
  return {
    start,
    label,
    last,
    isClosed: (flags & FLAG_CLOSED) > 0,
    isStarted: (flags & FLAG_STARTED) > 0,
    isImpossible: (flags & FLAG_IMPOSSIBLE) > 0,
    isTwin: (flags & FLAG_TWIN) > 0,
    isProven: (flags & FLAG_PROVEN) > 0,
    leastUp: leastUp === -1 ? Number.POSITIVE_INFINITY : leastUp,
    decidedUp,
    decidedDown,
    gapFrom,
    gapTo,
    up,
    down,
  }
}

/**
 * Release 0.1.0 credited each generation by itself. So each that is lower than the one before begins a run, and no credit is
 * withheld of it.
 */
function readOldGeneration([start, label, last, isClosed, counted, up, down]: StoredGeneration): Generation {
  const isDecided = counted === holesIn(up) + holesIn(down)
  return {
    start,
    label,
    last,
    isClosed: isClosed === 1,
    isStarted: true,
    isImpossible: false,
    isTwin: false,
    isProven: false,
    leastUp: Number.POSITIVE_INFINITY,
    decidedUp: isDecided ? topOf(up) : -1,
    decidedDown: isDecided ? topOf(down) : -1,
    gapFrom: up.length > 2 || down.length > 2 ? start : 0,
    gapTo: up.length > 2 || down.length > 2 ? last : 0,
    up,
    down,
  }
}
