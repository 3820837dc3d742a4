import type { Coverage } from './coverage.ts'
import type { Begun, Generation } from './generations.ts'
import type { Session } from './settlement.ts'

/**
 * A session's books as text, in the column `covered`:
 * `[last, blind, forgotten, [time spans], [start, label, last, isClosed, counted, [up spans], [down spans], …rare], …, isLeeching, dropped]`,
 * and `[]` for none. `rare` is `begun, firstUp, marks, [doubted up], [doubted down]` and is left out where it says nothing; so are
 * the last two. Release 0.1.0 wrote neither.
 */
export function writeSession(session: Session): string {
  const { last, blind, forgotten, isLeeching, dropped, time, generations } = session
  let text = `${last},${blind},${forgotten},[${spans(time)}]`
  for (const generation of generations) {
    const { start, label, last, isClosed, counted, up, down } = generation
    text += `,[${start},${label},${last},${isClosed ? 1 : 0},${counted},[${spans(up)}],[${spans(down)}]${rareOf(generation)}]`
  }
  return isLeeching || dropped > 0 ? `[${text},${isLeeching ? 1 : 0},${dropped}]` : `[${text}]`
}

/** Nearly always one. */
function spans(coverage: Coverage): string {
  return coverage.length === 2 ? `${coverage[0]},${coverage[1]}` : coverage.join()
}

const BEGUN: readonly Begun[] = ['unseen', 'seen', 'started']

const AFTER_CLOCK_STEP = 1
const JOINED = 2

function rareOf({ begun, firstUp, isAfterClockStep, isJoined, doubtedUp, doubtedDown }: Generation): string {
  const flags = (isAfterClockStep ? AFTER_CLOCK_STEP : 0) + (isJoined ? JOINED : 0)
  const marks = `${BEGUN.indexOf(begun)},${firstUp},${flags}`
  if (doubtedUp.length + doubtedDown.length > 0)
    return `,${marks},[${spans(doubtedUp)}],[${spans(doubtedDown)}]`
  return marks === '0,-1,0' ? '' : `,${marks}`
}

type StoredGeneration = readonly [
  start: number,
  label: number,
  last: number,
  isClosed: 0 | 1,
  counted: number,
  up: readonly number[],
  down: readonly number[],
  begun?: number,
  firstUp?: number,
  marks?: number,
  doubtedUp?: readonly number[],
  doubtedDown?: readonly number[],
]
type StoredSession = readonly [number, number, number, readonly number[], ...(StoredGeneration | number)[]]

/** Throws SyntaxError for text that writeSession did not write. */
export function readSession(text: string): Session {
  const [last = 0, blind = 0, forgotten = 0, time = [], ...rest] = JSON.parse(text) as Partial<StoredSession>
  const generations = rest.filter((each) => typeof each === 'object').map(readGeneration)
  const [isLeeching = 0, dropped = 0] = rest.filter((each) => typeof each === 'number')
  return { last, blind, forgotten, isLeeching: isLeeching === 1, dropped, time, generations }
}

function readGeneration(stored: StoredGeneration): Generation {
  const [start, label, last, isClosed, counted, up, down, begun = 0, firstUp = -1, marks = 0] = stored
  const [doubtedUp = [], doubtedDown = []] = [stored[10], stored[11]]
  return {
    start,
    label,
    last,
    isJoined: (marks & JOINED) !== 0,
    isAfterClockStep: (marks & AFTER_CLOCK_STEP) !== 0,
    isClosed: isClosed === 1,
    counted,
    begun: BEGUN[begun]!,
    up,
    down,
    firstUp,
    doubtedUp,
    doubtedDown,
  }
}
