import { isPossibleDelta } from '../../../contract/possibleDelta.ts'
import { bottomOf, type Coverage, cover, coverAll, topOf, withoutHoles, withSpans } from './coverage.ts'
import { type Generation, isInTime, type Run, runsOf, topUpOf } from './generations.ts'
import type { KnownLosses } from './knownLosses.ts'
import { mergeMembers, type Session } from './settlement.ts'

/** Something is left for closeSession to do. */
export function isOpen({ generations, time }: Session): boolean {
  return time.length > 2 || generations.some((each, index) => isUnfinished(each, index))
}

function isUnfinished({ isClosed, decidedUp, decidedDown, up, down }: Generation, index: number): boolean {
  return (index > 0 && !isClosed) || hasHoleAbove(up, decidedUp) || hasHoleAbove(down, decidedDown)
}

function hasHoleAbove(coverage: Coverage, decided: number): boolean {
  return coverage.length > 2 && coverage.at(-2)! > decided
}

export interface ClosingRules {
  /** Credit what is found; else it is only counted, once, and can still be settled. */
  readonly recover: boolean
  /** Generations that ended before this (Unix seconds) are forgotten. */
  readonly forgetBefore: number
  /** Only what lies on both sides of a known loss is recovered. */
  readonly losses: KnownLosses
  /** A session that was silent for longer had expired: what it moved meanwhile is not recovered. No limit if absent. */
  readonly expirySeconds?: number
}

/** Bytes that the client moved and whose entries are lost, between two entries of a session. */
export interface RecoveredSpan {
  readonly up: number
  readonly down: number
  /** When: (from, to]. They are equal where the clock shows no time between the two entries. */
  readonly fromSeconds: number
  readonly toSeconds: number
}

export interface Closed {
  readonly session: Session
  /** Sums of `recovered`. */
  readonly up: number
  readonly down: number
  readonly recovered: readonly RecoveredSpan[]
}

/**
 * Closes a session when nothing older than its newest entry can come any more. A hole in a run was moved by the client. It
 * is recovered if a known loss lies between the two entries around it, if it is possible in that time, and if no entry
 * without totals may have credited it; else it stays open, for a dead letter that is replayed, and is never recovered
 * later. Each run is one generation afterwards. Only the newest, of which it is not known yet whether they began a run,
 * stay apart.
 */
export function closeSession(session: Session, rules: ClosingRules): Closed {
  const spans = new Map<string, RecoveredSpan>()
  const runs = runsOf(session.generations)
  // Restarts while the clock steps back: which bytes belong to which run cannot be told.
  const isClear = runs.length === 1 || isInTime(session.generations)
  const newest = runs.length - 1
  const closed = runs.flatMap((run, index) => {
    // What comes to light of a run that had been closed, when another had begun, may be the other's.
    const isOver = index < newest && run.members.every(({ isClosed }) => isClosed)
    const permitted = { ...rules, recoversHoles: isClear && !isOver }
    const up = closeCounter(session, run, 'up', permitted)
    const down = closeCounter(session, run, 'down', permitted)
    for (const span of [...up.spans, ...down.spans]) addSpan(spans, span)
    return finished(run, { isFirst: index === 0, isNewest: index === newest }, up.filled, down.filled)
  })
  const newestRun = closed.findLastIndex(({ isProven }, index) => index === 0 || isProven)
  const first = firstKept(closed, newestRun, rules.forgetBefore)
  const kept = closed.slice(first)
  const forgotten = first === 0 ? 0 : forgottenBefore(closed, first, rules.forgetBefore)
  const recovered = [...spans.values()].sort((a, b) => a.fromSeconds - b.fromSeconds)
  return {
    session: {
      ...session,
      generations: kept,
      time: withoutHoles(session.time),
      forgotten: Math.max(session.forgotten, forgotten),
    },
    up: recovered.reduce((sum, { up }) => sum + up, 0),
    down: recovered.reduce((sum, { down }) => sum + down, 0),
    recovered,
  }
}

function addSpan(spans: Map<string, RecoveredSpan>, span: RecoveredSpan): void {
  const key = `${span.fromSeconds} ${span.toSeconds}`
  const { up, down } = spans.get(key) ?? { up: 0, down: 0 }
  spans.set(key, { ...span, up: up + span.up, down: down + span.down })
}

type Counter = 'up' | 'down'

/** What is recovered of one counter of a run, and the holes that it fills. */
function closeCounter(
  session: Session,
  run: Run,
  counter: Counter,
  rules: ClosingRules & { readonly recoversHoles: boolean },
) {
  const spans: RecoveredSpan[] = []
  const given = run[counter]
  let filled: Coverage = []
  const members = run.members.filter(({ isImpossible }) => !isImpossible)
  const isDenied = run.members.some(({ isImpossible, isClosed }) => isImpossible && !isClosed)
  if (given.length <= 2 || isDenied || !rules.recoversHoles || run.members[0]!.start <= session.blind)
    return { spans, filled }
  const name = counter === 'up' ? 'decidedUp' : 'decidedDown'
  const decided = members.reduce((most, each) => Math.max(most, each[name]), -1)
  for (let at = 2; at < given.length; at += 2) {
    const [from, to] = [given[at - 1]!, given[at]!]
    const time = to > decided ? timeOfHole(members, counter, from, to) : undefined
    if (time === undefined || !isRecoverable(time, to - from, rules)) continue
    if (rules.recover) filled = cover(filled, from, to).coverage
    const { fromSeconds, toSeconds } = time
    spans.push({ up: 0, down: 0, [counter]: to - from, fromSeconds, toSeconds })
  }
  return { spans, filled }
}

interface HoleTime {
  readonly fromSeconds: number
  readonly toSeconds: number
}

/** When the bytes of a hole were moved; undefined when its lower end was not known before its upper end. */
function timeOfHole(
  members: readonly Generation[],
  counter: Counter,
  from: number,
  to: number,
): HoleTime | undefined {
  const above = members.findIndex((each) => each[counter].some((at, index) => index % 2 === 0 && at === to))
  const generation = members[above]
  if (generation === undefined) return undefined
  const below = members.slice(0, above).filter((each) => bottomOf(each[counter]) <= from)
  if (below.length > 0) {
    return inOrder(Math.max(...below.map(({ last }) => last)), Math.max(generation.start, generation.gapTo))
  }
  if (bottomOf(generation[counter]) === to) return undefined
  if (generation.isTwin && generation.gapFrom <= generation.start) return undefined
  return inOrder(generation.gapFrom, generation.gapTo)
}

/** The clock may have stepped back between them. */
function inOrder(one: number, other: number): HoleTime {
  return { fromSeconds: Math.min(one, other), toSeconds: Math.max(one, other) }
}

function isRecoverable({ fromSeconds, toSeconds }: HoleTime, bytes: number, rules: ClosingRules): boolean {
  const seconds = toSeconds - fromSeconds
  if (rules.expirySeconds !== undefined && seconds > rules.expirySeconds) return false
  return isPossibleDelta(bytes, seconds) && rules.losses.isBetween(fromSeconds, toSeconds)
}

/** Spans of a counter that a closed generation keeps. */
const MOST_SPANS = 8

/** A run as one generation, in which the recovered holes are covered. */
function finished(
  { members }: Run,
  { isFirst, isNewest }: { readonly isFirst: boolean; readonly isNewest: boolean },
  filledUp: Coverage,
  filledDown: Coverage,
): Generation[] {
  const undecided = isNewest ? membersBelowTop(members) : []
  const [first, ...impossible] = mergeMembers(members.filter((each) => !undecided.includes(each)))
  const up = coverAll(first!.up, filledUp)
  const down = coverAll(first!.down, filledDown)
  const filled = { ...first!, up, down, isProven: !isFirst }
  return [filled, ...impossible, ...mergeMembers(undecided)].map(closedGeneration)
}

/**
 * The newest generations, if they are lower than the run had come: announces that ran late, or a restart that is not proven
 * yet, in which case they all belong to the new run.
 */
function membersBelowTop(members: readonly Generation[]): Generation[] {
  const topUp = topUpOf(members)
  const highest = members.findLastIndex(({ isImpossible, up }) => !isImpossible && topOf(up) === topUp)
  return members.slice(highest + 1).filter(({ isImpossible }) => highest >= 0 && !isImpossible)
}

function closedGeneration(generation: Generation): Generation {
  const up = withSpans(generation.up, MOST_SPANS)
  const down = withSpans(generation.down, MOST_SPANS)
  const decided = { decidedUp: topOf(up), decidedDown: topOf(down), gapFrom: 0, gapTo: 0 }
  return { ...generation, ...decided, isClosed: true, isTwin: false, up, down }
}

/** A generation that ended is forgotten with all before it; the newest run never is. */
function firstKept(generations: readonly Generation[], newestRun: number, forgetBefore: number): number {
  let first = 0
  for (let next = 1; next <= newestRun; next++) {
    const { isImpossible, start } = generations[next]!
    const isEnded = generations.slice(first, next).every(({ last }) => last < forgetBefore)
    if (!isEnded) return first
    if (!isImpossible && start < forgetBefore) first = next
  }
  return first
}

/** Entries before this time belong to what was forgotten, or came too late. */
function forgottenBefore(generations: readonly Generation[], first: number, forgetBefore: number): number {
  const lasts = generations.slice(0, first).map(({ last }) => last)
  return Math.max(Math.max(...lasts) + 1, Math.min(generations[first]!.start, forgetBefore))
}
