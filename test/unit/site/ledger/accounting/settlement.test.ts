import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import {
  type ClosingRules,
  closeSession as close,
  isOpen,
  type RecoveredSpan,
} from '../../../../../src/site/ledger/accounting/closing.ts'
import type { KnownLosses } from '../../../../../src/site/ledger/accounting/knownLosses.ts'
import { readSession, writeSession } from '../../../../../src/site/ledger/accounting/sessionRecord.ts'
import {
  type Credit,
  NEW_SESSION,
  type Session,
  type SettlementRules,
  settleEvent,
} from '../../../../../src/site/ledger/accounting/settlement.ts'
import { runs, SettlementModel } from './settlementModel.ts'

const EVERYTHING_LOST: KnownLosses = { areBetween: () => true }
const CLOSING: ClosingRules = {
  recover: true,
  forgetBefore: 0,
  losses: EVERYTHING_LOST,
  expirySeconds: 604_800,
}
const RULES: SettlementRules = { maxGapSeconds: 5_400, latestSeconds: Number.MAX_SAFE_INTEGER }

/** Closes, and adds up what was recovered. */
function closeSession(session: Session, rules: ClosingRules) {
  const { session: closed, recovered } = close(session, rules)
  const sum = (pick: (span: RecoveredSpan) => number) => recovered.reduce((all, span) => all + pick(span), 0)
  return { session: closed, up: sum(({ up }) => up), down: sum(({ down }) => down) }
}

interface Announce {
  readonly at: number
  readonly up: number
  readonly du: number
  readonly since: number
  readonly down?: number
  readonly dd?: number
  readonly dt?: number
  readonly left?: number
  readonly event?: TrafficEvent['event']
}

function anEvent({
  at,
  up,
  du,
  since,
  down = 0,
  dd = 0,
  dt = 0,
  left = 0,
  event = 'none',
}: Announce): TrafficEvent {
  return {
    uploadedDeltaBytes: du,
    downloadedDeltaBytes: dd,
    leftBytes: left,
    event,
    atSeconds: at,
    elapsedSeconds: dt,
    totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
  } as TrafficEvent
}

const withoutTotals = (announce: Announce): TrafficEvent => ({ ...anEvent(announce), totals: undefined })

/** Settles one after the other. */
function settled(
  events: readonly TrafficEvent[],
  from: Session = NEW_SESSION,
): { session: Session; credits: Credit[] } {
  let session = from
  const credits = events.map((event) => {
    const step = settleEvent(session, event, RULES)
    session = step.session
    return step.credit
  })
  return { session, credits }
}

const ups = (credits: readonly Credit[]) => credits.map(({ up }) => up)
const reasons = (credits: readonly Credit[]) => credits.map(({ reason }) => reason)

describe('an entry', () => {
  const first = anEvent({ at: 100, up: 50, du: 0, since: 100 })
  const second = anEvent({ at: 200, up: 80, du: 30, since: 100, dt: 100 })
  const third = anEvent({ at: 300, up: 90, du: 10, since: 100, dt: 100 })

  test('credits what it claims', () => {
    const { credits, session } = settled([first, second, third])
    expect(ups(credits)).toEqual([0, 30, 10])
    expect(reasons(credits)).toEqual(['first', 'growth', 'growth'])
    expect(isOpen(session)).toBe(false)
  })

  test('credits nothing a second time', () => {
    const { credits } = settled([first, second, third, second, third, first])
    expect(ups(credits).slice(3)).toEqual([0, 0, 0])
    expect(credits[3]).toMatchObject({ reason: 'covered', overlapUp: 30 })
  })

  test('credits the part that a rollback of Redis did not take back', () => {
    const afterRollback = anEvent({ at: 250, up: 95, du: 45, since: 100, dt: 150 })
    const { credits } = settled([first, second, afterRollback])
    expect(credits[2]).toMatchObject({ up: 15, overlapUp: 30, reason: 'overlap' })
  })

  test('leaves a hole where entries are lost, which is credited when nothing older can come', () => {
    const { credits, session } = settled([first, third])
    expect(credits[1]).toMatchObject({ up: 10, isGap: true })
    expect(isOpen(session)).toBe(true)
    const closed = closeSession(session, CLOSING)
    expect(closed).toMatchObject({ up: 30, down: 0 })
    expect(isOpen(closed.session)).toBe(false)
    expect(ups(settled([second], closed.session).credits)).toEqual([0])
  })

  test('opens a generation after a wipe, and the step up to it is credited once', () => {
    const afterWipe = anEvent({ at: 400, up: 120, du: 0, since: 400 })
    const { credits, session } = settled([first, second, afterWipe])
    expect(credits[2]).toMatchObject({ up: 0, reason: 'baseline' })
    const closed = closeSession(session, CLOSING)
    expect(closed.up).toBe(40)
    expect(closeSession(closed.session, CLOSING).up).toBe(0)
  })

  test('that was lost in a wipe adds nothing when it turns up after the step was credited', () => {
    const lost = anEvent({ at: 300, up: 110, du: 30, since: 100 })
    const lostBaseline = anEvent({ at: 310, up: 112, du: 0, since: 310 })
    const lostGrowth = anEvent({ at: 320, up: 115, du: 3, since: 310 })
    const afterWipe = anEvent({ at: 400, up: 120, du: 0, since: 400 })
    const closed = closeSession(settled([first, second, afterWipe]).session, CLOSING)
    expect(closed.up).toBe(40)
    const relics = settled([lost, lostBaseline, lostGrowth], closed.session)
    expect(ups(relics.credits)).toEqual([0, 0, 0])
    expect(reasons(relics.credits)).toEqual(['covered', 'overtaken', 'overtaken'])
    expect(closeSession(relics.session, CLOSING).up).toBe(0)
  })

  test('that is lost is counted once where it is not to be credited, and can still be settled', () => {
    const counting = { ...CLOSING, recover: false }
    const afterWipe = anEvent({ at: 400, up: 120, du: 0, since: 400 })
    const closed = closeSession(settled([first, third, afterWipe]).session, counting)
    expect(closed.up).toBe(30 + 30)
    expect(isOpen(closed.session)).toBe(false)
    expect(closeSession(closed.session, counting).up).toBe(0)
    expect(ups(settled([second], closed.session).credits)).toEqual([30])
  })

  test('by an older baseline that a rollback brought back goes on where both runs end', () => {
    const afterWipe = anEvent({ at: 400, up: 120, du: 0, since: 400 })
    const afterRollback = anEvent({ at: 500, up: 130, du: 50, since: 100 }) // Redis remembers 80 again
    const { credits, session } = settled([first, second, afterWipe, afterRollback])
    expect(ups(credits)).toEqual([0, 30, 0, 50])
    const lost = anEvent({ at: 300, up: 110, du: 30, since: 100 })
    expect(ups(settled([lost], session).credits)).toEqual([0])
    expect(closeSession(session, CLOSING).up).toBe(0)
  })

  test('opens a generation when the client restarts, and nothing is credited for the step down', () => {
    const restarted = anEvent({ at: 400, up: 5, du: 0, since: 400, event: 'started' })
    const grown = anEvent({ at: 500, up: 95, du: 90, since: 400 })
    const { credits, session } = settled([first, second, restarted, grown])
    expect(ups(credits)).toEqual([0, 30, 0, 90])
    expect(credits[2]!.reason).toBe('reset')
    expect(closeSession(session, CLOSING).up).toBe(0)
  })

  test('opens a generation for a restart that a rolled back Redis did not see', () => {
    const beforeRollback = anEvent({ at: 300, up: 500, du: 420, since: 100 })
    const unseen = anEvent({ at: 400, up: 90, du: 10, since: 100 }) // Redis remembers 80
    const { credits, session } = settled([first, second, beforeRollback, unseen])
    expect(credits[3]).toMatchObject({ up: 10, reason: 'restart' })
    expect(closeSession(session, CLOSING).up).toBe(0)
  })

  test('of a restart that Redis did not see may come before the one that began it', () => {
    const beforeRollback = anEvent({ at: 300, up: 500, du: 420, since: 100 })
    const earlier = anEvent({ at: 400, up: 90, du: 10, since: 100 })
    const later = anEvent({ at: 450, up: 90, du: 0, since: 100 })
    const newest = anEvent({ at: 500, up: 110, du: 30, since: 100 }) // rolled back to 80 once more
    const { credits } = settled([first, second, beforeRollback, later, earlier, newest])
    expect(ups(credits)).toEqual([0, 30, 420, 0, 10, 20])
  })

  test('of before a baseline in the same second belongs to the run before', () => {
    const stopped = anEvent({ at: 300, up: 90, du: 10, since: 100, event: 'stopped' })
    const started = anEvent({ at: 300, up: 0, du: 0, since: 300, event: 'started' })
    const inOrder = settled([first, second, stopped, started])
    const swapped = settled([first, second, started, stopped])
    expect(ups(inOrder.credits)).toEqual([0, 30, 10, 0])
    expect(ups(swapped.credits)).toEqual([0, 30, 0, 10])
    expect(closeSession(swapped.session, CLOSING).up).toBe(0)
  })

  test('whose clock stepped back below since counts as made at since', () => {
    const steppedBack = anEvent({ at: 40, up: 95, du: 5, since: 100 })
    const { credits, session } = settled([first, second, third, steppedBack])
    expect(ups(credits)).toEqual([0, 30, 10, 5])
    expect(session.generations).toHaveLength(1)
  })
})

describe('an entry without totals', () => {
  const plain = withoutTotals({ at: 200, up: 0, du: 30, since: 0, dt: 100 })

  test('credits du and dd as they are', () => {
    expect(settled([plain]).credits[0]).toMatchObject({ up: 30, down: 0, reason: 'blind' })
  })

  test('shows a gap when it does not follow the entry before', () => {
    const late = withoutTotals({ at: 500, up: 0, du: 1, since: 0, dt: 100 })
    expect(settled([plain, late]).credits.map(({ isGap }) => isGap)).toEqual([false, true])
  })

  test('makes the hole around it worth nothing: its bytes show in no coverage', () => {
    const before = anEvent({ at: 100, up: 50, du: 0, since: 100 })
    const after = anEvent({ at: 300, up: 90, du: 10, since: 100, dt: 100 })
    const { credits, session } = settled([before, plain, after])
    expect(ups(credits)).toEqual([0, 30, 10])
    expect(closeSession(session, CLOSING).up).toBe(0)
  })
})

describe('seed and leech time', () => {
  const seconds = (events: readonly TrafficEvent[]) => {
    const { credits } = settled(events)
    const sum = (pick: (credit: Credit) => number) => credits.reduce((all, credit) => all + pick(credit), 0)
    return [sum(({ seedSeconds }) => seedSeconds), sum(({ leechSeconds }) => leechSeconds)]
  }
  const at = (time: number, more: Partial<Announce> = {}) =>
    anEvent({ at: time, up: 0, du: 0, since: 0, dt: 1_000, ...more })

  test('seeding is what a client did that has it all and loaded nothing', () => {
    expect(seconds([at(1_000)])).toEqual([1_000, 0])
    expect(seconds([at(1_000, { left: 5 })])).toEqual([0, 1_000])
    expect(seconds([at(1_000, { down: 5, dd: 5 })])).toEqual([0, 1_000])
    expect(seconds([at(1_000, { event: 'completed' })])).toEqual([0, 1_000])
  })

  test('a client that starts was not there before', () => {
    expect(seconds([at(1_000, { event: 'started' })])).toEqual([0, 0])
  })

  test('a gap counts up to a limit', () => {
    expect(seconds([at(90_000, { dt: 80_000 })])).toEqual([5_400, 0])
  })

  test('the same second counts once', () => {
    expect(seconds([at(1_000), at(1_500), at(1_000)])).toEqual([1_500, 0])
  })

  test('a gap is not made up for when the books are closed', () => {
    const { session } = settled([at(1_000), at(5_000)])
    expect(session.time).toEqual([0, 1_000, 4_000, 5_000])
    expect(closeSession(session, CLOSING).session.time).toEqual([0, 5_000])
  })
})

describe('what is forgotten', () => {
  const old = anEvent({ at: 100, up: 50, du: 0, since: 100 })
  const restarted = anEvent({ at: 900, up: 5, du: 0, since: 900 })
  const { session } = closeSession(settled([old, restarted]).session, { ...CLOSING, forgetBefore: 1_000 })

  test('is a closed generation that ended long ago, never the last one', () => {
    expect(session.generations.map(({ start }) => start)).toEqual([900])
  })

  test('credits nothing any more', () => {
    const { credits } = settled([anEvent({ at: 200, up: 80, du: 30, since: 100 })], session)
    expect(credits[0]).toMatchObject({ up: 0, reason: 'forgotten' })
  })
})

test('the books of a session survive their text', () => {
  fc.assert(
    fc.property(runs('restart', 'snapshot', 'rollback', 'wipe', 'trim'), (actions) => {
      const model = new SettlementModel()
      model.run(actions)
      expect(readSession(writeSession(model.session()))).toEqual(model.session())
    }),
  )
  expect(readSession('[]')).toEqual(NEW_SESSION)
})
