/**
 * What one entry of the stream credits. Pure: a session and an entry in, the new session and a credit out.
 *
 * Words. A session is one client's counters (passkey, infohash, peer_id). A generation is one run of these counters: they
 * only grow in it. It begins when Redis sets a baseline (`since`), or when the counters restarted and Redis, having been
 * rolled back, did not notice. Both counters restart together, so a generation holds the coverage of both.
 *
 * Invariants
 *  1. A byte of a generation is credited at most once: credit is what a claim (up - du, up] adds to the coverage, and the
 *     coverage only grows. Whoever delivers an entry again, in whatever order, from whatever life of Redis, adds nothing.
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
import type { TrafficEvent } from '../../../contract/trafficEvent.ts'
import { type Coverage, cover } from './coverage.ts'
import { type Generation, type Opening, placeOf } from './generations.ts'

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
}

export const NEW_SESSION: Session = { generations: [], time: [], last: 0, blind: 0, forgotten: 0 }

/**
 * Why an entry credited what it did. `first`, `reset`, `baseline` and `restart` open a generation: the session's first,
 * one whose counters went back, one that goes on where the last one stopped (Redis forgot it), and one that Redis missed.
 */
export type Reason = Opening | 'growth' | 'overlap' | 'covered' | 'blind' | 'overtaken' | 'forgotten'

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
  const rest = { time: time.coverage, last: Math.max(session.last, at), forgotten: session.forgotten }

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
  const upFrom = toUp - event.uploadedDeltaBytes
  const downFrom = toDown - event.downloadedDeltaBytes
  const place = placeOf(session.generations, { at, since, up: toUp, down: toDown, upFrom, downFrom })
  if (place === undefined) {
    const overlap = { overlapUp: event.uploadedDeltaBytes, overlapDown: event.downloadedDeltaBytes }
    const credit = { ...NOTHING, ...seconds, ...overlap, reason: 'overtaken' as const }
    return { session: { ...rest, generations: session.generations, blind: session.blind }, credit }
  }
  const { generations, index, opened } = place
  const generation = generations[index]!
  const up = cover(generation.up, upFrom, toUp)
  const down = cover(generation.down, downFrom, toDown)
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
