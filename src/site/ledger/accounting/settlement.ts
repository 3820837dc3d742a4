/**
 * What one entry of the stream credits. Pure: a session and an entry in, the new session and a credit out.
 *
 * Terms. A session is one client's counters (passkey, infohash, peer_id). A generation holds the claims of one baseline
 * (`since`), as coverage of both counters. A run is one or more generations in a row between which the client's counters
 * are not known to have begun anew.
 *
 * Invariants
 *  1. What a session has been credited is the number of bytes that its runs cover, each byte of a run once, and what was
 *     recovered. The credit of an entry is what this number grows by. It falls when an entry that comes late to the
 *     ledger shows that two runs may be one; then as much is owed, and credited less later.
 *  2. A claim (up - du, up] is true of the run in which it was made. So a byte is credited twice only if two runs cover what
 *     is one run of the client, and a run is divided only on proof of a restart (`runsOf`).
 *  3. `uploaded` alone says whether the counters began anew: libtorrent's `downloaded` falls a little after failed pieces.
 *  4. Credit without a claim (closing.ts) is given above the newest position that was known before a loss, and inside
 *     one run only.
 *
 * Cases
 *  - Redelivered, duplicated, reordered: coverage does not depend on the order, nor does the division into runs.
 *  - Redis was rolled back: the client's next claim begins further down and overlaps what is covered.
 *  - Redis was wiped, or the session expired there: a new baseline at or above the run's top goes on with the run.
 *  - Entries were lost: a hole in the run.
 *  - The client restarted: a lower baseline by an announce that says `started` begins a run.
 *  - An announce executes late: a lower baseline without `started`. It stays in the run, and only what is above the run's
 *    top is credited. If the counter is still lower when no late announce can be the reason (LATE_SECONDS), the client did
 *    restart, and what was withheld is credited.
 *  - An entry claims more than is possible (contract/possibleDelta.ts): a baseline, credited nothing, never recovered up to.
 *  - Without totals (another producer): du and dd as they are; the stream ID decides whether it is new. What they move
 *    shows in no coverage, so holes of that time are not recovered.
 *  - The clock stepped back below `since`: the entry counts as made at `since`. A baseline set by a clock that is behind is
 *    a generation behind the others, in the order in which they came to be known.
 *  - A baseline inside the time of another generation was undone by a rollback: its entries belong to that generation.
 *
 * A session keeps MOST_GENERATIONS. Past that the older ones of a run are merged, then the oldest run is forgotten and the
 * session is marked as crowded.
 */
import { isPossibleDelta } from '../../../contract/possibleDelta.ts'
import type { TrafficEvent } from '../../../contract/trafficEvent.ts'
import { type Coverage, cover, topOf } from './coverage.ts'
import {
  bytesOf,
  type Generation,
  leastUpWith,
  mergeGenerations,
  runsOf,
  withoutProof,
} from './generations.ts'
import { type Place, placeOf } from './placing.ts'
import type { Reason } from './reasons.ts'
import { settleTime } from './settleTime.ts'

/** A session as the ledger keeps it. */
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
  /** Its counters began anew so often that generations were forgotten before their time. */
  readonly isCrowded: boolean
  /** Credited more than the runs cover: entries that came late showed that two runs may be one. Nearly always 0. */
  readonly owedUp: number
  readonly owedDown: number
}

export const NEW_SESSION: Session = {
  generations: [],
  time: [],
  last: 0,
  blind: 0,
  forgotten: 0,
  isCrowded: false,
  owedUp: 0,
  owedDown: 0,
}

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

/** Generations that a session keeps. */
export const MOST_GENERATIONS = 16

const NO_CREDIT: Credit = {
  up: 0,
  down: 0,
  overlapUp: 0,
  overlapDown: 0,
  seedSeconds: 0,
  leechSeconds: 0,
  isGap: false,
  reason: 'growth',
}

/**
 * @param maxGapSeconds longest time between two announces that counts as seeding or leeching
 * @param isNewest the entry's ID is above those of all entries of the session so far
 */
export function settleEvent(
  session: Session,
  event: TrafficEvent,
  maxGapSeconds: number,
  isNewest: boolean,
): Settled {
  const at = Math.max(event.atSeconds, event.totals?.sinceSeconds ?? 0)
  if (at < session.forgotten) return { session, credit: { ...NO_CREDIT, reason: 'forgotten' } }
  const { time, seedSeconds, leechSeconds } = settleTime(session.time, event, maxGapSeconds)
  const next = { ...session, time, last: Math.max(session.last, at) }
  const settled =
    event.totals === undefined ? settleBlind(session, event) : settleClaim(session, event, at, isNewest)
  return {
    session: { ...next, ...settled.changes },
    credit: { ...NO_CREDIT, seedSeconds, leechSeconds, ...settled.credit },
  }
}

interface Step {
  readonly changes: Partial<Session>
  readonly credit: Partial<Credit>
}

/** An entry without totals. */
function settleBlind(session: Session, event: TrafficEvent): Step {
  const { atSeconds, elapsedSeconds, uploadedDeltaBytes: up, downloadedDeltaBytes: down } = event
  const changes = { blind: Math.max(session.blind, atSeconds) }
  const isGap = session.last > 0 && elapsedSeconds > 0 && atSeconds - elapsedSeconds > session.last
  return { changes, credit: { up, down, isGap, reason: 'blind' } }
}

/** An entry with the client's totals, whose claims are set against what the session covers. */
function settleClaim(session: Session, event: TrafficEvent, at: number, isNewest: boolean): Step {
  const { sinceSeconds: since, uploadedBytes } = event.totals!
  const isStepBack = event.atSeconds < since || (isNewest && at < session.last)
  const claim = claimOf(event)
  const place = placeOf(isStepBack ? withoutProof(session.generations) : session.generations, {
    atSeconds: event.atSeconds,
    at,
    since,
    up: uploadedBytes,
    upFrom: claim.upFrom,
    isStarted: event.event === 'started',
    isNewest,
    isImpossible: claim.isImpossible,
  })
  if (place.isRefused) return { changes: {}, credit: { reason: 'impossible' } }

  const { generations, added, isGap } = covered(place, event, claim, at)
  const isAlone = session.generations.length === 1 && generations.length === 1
  const grown = isAlone ? added : growth(session.generations, generations)
  const { owedUp, owedDown } = session
  const owed = { owedUp: Math.max(0, owedUp - grown.up), owedDown: Math.max(0, owedDown - grown.down) }
  const credited = { up: Math.max(0, grown.up - owedUp), down: Math.max(0, grown.down - owedDown) }
  const kept = bounded(session, generations, at)
  const overlap = {
    overlapUp: Math.max(0, event.uploadedDeltaBytes - credited.up),
    overlapDown: Math.max(0, event.downloadedDeltaBytes - credited.down),
  }
  const reason = kept.isCrowded && place.opened ? 'crowded' : reasonOf(event, place, credited)
  return { changes: { ...kept, ...owed }, credit: { ...credited, ...overlap, isGap, reason } }
}

interface Claim {
  readonly upFrom: number
  readonly downFrom: number
  readonly isImpossible: boolean
}

/** Where an entry's claims begin. An impossible one claims nothing. */
function claimOf({ totals, uploadedDeltaBytes, downloadedDeltaBytes, elapsedSeconds }: TrafficEvent): Claim {
  const isImpossible =
    !isPossibleDelta(uploadedDeltaBytes, elapsedSeconds) ||
    !isPossibleDelta(downloadedDeltaBytes, elapsedSeconds)
  const { uploadedBytes: up, downloadedBytes: down } = totals!
  if (isImpossible) return { upFrom: up, downFrom: down, isImpossible }
  return { upFrom: up - uploadedDeltaBytes, downFrom: down - downloadedDeltaBytes, isImpossible }
}

/** The generations with what an entry claims. */
function covered(
  { generations, index }: Place,
  event: TrafficEvent,
  { upFrom, downFrom }: Claim,
  at: number,
) {
  const { uploadedBytes, downloadedBytes } = event.totals!
  const before = generations[index]!
  const up = cover(before.up, upFrom, uploadedBytes)
  const down = cover(before.down, downFrom, downloadedBytes)
  const isGap = opensHole(before.up, up.coverage) || opensHole(before.down, down.coverage)
  const after: Generation = {
    ...before,
    ...gapOf(before, at, isGap, up.coverage.length > 2 || down.coverage.length > 2),
    last: Math.max(before.last, at),
    isStarted: before.isStarted || (event.event === 'started' && event.atSeconds === before.start),
    leastUp: leastUpWith(before, at, uploadedBytes),
    up: up.coverage,
    down: down.coverage,
  }
  const hasRisen = before.up.length === 0 || topOf(after.up) > topOf(before.up)
  return {
    generations: hasRisen ? withNewTop(generations, index, after) : generations.with(index, after),
    added: { up: up.added, down: down.added },
    isGap,
  }
}

/** Later generations that were known before prove nothing about what has come to light now. */
function withNewTop(generations: readonly Generation[], index: number, after: Generation): Generation[] {
  return generations.map((each, at) => {
    if (at === index) return after
    return at > index && each.leastUp >= 0 ? { ...each, leastUp: Number.POSITIVE_INFINITY } : each
  })
}

interface Bytes {
  readonly up: number
  readonly down: number
}

function reasonOf(event: TrafficEvent, { opened, isOvertaken }: Place, { up, down }: Bytes): Reason {
  const { uploadedDeltaBytes, downloadedDeltaBytes } = event
  if (up > uploadedDeltaBytes || down > downloadedDeltaBytes) return 'restart'
  if (opened !== undefined) return opened
  if (up + down === 0 && isOvertaken) return 'overtaken'
  if (up === uploadedDeltaBytes && down === downloadedDeltaBytes) return 'growth'
  return up + down > 0 ? 'overlap' : 'covered'
}

/** Bytes that the runs cover more than before; negative when two runs turn out to be one. */
function growth(before: readonly Generation[], after: readonly Generation[]): Bytes {
  const [less, more] = [bytesOf(before), bytesOf(after)]
  return { up: more.up - less.up, down: more.down - less.down }
}

function opensHole(before: Coverage, after: Coverage): boolean {
  return before.length > 0 && after.length > before.length
}

/** The time in which the generation's holes were left open, this entry counted in. */
function gapOf(before: Generation, at: number, isGap: boolean, hasHoles: boolean) {
  if (!hasHoles) return { gapFrom: 0, gapTo: 0 }
  if (!isGap) return { gapFrom: before.gapFrom, gapTo: before.gapTo }
  const from = Math.min(before.last, at)
  return {
    gapFrom: before.gapTo === 0 ? from : Math.min(before.gapFrom, from),
    gapTo: Math.max(before.gapTo, before.last, at),
  }
}

/** Keeps a session small: merges what is one run, then forgets the oldest run. */
function bounded(session: Session, generations: readonly Generation[], at: number): Partial<Session> {
  if (generations.length <= MOST_GENERATIONS) return { generations }
  const merged = runsOf(generations).flatMap(({ members }, index, runs) => {
    const kept = index === runs.length - 1 ? 2 : 0 // of the newest run, later entries may tell that it is two
    const [first, ...rest] = mergeMembers(members.slice(0, Math.max(1, members.length - kept)))
    return [{ ...first!, isProven: index > 0 }, ...rest, ...members.slice(Math.max(1, members.length - kept))]
  })
  const excess = merged.length - MOST_GENERATIONS
  if (excess <= 0) return { generations: merged }
  const newest = Math.max(...merged.slice(0, excess).map(({ last }) => last))
  const forgotten = Math.max(session.forgotten, Math.min(at, merged[excess]!.start, newest + 1))
  return { generations: merged.slice(excess), forgotten, isCrowded: true }
}

/** Members of a run as one generation, and impossible ones as another. */
export function mergeMembers(members: readonly Generation[]): Generation[] {
  const possible = members.filter(({ isImpossible }) => !isImpossible)
  const impossible = members.filter(({ isImpossible }) => isImpossible)
  return [possible, impossible].filter(({ length }) => length > 0).map(mergeGenerations)
}
