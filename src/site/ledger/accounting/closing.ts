import { isPossibleDelta } from '../../../contract/possibleDelta.ts'
import { bottomOf, bytesIn, type Coverage, holesIn, subtract, topOf, withoutHoles } from './coverage.ts'
import { type Generation, goingOn, isStepUp } from './generations.ts'
import type { KnownLosses } from './knownLosses.ts'
import { neighboursOf, type Session } from './settlement.ts'

/** Something is left for closeSession to do. */
export function isOpen({ generations, time }: Session): boolean {
  return time.length > 2 || generations.some((each, index) => isUnfinished(each, index))
}

function isUnfinished(generation: Generation, index: number): boolean {
  const { isClosed, counted, up, down, doubtedUp, doubtedDown } = generation
  if (index > 0 && !isClosed) return true
  if (doubtedUp.length + doubtedDown.length > 0) return true
  return (up.length > 2 || down.length > 2) && counted !== countedIn(generation)
}

export interface ClosingRules {
  /** Credit what is found; else it is only counted, once, and can still be settled. */
  readonly recover: boolean
  /** Closed generations that ended before this (Unix seconds) are forgotten. */
  readonly forgetBefore: number
  readonly losses: KnownLosses
  /** A client that was silent for longer had expired in Redis: what it moved meanwhile is not recovered. */
  readonly expirySeconds: number
}

/** Bytes that were moved between two entries of a session, and whose own entries are lost. */
export interface RecoveredSpan {
  readonly up: number
  readonly down: number
  /** Times of the two entries, Unix seconds; `from` <= `to`. */
  readonly from: number
  readonly to: number
}

const NOTHING: RecoveredSpan = { up: 0, down: 0, from: 0, to: 0 }

export interface Closed {
  readonly session: Session
  /** In the order of the generations; each moved something. */
  readonly recovered: readonly RecoveredSpan[]
}

/**
 * Closes a session's books when nothing older than its newest entry can come any more: what lies in the holes and steps
 * was moved and its entries are lost, where the ledger knows of a loss in that time. Without a known loss nothing is
 * credited: a client can make a step by itself. Each generation is one span afterwards.
 */
export function closeSession(session: Session, rules: ClosingRules): Closed {
  const { generations, spans } = decideDoubts(session.generations)
  const recovered = [...spans]
  for (const [index, generation] of generations.entries()) {
    const before = generations[index - 1]
    const isBlind = (each: Generation) => each.start <= session.blind // entries without totals show in no coverage
    const counted = countedIn(generation)
    if (!isBlind(generation) && (rules.recover || generation.counted !== counted))
      recovered.push(holesOf(generations, index, rules))
    if (before !== undefined && !isBlind(before)) recovered.push(stepOf(generations, index, rules))
    if (rules.recover) {
      const isGoingOn = before !== undefined && !generation.isClosed && isStepUp(before, generation)
      const [stepped, went] = isGoingOn ? goingOn(before, generation) : [before, generation]
      if (stepped !== undefined) generations[index - 1] = whole(stepped)
      generations[index] = whole(went)
    } else generations[index] = { ...generation, isClosed: true, counted }
  }
  const kept = generations.slice(firstKept(generations, rules.forgetBefore))
  const forgotten = kept.length < generations.length ? kept[0]!.start : session.forgotten
  return {
    session: { ...session, generations: kept, time: withoutHoles(session.time), forgotten },
    recovered: recovered.filter(({ up, down }) => up > 0 || down > 0),
  }
}

const countedIn = ({ up, down }: Generation) => holesIn(up) + holesIn(down)

/** Credits what was claimed beside a neighbour that turned out to be another run, or that credited it no more than this one. */
function decideDoubts(given: readonly Generation[]) {
  const generations = given.map((each) =>
    each.begun === 'unseen' ? { ...each, begun: 'seen' as const } : each,
  )
  const spans: RecoveredSpan[] = []
  for (const [index, { start, last, doubtedUp, doubtedDown }] of generations.entries()) {
    if (doubtedUp.length + doubtedDown.length === 0) continue
    const neighbours = neighboursOf(generations, index)
    const up = bytesIn(neighbours.up.reduce(subtract, doubtedUp))
    const down = bytesIn(neighbours.down.reduce(subtract, doubtedDown))
    spans.push({ up, down, from: start, to: Math.max(start, last) })
    generations[index] = { ...generations[index]!, doubtedUp: [], doubtedDown: [] }
  }
  return { generations, spans }
}

/** What lies in a generation's holes and in no other that may be the same run of the counters. */
function holesOf(generations: readonly Generation[], index: number, { losses }: ClosingRules): RecoveredSpan {
  const { start, last, up, down } = generations[index]!
  if (up.length <= 2 && down.length <= 2) return NOTHING
  if (!losses.areBetween(start, last)) return NOTHING
  const beside = chainAround(generations, index)
  const bytesOf = (counter: 'up' | 'down') => {
    const coverage = generations[index]![counter]
    return freeBytes([bottomOf(coverage), topOf(coverage)], [generations[index]!, ...beside], counter)
  }
  return possibleSpan(bytesOf('up'), bytesOf('down'), start, last)
}

/** What was moved between two generations where Redis lost its baseline and the same client went on. */
function stepOf(
  generations: readonly Generation[],
  index: number,
  { losses, expirySeconds }: ClosingRules,
): RecoveredSpan {
  const [before, generation] = [generations[index - 1]!, generations[index]!]
  if (generation.isClosed || !isStepUp(before, generation)) return NOTHING
  if (generation.start - before.last > expirySeconds) return NOTHING
  if (!losses.areBetween(before.last, generation.start)) return NOTHING
  const beside = chainAround(generations, index)
  const bytesOf = (counter: 'up' | 'down') => {
    const [from, to] = [topOf(before[counter]), bottomOf(generation[counter])]
    return from < to ? freeBytes([from, to], beside, counter) : 0
  }
  return possibleSpan(bytesOf('up'), bytesOf('down'), before.last, generation.start)
}

function freeBytes(span: Coverage, beside: readonly Generation[], counter: 'up' | 'down'): number {
  return bytesIn(beside.reduce((rest, each) => subtract(rest, each[counter]), span))
}

/** The other generations between two times that the client `started`: their order may be another than the clock says. */
function chainAround(generations: readonly Generation[], index: number): Generation[] {
  const isStart = ({ begun }: Generation) => begun === 'started'
  let first = index
  while (first > 0 && !isStart(generations[first]!)) first--
  const next = generations.findIndex((each, at) => at > index && isStart(each))
  const chain = generations.slice(first, next < 0 ? undefined : next)
  return chain.filter((each) => each !== generations[index])
}

/** A counter that rose by more than a client can have moved in the time recovers nothing. */
function possibleSpan(up: number, down: number, one: number, other: number): RecoveredSpan {
  const [from, to] = [Math.min(one, other), Math.max(one, other)]
  const possible = (bytes: number) => (isPossibleDelta(bytes, to - from) ? bytes : 0)
  return { up: possible(up), down: possible(down), from, to }
}

function whole(generation: Generation): Generation {
  const { up, down } = generation
  return {
    ...generation,
    isClosed: true,
    counted: 0,
    up: withoutHoles(up),
    down: withoutHoles(down),
    doubtedUp: [],
    doubtedDown: [],
  }
}

/** A generation ends where the next begins; the last one never does. */
function firstKept(generations: readonly Generation[], forgetBefore: number): number {
  const last = Math.max(0, generations.length - 1)
  let first = 0
  while (first < last && generations[first + 1]!.start < forgetBefore) first++
  return first
}
