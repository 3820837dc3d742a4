/**
 * What one entry of the stream credits. Pure: a session's books and an entry in, its new books and a credit out.
 *
 * Words. A session is one client's counters (passkey, infohash, peer_id). A generation is one run of these counters: they
 * only grow in it. It begins when Redis sets a baseline (`since`), or when the counters restarted and Redis, having been
 * rolled back, did not notice. Both counters restart together, so a generation holds the coverage of both.
 *
 * Invariants
 *  1. A byte of a generation is credited at most once: credit is what a claim (up - du, up] adds to the coverage, and the
 *     coverage only grows. Whoever delivers an entry again, in whatever order, from whatever life of Redis, adds nothing.
 *  2. Generations are in rising order of `start`, and one begins where the one before ends: an entry belongs to the last
 *     one that began at or before its time. So where an entry is counted does not depend on when it arrives.
 *  3. Nothing is credited that the client did not report as moved: a hole is credited only between two positions of one
 *     run of the counters, a step only from one generation's top up to the next one's bottom, and both only when nothing
 *     older can come any more (closeSession).
 *
 * Cases
 *  - Redelivered, duplicated, reordered: 1 and 2.
 *  - Redis rolled back (AOF lost a second, failover, snapshot): the baseline and the entries after it went together, so
 *    the client's next claim begins further down and overlaps what is covered: 1.
 *  - Redis wiped: the next announce sets a new baseline, `since` is newer, a generation opens; the step up to it is what
 *    was moved meanwhile.
 *  - Entries trimmed before they were read: a hole.
 *  - The client restarted: `since` is newer and the counters are lower: a generation whose step is down: nothing.
 *  - It restarted after a rollback to before a baseline that was lower still: Redis sees growth and keeps `since`. The
 *    entry is newer than all of its generation and below its top, which growth alone cannot do: a generation opens.
 *  - Without totals (another producer): du and dd as they are; the stream ID decides whether it is new. What they move
 *    shows in no coverage, so holes of that time are not credited.
 *  - The clock stepped back below `since` (failover to a machine with another clock): the entry counts as made at `since`.
 */
import type { TrafficEvent } from '../../contract/trafficEvent.ts'
import { bottomOf, type Coverage, cover, holesIn, topOf, withoutHoles } from './coverage.ts'

export interface Generation {
  /** Unix seconds from which entries belong here. */
  readonly start: number
  /** The `since` it carries. One that opened unseen by Redis carries its predecessor's. */
  readonly label: number
  /** Time of its newest entry. */
  readonly last: number
  /** Its step from the generation before was dealt with. */
  readonly isClosed: boolean
  readonly up: Coverage
  readonly down: Coverage
}

/** A session's books. */
export interface Session {
  readonly generations: readonly Generation[]
  /** Seconds credited as seed or leech time. */
  readonly time: Coverage
  /** Time of the newest entry; 0 before the first. */
  readonly last: number
  /** Time of the newest entry without totals; 0 for none. */
  readonly blind: number
  /** Entries before this belong to generations that were forgotten; 0 while none was. */
  readonly forgotten: number
}

export const NEW_SESSION: Session = { generations: [], time: [], last: 0, blind: 0, forgotten: 0 }

/**
 * Why an entry credited what it did. `first`, `reset`, `baseline` and `restart` open a generation: the session's first,
 * one whose counters went back, one that goes on where the last one stopped (Redis forgot it), and one that Redis missed.
 */
export type Reason =
  | 'first'
  | 'reset'
  | 'baseline'
  | 'restart'
  | 'growth'
  | 'overlap'
  | 'covered'
  | 'blind'
  | 'forgotten'

export interface Credit {
  readonly up: number
  readonly down: number
  /** Claimed and covered before. */
  readonly overlapUp: number
  readonly overlapDown: number
  readonly seedSeconds: number
  readonly leechSeconds: number
  /** The claim left a hole below it, or does not follow the entry before (no totals). */
  readonly isGap: boolean
  readonly reason: Reason
}

export interface Settled {
  readonly session: Session
  readonly credit: Credit
}

/** @param maxGapSeconds longest time between two announces that counts as seeding or leeching */
export function settleEvent(session: Session, event: TrafficEvent, maxGapSeconds: number): Settled {
  const { atSeconds, totals } = event
  const at = Math.max(atSeconds, totals?.sinceSeconds ?? 0)
  if (at < session.forgotten) return { session, credit: { ...NOTHING, reason: 'forgotten' } }
  const time = settleTime(session.time, event, maxGapSeconds)
  const seconds = isSeeding(event)
    ? { seedSeconds: time.added, leechSeconds: 0 }
    : { seedSeconds: 0, leechSeconds: time.added }
  const rest = { time: time.coverage, last: Math.max(session.last, atSeconds), forgotten: session.forgotten }

  if (totals === undefined) {
    const isGap =
      session.last > 0 && event.elapsedSeconds > 0 && atSeconds - event.elapsedSeconds > session.last
    const credit = { ...NOTHING, ...seconds, isGap, reason: 'blind' as const }
    return {
      session: { ...rest, generations: session.generations, blind: Math.max(session.blind, atSeconds) },
      credit: { ...credit, up: event.uploadedDeltaBytes, down: event.downloadedDeltaBytes },
    }
  }

  const { uploadedBytes: toUp, downloadedBytes: toDown, sinceSeconds: since } = totals
  const { generations, index, opened } = generationOf(session.generations, {
    at,
    since,
    up: toUp,
    down: toDown,
  })
  const generation = generations[index]!
  const up = cover(generation.up, toUp - event.uploadedDeltaBytes, toUp)
  const down = cover(generation.down, toDown - event.downloadedDeltaBytes, toDown)
  const settled = {
    ...generation,
    last: Math.max(generation.last, at),
    up: up.coverage,
    down: down.coverage,
  }
  const overlapUp = event.uploadedDeltaBytes - up.added
  const overlapDown = event.downloadedDeltaBytes - down.added
  return {
    session: { ...rest, generations: generations.with(index, settled), blind: session.blind },
    credit: {
      up: up.added,
      down: down.added,
      overlapUp,
      overlapDown,
      ...seconds,
      isGap: opensHole(generation.up, up.coverage) || opensHole(generation.down, down.coverage),
      reason:
        opened ??
        (overlapUp + overlapDown === 0 ? 'growth' : up.added + down.added > 0 ? 'overlap' : 'covered'),
    },
  }
}

const NOTHING: Credit = {
  up: 0,
  down: 0,
  overlapUp: 0,
  overlapDown: 0,
  seedSeconds: 0,
  leechSeconds: 0,
  isGap: false,
  reason: 'growth',
}

interface Position {
  readonly at: number
  readonly since: number
  readonly up: number
  readonly down: number
}

/** The generation an entry belongs to, opened when there is none. */
function generationOf(
  generations: readonly Generation[],
  { at, since, up, down }: Position,
): { generations: readonly Generation[]; index: number; opened?: Reason } {
  let index = generations.length - 1
  while (index >= 0 && generations[index]!.start > at) index--
  // Announced in the second in which the next baseline was set, before it was.
  while (index > 0 && generations[index]!.start === at && since < generations[index]!.label) index--
  const found = generations[index]
  const isBehind = found !== undefined && (up < topOf(found.up) || down < topOf(found.down))
  if (found === undefined || (since > found.start && since > found.label)) {
    const opened = found === undefined ? 'first' : isBehind ? 'reset' : 'baseline'
    return insert(generations, index + 1, { start: since, label: since }, opened)
  }
  if (at > found.last && isBehind)
    return insert(generations, index + 1, { start: at, label: found.label }, 'restart')
  return { generations, index }
}

function insert(
  generations: readonly Generation[],
  index: number,
  begin: Pick<Generation, 'start' | 'label'>,
  opened: Reason,
): { generations: readonly Generation[]; index: number; opened: Reason } {
  const generation = { ...begin, last: -1, isClosed: false, up: [], down: [] }
  return { generations: generations.toSpliced(index, 0, generation), index, opened }
}

function opensHole(before: Coverage, after: Coverage): boolean {
  return before.length > 0 && after.length > before.length
}

/** From the entry alone, so that it is the same in whatever order entries come. */
function isSeeding(event: TrafficEvent): boolean {
  return event.leftBytes === 0 && event.downloadedDeltaBytes === 0 && event.event !== 'completed'
}

/** A client that starts was not there before, whatever dt says: its session record outlives it. */
function settleTime(
  time: Coverage,
  { event, atSeconds, elapsedSeconds }: TrafficEvent,
  maxGapSeconds: number,
) {
  const seconds = event === 'started' ? 0 : Math.min(elapsedSeconds, maxGapSeconds)
  return seconds === 0 ? { coverage: time, added: 0 } : cover(time, atSeconds - seconds, atSeconds)
}

/** Something is left for closeSession to do. */
export function isOpen({ generations, time }: Session): boolean {
  return time.length > 2 || generations.some((each, index) => isUnfinished(each, index))
}

function isUnfinished({ isClosed, up, down }: Generation, index: number): boolean {
  return (index > 0 && !isClosed) || up.length > 2 || down.length > 2
}

export interface Closed {
  readonly session: Session
  /** Moved by the client and lost by Redis. */
  readonly up: number
  readonly down: number
}

/**
 * Closes a session's books when nothing older than its newest entry can come any more: what lies in the holes and steps
 * was moved and its entries are lost. Each generation is one span afterwards.
 *
 * @param forgetBefore closed generations that ended before this (Unix seconds) are forgotten
 */
export function closeSession(session: Session, forgetBefore: number): Closed {
  let up = 0
  let down = 0
  const closed: Generation[] = []
  for (const generation of session.generations) {
    const before = closed.at(-1)
    let { up: upCoverage, down: downCoverage } = generation
    if (generation.start > session.blind) {
      up += holesIn(upCoverage)
      down += holesIn(downCoverage)
    }
    upCoverage = withoutHoles(upCoverage)
    downCoverage = withoutHoles(downCoverage)
    const isStep = before !== undefined && !generation.isClosed && before.start > session.blind
    if (isStep && bottomOf(upCoverage) >= topOf(before.up) && bottomOf(downCoverage) >= topOf(before.down)) {
      const upStep = cover(upCoverage, topOf(before.up), bottomOf(upCoverage))
      const downStep = cover(downCoverage, topOf(before.down), bottomOf(downCoverage))
      up += upStep.added
      down += downStep.added
      upCoverage = upStep.coverage
      downCoverage = downStep.coverage
    }
    closed.push({ ...generation, isClosed: true, up: upCoverage, down: downCoverage })
  }
  const kept = closed.slice(firstKept(closed, forgetBefore))
  const forgotten = kept.length < closed.length ? kept[0]!.start : session.forgotten
  return {
    session: { ...session, generations: kept, time: withoutHoles(session.time), forgotten },
    up,
    down,
  }
}

/** A generation ends where the next begins; the last one never does. */
function firstKept(generations: readonly Generation[], forgetBefore: number): number {
  const last = Math.max(0, generations.length - 1)
  let first = 0
  while (first < last && generations[first + 1]!.start < forgetBefore) first++
  return first
}
