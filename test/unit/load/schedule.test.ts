import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dueAt, dueBy } from '../../../src/load/schedule.ts'

describe('an open loop', () => {
  test('without a ramp is as fast from the first moment on', () => {
    const pace = { ratePerSecond: 100, rampMs: 0 }
    expect([0, 9, 10, 1000, 60_000].map((ms) => dueBy(ms, pace))).toEqual([0, 0, 1, 100, 6000])
    expect([1, 100].map((n) => dueAt(n, pace))).toEqual([10, 1000])
  })

  test('grows evenly during the ramp: half of the announces of a full rate, a quarter of them in the first half', () => {
    const pace = { ratePerSecond: 1000, rampMs: 8000 }
    expect([4000, 8000, 9000].map((ms) => dueBy(ms, pace))).toEqual([1000, 4000, 5000])
  })

  test('an announce is due exactly when it counts as due', () => {
    const paces = fc.record({ ratePerSecond: fc.integer({ min: 1, max: 100_000 }), rampMs: fc.nat(60_000) })
    fc.assert(
      fc.property(paces, fc.integer({ min: 1, max: 1_000_000 }), (pace, n) => {
        const at = dueAt(n, pace)
        expect(dueBy(at + 0.001, pace)).toBeGreaterThanOrEqual(n)
        expect(dueBy(Math.max(0, at - 0.001), pace)).toBeLessThanOrEqual(n)
      }),
    )
  })
})
