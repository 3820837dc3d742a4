import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Action, runs, SettlementModel } from './settlementModel.ts'

/** Histories in all, over every property here. By hand: `npm run test:property`, with a number of one's own in PROPERTY_RUNS. */
const ALL_RUNS = Number(process.env.PROPERTY_RUNS ?? 12_000)
const SEED = process.env.PROPERTY_SEED === undefined ? undefined : Number(process.env.PROPERTY_SEED)

const outcome = (actions: readonly Action[]) => new SettlementModel().run(actions)

/** Entries in their order, each acknowledged: within one life of Redis an ID decides what comes twice. */
const inOrder = (actions: Action[]) =>
  actions.map((action) => {
    if (action.do === 'drain') return { ...action, picks: [0] }
    return action.do === 'consume' ? { ...action, picks: [0], again: false } : action
  })

const EXACT: readonly (readonly Action['do'][])[] = [
  ['snapshot', 'rollback', 'wipe', 'trim', 'relic'],
  ['stall', 'execute', 'relic'],
]
const NEVER_ABOVE: readonly (readonly Action['do'][])[] = [
  ['restart', 'snapshot', 'rollback', 'wipe', 'trim'],
  ['restart', 'discard', 'silence', 'snapshot', 'rollback', 'wipe', 'trim'],
  ['stall', 'execute', 'restart'],
  ['stall', 'execute', 'trim'],
  ['lie', 'restart', 'discard', 'relic'],
  ['silence', 'wipe', 'relic'],
]
/** Where Redis' clock steps, the order of entries is the only one there is. */
const NEVER_ABOVE_IN_ORDER: readonly (readonly Action['do'][])[] = [
  ['clock', 'restart'],
  ['clock', 'wipe'],
  ['clock', 'snapshot', 'rollback'],
]

const numRuns = Math.ceil(ALL_RUNS / (EXACT.length + 1 + NEVER_ABOVE.length + NEVER_ABOVE_IN_ORDER.length))
const parameters = { numRuns, ...(SEED === undefined ? {} : { seed: SEED }) }
const timeout = 60_000 + ALL_RUNS

function expectNeverAbove(actions: readonly Action[]): void {
  const { credited, moved } = outcome(actions)
  expect(credited.up).toBeLessThanOrEqual(moved.up)
  expect(credited.down).toBeLessThanOrEqual(moved.down)
}

describe(`credit against what the client moved, ${numRuns} histories each`, () => {
  test.each(EXACT)('exact with %s', { timeout }, (...faults) => {
    const exact = (actions: Action[]) => {
      const { credited, moved } = outcome(actions)
      expect(credited).toEqual(moved)
    }
    fc.assert(fc.property(runs(...faults), exact), parameters)
  })

  test('exact when the client restarts and entries come late, twice and in any order', { timeout }, () => {
    const exact = (actions: Action[]) => {
      const { credited, announced } = outcome(actions)
      expect(credited).toEqual(announced)
    }
    fc.assert(fc.property(runs('restart', 'relic'), exact), parameters)
  })

  test.each(NEVER_ABOVE)('never above with %s', { timeout }, (...faults) => {
    fc.assert(fc.property(runs(...faults), expectNeverAbove), parameters)
  })

  test.each(NEVER_ABOVE_IN_ORDER)('never above, in order, with %s', { timeout }, (...faults) => {
    fc.assert(fc.property(runs(...faults).map(inOrder), expectNeverAbove), parameters)
  })
})
