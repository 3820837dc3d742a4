import { bottomOf, holesIn, topOf, withoutHoles } from './coverage.ts'
import { type Generation, goingOn, isStepUp } from './generations.ts'
import type { Session } from './settlement.ts'

/** Something is left for closeSession to do. */
export function isOpen({ generations, time }: Session): boolean {
  return time.length > 2 || generations.some((each, index) => isUnfinished(each, index))
}

function isUnfinished({ isClosed, counted, up, down }: Generation, index: number): boolean {
  if (index > 0 && !isClosed) return true
  return (up.length > 2 || down.length > 2) && counted !== holesIn(up) + holesIn(down)
}

export interface ClosingRules {
  /** Credit what is found; else it is only counted, once, and can still be settled. */
  readonly recover: boolean
  /** Closed generations that ended before this (Unix seconds) are forgotten. */
  readonly forgetBefore: number
}

export interface Closed {
  readonly session: Session
  /** Moved by the client and lost by Redis. */
  readonly up: number
  readonly down: number
}

/**
 * Closes a session when nothing older than its newest entry can come any more: what lies in the holes and steps was moved
 * and its entries are lost. Each generation is one span afterwards.
 */
export function closeSession(session: Session, { recover, forgetBefore }: ClosingRules): Closed {
  let up = 0
  let down = 0
  const closed: Generation[] = []
  for (const generation of session.generations) {
    const before = closed.at(-1)
    const lost = lostIn(generation, before, session.blind)
    if (recover) {
      up += lost.holesUp + lost.stepUp
      down += lost.holesDown + lost.stepDown
      const [stepped, went] = lost.isStep ? goingOn(before!, generation) : [before, generation]
      if (stepped !== undefined) closed[closed.length - 1] = whole(stepped)
      closed.push(whole(went))
    } else {
      const isCounted = generation.counted === lost.holesUp + lost.holesDown
      up += lost.stepUp + (isCounted ? 0 : lost.holesUp)
      down += lost.stepDown + (isCounted ? 0 : lost.holesDown)
      const counted = holesIn(generation.up) + holesIn(generation.down)
      closed.push({ ...generation, isClosed: true, counted })
    }
  }
  const kept = closed.slice(firstKept(closed, forgetBefore))
  const forgotten = kept.length < closed.length ? kept[0]!.start : session.forgotten
  return {
    session: { ...session, generations: kept, time: withoutHoles(session.time), forgotten },
    up,
    down,
  }
}

/** Bytes in a generation's holes, and in the step up to it from the one before. Blind producers hide both. */
function lostIn(generation: Generation, before: Generation | undefined, blind: number) {
  const hasHoles = generation.start > blind
  const isStep =
    before !== undefined && !generation.isClosed && before.start > blind && isStepUp(before, generation)
  return {
    isStep,
    holesUp: hasHoles ? holesIn(generation.up) : 0,
    holesDown: hasHoles ? holesIn(generation.down) : 0,
    stepUp: isStep ? bottomOf(generation.up) - topOf(before.up) : 0,
    stepDown: isStep ? bottomOf(generation.down) - topOf(before.down) : 0,
  }
}

function whole(generation: Generation): Generation {
  const { up, down } = generation
  return { ...generation, isClosed: true, counted: 0, up: withoutHoles(up), down: withoutHoles(down) }
}

/** A generation ends where the next begins; the last one never does. */
function firstKept(generations: readonly Generation[], forgetBefore: number): number {
  const last = Math.max(0, generations.length - 1)
  let first = 0
  while (first < last && generations[first + 1]!.start < forgetBefore) first++
  return first
}
