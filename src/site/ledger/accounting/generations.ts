import { bottomOf, type Coverage, cover, topOf } from './coverage.ts'

/** One run of a client's counters; the invariants stand in settlement.ts. */
export interface Generation {
  /** Unix seconds from which entries belong here. */
  readonly start: number
  /** The `since` it carries. One that opened unseen by Redis carries its predecessor's. */
  readonly label: number
  /** Time of its newest entry. */
  readonly last: number
  /** Its step from the generation before was dealt with. */
  readonly isClosed: boolean
  /** Bytes in its holes that were counted and are not to be credited. */
  readonly counted: number
  readonly up: Coverage
  readonly down: Coverage
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
}

/** How a generation was opened: the first one of a session, or see Reason. */
export type Opening = 'first' | 'reset' | 'baseline' | 'restart'

export interface Place {
  /** With the one that was opened, or begins earlier now. */
  readonly generations: readonly Generation[]
  readonly index: number
  readonly opened?: Opening
}

/** The generation an entry belongs to, opened when there is none. @returns undefined for an overtaken entry */
export function placeOf(generations: readonly Generation[], position: Position): Place | undefined {
  const { at, since, up, down } = position
  const index = indexAt(generations, position)
  const found = generations[index]
  if (found === undefined) return open(generations, index + 1, { start: since, label: since }, 'first')

  const isBehind = up < topOf(found.up) || down < topOf(found.down)
  if (since > found.start) {
    if (found.last <= since) {
      const opened = isBehind ? 'reset' : 'baseline'
      return open(generations, index + 1, { start: since, label: since }, opened)
    }
    if (at <= found.last) return undefined
  }
  const before = generations[index - 1]
  if (before !== undefined && isGoingOn(before, found, position)) {
    return { generations: generations.toSpliced(index - 1, 2, ...goingOn(before, found)), index }
  }
  if (at <= found.last || !isBehind) return { generations, index }
  const next = generations[index + 1]
  if (next !== undefined && isEarlierIn(next, found, position)) {
    return { generations: generations.with(index + 1, { ...next, start: at }), index: index + 1 }
  }
  return open(generations, index + 1, { start: at, label: Math.max(found.label, since) }, 'restart')
}

/** From one generation's top to the next one's bottom in both counters: the client may have gone on. */
export function isStepUp(before: Generation, { up, down }: Generation): boolean {
  return bottomOf(up) >= topOf(before.up) && bottomOf(down) >= topOf(before.down)
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
    up: cover(before.up, topOf(before.up), bottomOf(after.up)).coverage,
    down: cover(before.down, topOf(before.down), bottomOf(after.down)).coverage,
  }
  const up = coverAll(after.up, before.up)
  const down = coverAll(after.down, before.down)
  return [isStep ? stepped : before, { ...after, up, down }]
}

function coverAll(coverage: Coverage, other: Coverage): Coverage {
  let all = coverage
  for (let at = 0; at < other.length; at += 2) all = cover(all, other[at]!, other[at + 1]!).coverage
  return all
}

/** The last generation that had begun by then; -1 for none. */
function indexAt(generations: readonly Generation[], { at, since }: Position): number {
  let index = generations.length - 1
  while (index >= 0 && generations[index]!.start > at) index--
  // Announced in the second in which Redis set the next baseline, before it was.
  while (index > 0 && isBaselineAt(generations[index]!, at) && since < at) index--
  return index
}

function isBaselineAt({ start, label }: Generation, at: number): boolean {
  return start === at && label === at
}

/**
 * A claim that reaches from a newer generation down into an older one, by an entry that carries an older baseline: Redis
 * was rolled back to before it set the newer one, and the counters went on.
 */
function isGoingOn(before: Generation, found: Generation, { since, upFrom, downFrom }: Position): boolean {
  const isBelow = upFrom < bottomOf(found.up) || downFrom < bottomOf(found.down)
  return isBelow && since < found.label && isStepUp(before, found)
}

/** A later entry showed the restart that Redis missed; this one tells that it was earlier. */
function isEarlierIn(next: Generation, found: Generation, { up, down }: Position): boolean {
  return next.label === found.label && up <= bottomOf(next.up) && down <= bottomOf(next.down)
}

function open(
  generations: readonly Generation[],
  index: number,
  begin: Pick<Generation, 'start' | 'label'>,
  opened: Opening,
): Place {
  const generation = { ...begin, last: -1, isClosed: false, counted: 0, up: [], down: [] }
  return { generations: generations.toSpliced(index, 0, generation), index, opened }
}
