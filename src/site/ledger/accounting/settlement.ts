/**
 * What one entry of the stream credits. Pure: a session and an entry in, the new session and a credit out.
 *
 * Words. A session is one client's counters (passkey, infohash, peer_id). A generation is one run of these counters: they
 * only grow in it. It begins when Redis sets a baseline (`since`), or when the counters restarted and Redis, having been
 * rolled back, did not notice. Both counters restart together, so a generation holds the coverage of both.
 *
 * Invariants
 *  1. A byte of a generation is credited at most once: credit is what a claim (up - du, up] adds to the coverage, and the
 *     coverage only grows. So an entry that is delivered again adds nothing, in any order and from any Redis epoch.
 *  2. Generations are in rising order of `start`, and one ends where the next begins: an entry belongs to the last one that
 *     began at or before its time. So where an entry is counted does not depend on when it arrives.
 *  3. Nothing is credited that the client did not report as moved: a hole is credited only between two positions of one
 *     run of the counters, a step only from one generation's top up to the next one's bottom, and both only when nothing
 *     older can come any more (closing.ts). What was credited as a step is covered in both (goingOn), so that a lost entry
 *     that turns up after all adds nothing.
 *
 * Cases
 *  - Redelivered, duplicated, reordered: 1 and 2.
 *  - Redis rolled back (AOF lost a second, failover, snapshot): the baseline and the entries after it went together, so
 *    the client's next claim begins further down and overlaps what is covered: 1. Where it reaches below a baseline that
 *    went with them, into the generation before, the counters went on: both cover what each does.
 *  - Redis wiped: the next announce sets a new baseline, `since` is newer, a generation opens; the step up to it is what
 *    was moved meanwhile.
 *  - Entries trimmed before they were read: a hole.
 *  - The client restarted: `since` is newer and the counters are lower: a generation whose step is down: nothing.
 *  - It restarted after a rollback to before a baseline that was lower still: Redis sees growth and keeps `since`. The
 *    entry is newer than all of its generation and below its top, which growth alone cannot do: a generation opens.
 *  - An entry carries a baseline of a life of Redis that was undone, and its generation went on beyond that baseline in
 *    the life that took its place: it is overtaken and credits nothing, since which run it belongs to cannot be told.
 *  - Without totals (another producer): du and dd as they are; the stream ID decides whether it is new. What they move
 *    shows in no coverage, so holes of that time are not credited.
 *  - The clock stepped back below `since` (failover to a machine with another clock): the entry counts as made at `since`.
 *
 * Exact as long as the client does not restart, whatever Redis forgets; exact when it restarts and Redis forgets nothing.
 * Both together: what was moved between a restart and the next fault may be lost, and no more is credited than was moved,
 * but for sessions that restarted between two rollbacks, or twice within one second of Redis' clock: there a few bytes may
 * count twice. The property tests say how that was tried.
 */
import { isPossibleDelta, MOST_DELTA_BYTES } from '../../../contract/possibleDelta.ts'
import type { TrafficEvent, TrafficTotals } from '../../../contract/trafficEvent.ts'
import { bottomOf, bytesIn, type Coverage, cover, coverAll, subtract, topOf } from './coverage.ts'
import {
  type Begun,
  type Generation,
  isBelow,
  isSameRun,
  MOST_GENERATIONS,
  type Opening,
  type Place,
  type Position,
  placeOf,
} from './generations.ts'
import type { Reason } from './reasons.ts'
import { settleTime } from './settleTime.ts'

/** A session's context. */
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
  /** Bytes were left at its newest entry. */
  readonly isLeeching: boolean
  /** Generations that were forgotten because the session had too many: its counters fall all the time. */
  readonly dropped: number
}

export const NEW_SESSION: Session = {
  generations: [],
  time: [],
  last: 0,
  blind: 0,
  forgotten: 0,
  isLeeching: false,
  dropped: 0,
}

export interface SettlementRules {
  /** Longest time between two announces that counts as seeding or leeching. */
  readonly maxGapSeconds: number
  /** Times after this lie in the future: Redis' clock was ahead when it wrote them. */
  readonly latestSeconds: number
}

export interface Credit {
  readonly up: number
  readonly down: number
  /** Claimed and covered before. */
  readonly overlapUp: number
  readonly overlapDown: number
  readonly seedSeconds: number
  readonly leechSeconds: number
  /** The download has ended: see `hasFinished`. */
  readonly isFinished: boolean
  /** The claim left a hole below it, or does not follow the entry before (no totals). */
  readonly isGap: boolean
  readonly reason: Reason
}

export interface Settled {
  readonly session: Session
  readonly credit: Credit
}

export function settleEvent(session: Session, event: TrafficEvent, rules: SettlementRules): Settled {
  const { atSeconds, totals } = event
  const at = Math.max(atSeconds, totals?.sinceSeconds ?? 0)
  if (at < session.forgotten) return forgotten(session)
  const { time, ...seconds } = {
    ...settleTime(session.time, event, rules.maxGapSeconds),
    isFinished: hasFinished(session, event),
  }
  const isLeeching =
    at >= session.last ? event.leftBytes > 0 && event.event !== 'completed' : session.isLeeching
  const timed = { ...session, time, isLeeching, last: Math.max(session.last, at) }
  if (totals === undefined) return settleBlind(session, timed, event, seconds)

  const position = positionOf(event, totals, at, rules, at - session.last)
  const place = placeOf(session.generations, position)
  if (place === undefined) {
    const overlap = { overlapUp: event.uploadedDeltaBytes, overlapDown: event.downloadedDeltaBytes }
    return { session: timed, credit: { ...NOTHING, ...seconds, ...overlap, reason: 'overtaken' } }
  }
  const bounded = withinBound(place)
  if (bounded === undefined) return forgotten(session)
  const { generations, credit } = settleClaim(place, position)
  return {
    session: {
      ...timed,
      generations: bounded.dropped === 0 ? generations : generations.slice(bounded.dropped),
      forgotten: Math.max(session.forgotten, bounded.forgotten),
      dropped: session.dropped + bounded.dropped,
    },
    credit: { ...credit, ...seconds, reason: position.isImpossible ? 'impossible' : credit.reason },
  }
}

function forgotten(session: Session): Settled {
  return { session, credit: { ...NOTHING, reason: 'forgotten' } }
}

type Seconds = Pick<Credit, 'seedSeconds' | 'leechSeconds' | 'isFinished'>

/**
 * A download ends when nothing is left, something was downloaded, and the session had bytes left at its last announce or
 * says `completed`: the rule by which the tracker counts snatches.
 */
function hasFinished({ isLeeching }: Session, event: TrafficEvent): boolean {
  const isDone = event.leftBytes === 0 || event.event === 'completed'
  const isEnd = isLeeching || event.event === 'completed'
  return isDone && isEnd && (event.totals === undefined || event.totals.downloadedBytes > 0)
}

/** An entry of another producer: the stream ID decides whether it is new, and only the largest claims can be told to be false. */
function settleBlind(before: Session, session: Session, event: TrafficEvent, seconds: Seconds): Settled {
  const { uploadedDeltaBytes: up, downloadedDeltaBytes: down, elapsedSeconds, atSeconds } = event
  const isGap = before.last > 0 && elapsedSeconds > 0 && atSeconds - elapsedSeconds > before.last
  const blind = { ...session, blind: Math.max(session.blind, atSeconds) }
  if (up > MOST_DELTA_BYTES || down > MOST_DELTA_BYTES)
    return { session: blind, credit: { ...NOTHING, ...seconds, isGap, reason: 'impossible' } }
  return { session: blind, credit: { ...NOTHING, ...seconds, isGap, up, down, reason: 'blind' } }
}

/** Where a claim stands. An impossible one is a baseline at its own time that claims nothing. */
function positionOf(
  event: TrafficEvent,
  totals: TrafficTotals,
  at: number,
  rules: SettlementRules,
  silenceSeconds: number,
) {
  const { uploadedDeltaBytes, downloadedDeltaBytes } = event
  const elapsedSeconds = Math.max(event.elapsedSeconds, silenceSeconds) // `dt` is 0 after `stopped`
  const isImpossible =
    !isPossibleDelta(uploadedDeltaBytes, elapsedSeconds) ||
    !isPossibleDelta(downloadedDeltaBytes, elapsedSeconds)
  const { uploadedBytes: up, downloadedBytes: down } = totals
  return {
    at,
    since: isImpossible ? at : totals.sinceSeconds,
    up,
    down,
    upFrom: isImpossible ? up : up - uploadedDeltaBytes,
    downFrom: isImpossible ? down : down - downloadedDeltaBytes,
    isStarted: event.event === 'started',
    latest: rules.latestSeconds,
    isImpossible,
  }
}

/**
 * Settles the claim in its generation. What a neighbour covers too, which may be the same run of the counters, is not
 * credited now: closing decides, when nothing older can come.
 */
function settleClaim({ generations, index, opened }: Place, position: Position) {
  const { at, up: toUp, down: toDown, upFrom, downFrom } = position
  const generation = generations[index]!
  const begun = begunBy(generation, position)
  const up = cover(generation.up, upFrom, toUp)
  const isBaseline = begun !== generation.begun
  const down = isBaseline ? baselineOf(generation, toDown) : coverDownloaded(generation, downFrom, toDown)
  const isFirst = toUp > upFrom && (generation.up.length === 0 || upFrom <= bottomOf(generation.up))
  const settled: Generation = {
    ...generation,
    last: Math.max(generation.last, at),
    begun,
    up: up.coverage,
    down: down.coverage,
    firstUp: isFirst ? toUp : generation.firstUp,
  }
  const all = generations.with(index, settled)
  const neighbours = neighboursOf(all, index)
  const freeUp = freeOf(generation.up, neighbours.up, upFrom, toUp, up.added)
  const freeDown = freeOf(generation.down, neighbours.down, downFrom, toDown, down.added)
  const overlapUp = toUp - upFrom - freeUp.bytes
  const overlapDown = toDown - downFrom - freeDown.bytes
  return {
    generations:
      freeUp.doubted.length + freeDown.doubted.length === 0
        ? all
        : all.with(index, {
            ...settled,
            doubtedUp: coverAll(settled.doubtedUp, freeUp.doubted),
            doubtedDown: coverAll(settled.doubtedDown, freeDown.doubted),
          }),
    credit: {
      ...NOTHING,
      up: freeUp.bytes,
      down: freeDown.bytes,
      overlapUp,
      overlapDown,
      isGap: opensHole(generation.up, up.coverage) || opensHole(generation.down, down.coverage),
      reason: reasonOf(opened, freeUp.bytes + freeDown.bytes, overlapUp + overlapDown),
    },
  }
}

/** The coverage of `downloaded` from the baseline on. */
function baselineOf({ down }: Generation, at: number) {
  return { coverage: cover(subtract(down, [0, at]), at, at).coverage, added: 0 }
}

/**
 * `downloaded` may fall a little within a run: failed pieces are taken off it. What is loaded again below the baseline is no
 * part of the run's coverage, or the way up to the baseline would look like a hole.
 */
function coverDownloaded({ down, begun }: Generation, from: number, to: number) {
  if (down.length === 0 || begun === 'unseen' || from >= bottomOf(down)) return cover(down, from, to)
  const bottom = bottomOf(down)
  return to <= bottom ? { coverage: down, added: 0 } : cover(down, bottom, to)
}

function freeOf(own: Coverage, neighbours: readonly Coverage[], from: number, to: number, added: number) {
  if (neighbours.length === 0 || added === 0) return { bytes: added, doubted: NO_SPANS }
  const fresh = subtract([from, to], own)
  const free = neighbours.reduce(subtract, fresh)
  return { bytes: bytesIn(free), doubted: subtract(fresh, free) }
}

const NO_SPANS: Coverage = []

/**
 * What the generations beside one leave it no credit for, because they may be the same run: all up to the top of the one
 * before, and what the next one covers. Nearly always there is none.
 */
export function neighboursOf(generations: readonly Generation[], index: number) {
  const [before, generation, after] = [generations[index - 1], generations[index]!, generations[index + 1]]
  const up: Coverage[] = []
  const down: Coverage[] = []
  if (before !== undefined && (isSameRun(before, generation) || isUnknown(before, generation))) {
    up.push(subtract([0, topOf(before.up)], before.doubtedUp))
    down.push(subtract([0, topOf(before.down)], before.doubtedDown))
  }
  if (after !== undefined && (isSameRun(generation, after) || isUnknown(generation, after))) {
    up.push(subtract(after.up, after.doubtedUp))
    down.push(subtract(after.down, after.doubtedDown))
  }
  return { up, down }
}

/** Whether the later one `started` will be known when its first announce is settled. */
const isUnknown = (before: Generation, after: Generation) =>
  after.begun === 'unseen' && !after.isJoined && isBelow(before, after)

/** The announce that set the baseline claims nothing, and tells by its event how the run began. */
function begunBy({ begun, label }: Generation, position: Position): Begun {
  const { at, since, up, upFrom, down, downFrom, isStarted } = position
  const isBaseline = at === since && since === label && up === upFrom && down === downFrom
  if (begun === 'started' || !isBaseline) return begun
  return isStarted ? 'started' : 'seen'
}

function reasonOf(opened: Opening | undefined, credited: number, overlap: number): Reason {
  if (opened !== undefined) return opened
  if (overlap === 0) return 'growth'
  return credited > 0 ? 'overlap' : 'covered'
}

/** A session whose counters fall all the time would grow without end: the oldest generation is forgotten. */
function withinBound({ generations, index }: Place) {
  if (generations.length <= MOST_GENERATIONS) return { forgotten: 0, dropped: 0 }
  if (index === 0) return undefined
  return { forgotten: generations[1]!.start, dropped: 1 }
}

const NOTHING: Credit = {
  up: 0,
  down: 0,
  overlapUp: 0,
  overlapDown: 0,
  seedSeconds: 0,
  leechSeconds: 0,
  isFinished: false,
  isGap: false,
  reason: 'growth',
}

function opensHole(before: Coverage, after: Coverage): boolean {
  return before.length > 0 && after.length > before.length
}
