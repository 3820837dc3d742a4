import { isPossibleDelta } from '../../../contract/possibleDelta.ts'
import { topOf } from './coverage.ts'
import { type Generation, runsOf, topUpOf } from './generations.ts'

/** What an entry says of where it belongs. */
export interface Position {
  readonly atSeconds: number
  /** Not before `since`. */
  readonly at: number
  readonly since: number
  readonly up: number
  /** Where its claim begins. */
  readonly upFrom: number
  readonly isStarted: boolean
  /** Its ID is above those of all entries of the session so far: none was written after it. */
  readonly isNewest: boolean
  /** It claims more than is possible. */
  readonly isImpossible: boolean
}

/** How a generation was opened: the first one of a session, or see Reason. */
export type Opening = 'first' | 'reset' | 'baseline' | 'late' | 'restart' | 'impossible'

export interface Place {
  /** With the one that was opened. */
  readonly generations: readonly Generation[]
  readonly index: number
  readonly opened?: Opening
  /** Of a baseline that was undone, in a time that another one went through. */
  readonly isOvertaken: boolean
  /** Nothing is credited: it claims more than is possible. */
  readonly isRefused: boolean
}

/** The generation an entry belongs to, opened when there is none. */
export function placeOf(given: readonly Generation[], position: Position): Place {
  const { at, since } = position
  const timed = lastBegunBy(given, position.atSeconds, since)
  const generations = timed.isTwin ? withTwin(given, timed.index + 1) : given
  const labelled = lastLabelled(generations, since, at)
  if (labelled >= 0) return within(generations, Math.max(labelled, timed.index), position, false)
  if (position.isNewest && generations.some(({ last }) => position.atSeconds < last)) {
    return openLabelled(generations, position, generations.length) // the clock has stepped back
  }
  const around = lastAround(generations, since)
  if (around >= 0)
    return within(generations, Math.max(around, timed.index), position, since > generations[around]!.start)
  const isOlder = timed.index >= 0 && generations[timed.index]!.start > since
  if (isOlder) return within(generations, timed.index, position, false)
  const before = generations.findLastIndex(({ start }) => start <= since)
  return openLabelled(generations, position, before < 0 ? indexBehind(generations, since) : before + 1)
}

/** Where a generation belongs that is older than all: behind those whose clock was ahead, in order with the others. */
function indexBehind(generations: readonly Generation[], since: number): number {
  let index = generations.length
  while (index > 1 && generations[index - 1]!.start > since && !generations[index - 1]!.isClosed) index--
  return index
}

/** In the generation at `index`, or in one of its own when the counter fell there and Redis did not notice. */
function within(
  generations: readonly Generation[],
  index: number,
  position: Position,
  isOvertaken: boolean,
): Place {
  const { at, since, upFrom, up, isStarted, isImpossible } = position
  const found = generations[index]!
  const hasFallen = up < topOf(found.up) || (isStarted && upFrom < topOf(found.up))
  const jump = found.isImpossible ? 0 : upFrom - topOf(found.up)
  const isRefused = isImpossible || !isPossibleDelta(jump, Math.abs(at - found.last))
  const isNewer = at > found.last && !found.isImpossible
  if (isNewer && (hasFallen || isRefused)) {
    const opened = isRefused ? 'impossible' : isStarted ? 'restart' : 'late'
    return open(generations, index + 1, { start: at, label: Math.max(since, found.label), opened })
  }
  return { generations, index, isOvertaken, isRefused }
}

function openLabelled(generations: readonly Generation[], position: Position, index: number): Place {
  const { since } = position
  const opened = openingOf(generations.slice(0, index), position)
  return open(generations, index, { start: since, label: since, opened })
}

function openingOf(before: readonly Generation[], position: Position): Opening {
  const { since, upFrom, isStarted, isImpossible } = position
  const run = runsOf(before).at(-1)
  if (isImpossible) return 'impossible'
  if (run === undefined) return 'first'
  const topUp = topUpOf(run.members)
  if (upFrom < topUp) return isStarted ? 'reset' : 'late'
  const elapsed = Math.max(...run.members.map(({ last }) => Math.abs(since - last)))
  return topUp >= 0 && !isPossibleDelta(upFrom - topUp, elapsed) ? 'impossible' : 'baseline'
}

interface Opened {
  readonly start: number
  readonly label: number
  readonly opened: Opening
}

function open(generations: readonly Generation[], index: number, { start, label, opened }: Opened): Place {
  const generation: Generation = {
    start,
    label,
    last: -1,
    isClosed: false,
    isProven: false,
    isStarted: false,
    isImpossible: opened === 'impossible',
    isTwin: false,
    leastUp: Number.POSITIVE_INFINITY,
    decidedUp: -1,
    decidedDown: -1,
    gapFrom: 0,
    gapTo: 0,
    up: [],
    down: [],
  }
  return {
    generations: generations.toSpliced(index, 0, generation),
    index,
    opened,
    isOvertaken: false,
    isRefused: false,
  }
}

/**
 * The last generation that had begun by then; -1 for none. An entry of an older baseline that was made in the second in which
 * the next one was set came before it.
 */
function lastBegunBy(generations: readonly Generation[], at: number, since: number) {
  let index = generations.length - 1
  while (index >= 0 && (generations[index]!.start > at || generations[index]!.isImpossible)) index--
  const isTwin =
    index > 0 && since < at && generations[index]!.start === at && generations[index]!.label === at
  return { index: isTwin ? index - 1 : index, isTwin }
}

function withTwin(generations: readonly Generation[], index: number): readonly Generation[] {
  const generation = generations[index]!
  return generation.isTwin ? generations : generations.with(index, { ...generation, isTwin: true })
}

function lastLabelled(generations: readonly Generation[], since: number, at: number): number {
  return generations.findLastIndex(({ label, start }) => label === since && start <= at)
}

/** The last generation that goes through this second. */
function lastAround(generations: readonly Generation[], seconds: number): number {
  return generations.findLastIndex(
    ({ start, last, isImpossible }) => !isImpossible && start <= seconds && seconds < last,
  )
}
