import { bottomOf, type Coverage, coverAll, sizeOf, topOf } from './coverage.ts'

/**
 * What the entries of one baseline have claimed. The client's counters may have run on from the generation before, or have
 * begun anew with this one (`runsOf`); the invariants stand in settlement.ts.
 */
export interface Generation {
  /** Unix seconds from which entries belong here. */
  readonly start: number
  /** The `since` it carries. One that opened unseen by Redis carries its predecessor's. */
  readonly label: number
  /** Time of its newest entry. */
  readonly last: number
  /** Closing has seen it. */
  readonly isClosed: boolean
  /** It begins a run: what proved it has been merged. */
  readonly isProven: boolean
  /** The entry that set the baseline was an announce of a client that starts. */
  readonly isStarted: boolean
  /** Its baseline is further up than the client can have come. */
  readonly isImpossible: boolean
  /** An entry of an older baseline, made in the second in which this one was set, was counted before it. */
  readonly isTwin: boolean
  /**
   * Least `up` of its entries that came more than LATE_SECONDS after its start; Infinity for none, NO_PROOF where an earlier
   * entry was higher or made at a later time: the clock has stepped, and time proves nothing.
   */
  readonly leastUp: number
  /** Holes below have been decided: recovered, or left for entries that turn up after all. -1 for none. */
  readonly decidedUp: number
  readonly decidedDown: number
  /** Entries that left its holes open were made between these; 0 while there is none. */
  readonly gapFrom: number
  readonly gapTo: number
  readonly up: Coverage
  readonly down: Coverage
}

/** An announce that executes later than this after it was sent is taken for one of its time. */
const LATE_SECONDS = 60

const NO_PROOF = -2

/** These with the times of their entries proving nothing. */
export function withoutProof(generations: readonly Generation[]): readonly Generation[] {
  return generations.map((each) => ({ ...each, leastUp: NO_PROOF }))
}

/** `leastUp` with one more entry. */
export function leastUpWith({ leastUp, start }: Generation, at: number, up: number): number {
  if (at > start + LATE_SECONDS) return Math.min(leastUp, up)
  return up > leastUp ? NO_PROOF : leastUp
}

/** Generations in their order with one run of the client's counters. */
export interface Run {
  /** Never empty. Impossible ones are members, but their bytes are no position that others are compared with. */
  readonly members: readonly Generation[]
  /** What all members cover. */
  readonly up: Coverage
  readonly down: Coverage
}

/** Highest `uploaded` that the client can have had; -1 for none. */
export function topUpOf(members: readonly Generation[]): number {
  return members.reduce((top, { isImpossible, up }) => (isImpossible ? top : Math.max(top, topOf(up))), -1)
}

/** The runs of a session, in the order of their generations. A generation begins one only on proof. */
export function runsOf(generations: readonly Generation[]): Run[] {
  const runs: Generation[][] = []
  for (const generation of generations) {
    const run = runs.at(-1)
    if (run === undefined) {
      runs.push([generation])
      continue
    }
    const kept = lengthBefore(generation, run)
    run.push(generation)
    if (kept < run.length) runs.push(run.splice(kept))
  }
  return runs.map(runOf)
}

/**
 * How many generations of a run are left of it when the next one shows that the counters began anew: `uploaded` is lower
 * than it had been, and either the client said that it starts, or it is still lower when no late announce can be the
 * reason. In that case the generations after the last one that was higher may belong to either run; they go with the next
 * one, which is known to have come past them.
 */
function lengthBefore(next: Generation, run: readonly Generation[]): number {
  const { isProven, isImpossible, isStarted, leastUp, up, start } = next
  if (isProven) return run.length
  if (isImpossible) return run.length + 1
  if (isStarted && bottomOf(up) < topUpOf(run)) return run.length
  const higher = run.findLastIndex(
    (each) => !each.isImpossible && topOf(each.up) > leastUp && each.last <= start,
  )
  if (higher < 0 || !isInTime([...run, next])) return run.length + 1
  let kept = higher + 1
  while (run[kept]?.isImpossible) kept++
  return kept
}

/** The clock did not step back between these: what time says of them can be trusted. */
export function isInTime(members: readonly Generation[]): boolean {
  return members.every(
    ({ start, leastUp }, index) =>
      leastUp !== NO_PROOF && (index === 0 || members[index - 1]!.start <= start),
  )
}

function runOf(members: readonly Generation[]): Run {
  const [first, ...rest] = members
  const up = rest.reduce((all, each) => coverAll(all, each.up), first!.up)
  return { members, up, down: rest.reduce((all, each) => coverAll(all, each.down), first!.down) }
}

/** Bytes of all runs, each byte of a run once. */
export function bytesOf(generations: readonly Generation[]): { readonly up: number; readonly down: number } {
  let up = 0
  let down = 0
  for (const run of runsOf(generations)) {
    up += sizeOf(run.up)
    down += sizeOf(run.down)
  }
  return { up, down }
}

/** Several generations of one run as one. What they credit together stays the same. */
export function mergeGenerations([first, ...rest]: readonly Generation[]): Generation {
  return rest.reduce(mergeTwo, first!)
}

function mergeTwo(merged: Generation, next: Generation): Generation {
  const up = coverAll(merged.up, next.up)
  const down = coverAll(merged.down, next.down)
  const hasHoles = up.length > 2 || down.length > 2
  const gapFrom = Math.min(merged.last, next.start, merged.gapFrom || next.start, next.gapFrom || next.start)
  return {
    ...merged,
    label: next.label,
    last: Math.max(merged.last, next.last),
    isClosed: merged.isClosed && next.isClosed,
    decidedUp: Math.max(merged.decidedUp, next.decidedUp),
    decidedDown: Math.max(merged.decidedDown, next.decidedDown),
    gapFrom: hasHoles ? gapFrom : 0,
    gapTo: hasHoles ? Math.max(merged.last, next.start, merged.gapTo, next.gapTo) : 0,
    up,
    down,
  }
}
