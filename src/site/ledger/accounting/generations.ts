import { bottomOf, type Coverage, cover, coverAll, topOf } from './coverage.ts'

/**
 * What is known of how a generation began. `started`: its first announce said `started`, so the client's counters began
 * anew. `seen`: its first announce did not say so. `unseen`: its first announce has not been settled.
 */
export type Begun = 'unseen' | 'seen' | 'started'

/** One run of a client's counters; the invariants stand in settlement.ts. */
export interface Generation {
  /** Unix seconds from which entries belong here. */
  readonly start: number
  /** The `since` it carries. One that opened unseen by Redis carries its predecessor's. */
  readonly label: number
  /** Time of its newest entry. */
  readonly last: number
  readonly begun: Begun
  /** It covers what the generation before does: its counters are known to have gone on. */
  readonly isJoined: boolean
  /** Redis' clock had been ahead when it began: `start` lies after all times of the wrong clock, and `label` is the right time. */
  readonly isAfterClockStep: boolean
  /** Its step from the generation before was dealt with. */
  readonly isClosed: boolean
  /** Bytes in its holes that were counted and are not to be credited. */
  readonly counted: number
  readonly up: Coverage
  readonly down: Coverage
  /** Where the first claim of `up` ended, the one that begins at the baseline; -1 before there is one. */
  readonly firstUp: number
  /** Claimed and not credited: a neighbour covers it too, and may be the same run. Closing decides. */
  readonly doubtedUp: Coverage
  readonly doubtedDown: Coverage
}

/** Where an entry stands among the counters' runs. */
export interface Position {
  readonly at: number
  readonly since: number
  readonly up: number
  readonly down: number
  /** Where its claims begin. */
  readonly upFrom: number
  readonly downFrom: number
  readonly isStarted: boolean
  /** Times after this lie in the future: Redis' clock was ahead. */
  readonly latest: number
}

/** How a generation was opened: the first one of a session, or see Reason. */
export type Opening = 'first' | 'reset' | 'baseline' | 'restart'

export interface Place {
  /** With the one that was opened, joined with the one before, or begins earlier now. */
  readonly generations: readonly Generation[]
  readonly index: number
  readonly opened?: Opening
}

/** Generations that a session keeps. An honest client has fewer in the time that the ledger remembers. */
export const MOST_GENERATIONS = 16

/** The generation an entry belongs to, opened when there is none. @returns undefined for an overtaken entry */
export function placeOf(generations: readonly Generation[], position: Position): Place | undefined {
  const { at, since } = position
  const index = indexAt(generations, position)
  const found = generations[index]
  if (found === undefined) return open(generations, index + 1, { start: since, label: since }, 'first')
  const isBehind = position.up < topOf(found.up)
  const opened = isBehind ? 'reset' : 'baseline'
  if (since > found.start && found.last <= since)
    return open(generations, index + 1, { start: since, label: since }, opened)
  if (since > found.start && at <= found.last) {
    if (found.last <= position.latest) return undefined
    // Redis' clock was ahead and was set back: the run begins after everything that the wrong clock stamped.
    const begin = { start: newest(generations) + 1, label: since, isAfterClockStep: true }
    return open(generations, generations.length, begin, opened)
  }
  if (index > 0 && since < found.label) return { generations: goingOnSince(generations, index, since), index }
  return at > found.last && isBehind ? missedRestart(generations, index, position) : { generations, index }
}

/**
 * An entry that carries an older baseline than the generation of its time: Redis was rolled back to before it set the newer
 * ones, and the counters went on from the generation of that baseline.
 */
function goingOnSince(generations: readonly Generation[], index: number, since: number): Generation[] {
  const joined = [...generations]
  const own = generations.findLastIndex(({ label }, at) => at < index && label === since)
  const started = generations.findLastIndex(({ begun }, at) => at <= index && begun === 'started')
  if (own < 0 || started > own) return joined
  for (let at = own; at < index; at++) {
    const [before, after] = goingOn(joined[at]!, joined[at + 1]!)
    joined[at] = before
    joined[at + 1] = after
  }
  return joined
}

/** The counters restarted, and Redis, having been rolled back, did not notice. */
function missedRestart(generations: readonly Generation[], index: number, position: Position): Place {
  const { at, since } = position
  const found = generations[index]!
  const next = generations[index + 1]
  if (next !== undefined && isEarlierIn(next, found, position))
    return { generations: generations.with(index + 1, { ...next, start: at }), index: index + 1 }
  const begin = { start: at, label: Math.max(found.label, since), begun: 'seen' as const }
  return open(generations, index + 1, begin, 'restart')
}

/** From one generation's top to the next one's bottom without a step down: the client may have gone on. */
export function isStepUp(before: Generation, { up, begun }: Generation): boolean {
  return begun !== 'started' && bottomOf(up) >= topOf(before.up)
}

/**
 * Two generations between which the counters went on, or may have: each covers what both do, and the step between them. So
 * whatever turns up after all (by an older baseline that a rollback brought back, as a dead letter that is replayed, from an
 * old file of Redis) finds its bytes covered, whichever of the two it is counted in.
 */
export function goingOn(before: Generation, after: Generation): [Generation, Generation] {
  const isStep = bottomOf(after.up) > topOf(before.up) || bottomOf(after.down) > topOf(before.down)
  const stepped = {
    ...before,
    last: Math.max(before.last, after.start),
    up: coverUpTo(before.up, bottomOf(after.up)),
    down: coverUpTo(before.down, bottomOf(after.down)),
  }
  const both = { up: coverAll(after.up, before.up), down: coverAll(after.down, before.down) }
  return [isStep ? stepped : before, { ...after, ...both, isJoined: true }]
}

function coverUpTo(coverage: Coverage, to: number): Coverage {
  const top = topOf(coverage)
  return to > top ? cover(coverage, top, to).coverage : coverage
}

/**
 * A generation may be the same run of the counters as the one before, where its first announce ran late: the counter fell
 * without `started`, and by the next claim is past where it was before. A claim that ends below the older top shows a restart.
 */
export function isSameRun(before: Generation, after: Generation): boolean {
  if (after.begun === 'started' || after.isJoined || !isBelow(before, after)) return false
  return after.firstUp < 0 || after.firstUp >= topOf(before.up)
}

/** A counter of the later generation begins below where the older one ended. */
export function isBelow(before: Generation, after: Generation): boolean {
  if (before.up.length === 0) return false
  return bottomOf(after.up) < topOf(before.up) || bottomOf(after.down) < topOf(before.down)
}

/** The last generation that had begun by then; -1 for none. */
function indexAt(generations: readonly Generation[], { at, since }: Position): number {
  const afterStep = generations.findLastIndex(
    ({ isAfterClockStep, label, start }) => isAfterClockStep && label === since && start > at,
  )
  if (afterStep >= 0) return afterStep
  let index = generations.length - 1
  while (index >= 0 && generations[index]!.start > at) index--
  // Announced in the second in which Redis set the next baseline, before it was.
  while (index > 0 && isBaselineAt(generations[index]!, at) && since < at) index--
  return index
}

function isBaselineAt({ start, label }: Generation, at: number): boolean {
  return start === at && label === at
}

/** A later entry showed the restart that Redis missed; this one tells that it was earlier. */
function isEarlierIn(next: Generation, found: Generation, { up, down }: Position): boolean {
  return next.label === found.label && up <= bottomOf(next.up) && down <= bottomOf(next.down)
}

function newest(generations: readonly Generation[]): number {
  return generations.reduce((latest, { start, last }) => Math.max(latest, start, last), 0)
}

function open(
  generations: readonly Generation[],
  index: number,
  begin: Pick<Generation, 'start' | 'label'> & Partial<Generation>,
  opened: Opening,
): Place {
  const generation: Generation = {
    last: -1,
    begun: 'unseen',
    isJoined: false,
    isAfterClockStep: false,
    isClosed: false,
    counted: 0,
    up: [],
    down: [],
    firstUp: -1,
    doubtedUp: [],
    doubtedDown: [],
    ...begin,
  }
  return { generations: generations.toSpliced(index, 0, generation), index, opened }
}
