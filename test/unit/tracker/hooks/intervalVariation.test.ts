import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Infohash, PeerId } from '../../../../src/bittorrent/types.ts'
import {
  type IntervalVariationOptions,
  intervalVariation,
} from '../../../../src/tracker/hooks/intervalVariation.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { anInfohash, aPeerId, aPlan } from '../../../support/builders/builders.ts'

const OPTIONS: IntervalVariationOptions = {
  probability: 1,
  maxIncreaseSeconds: 60,
  modifiesMinInterval: true,
}

/** By how much both intervals of this session grow. */
function increase(infohash: Infohash, peerId: PeerId, options: Partial<IntervalVariationOptions> = {}) {
  const plan = aPlan({ intervalSeconds: 1800, minIntervalSeconds: 900 })
  intervalVariation({ ...OPTIONS, ...options }).announce!(aRequest({ infohash, peerId }), plan)
  return [plan.intervalSeconds - 1800, plan.minIntervalSeconds - 900]
}

const id = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Infohash & PeerId)

test('a session is told the same each time, by 1 up to the configured seconds more', () => {
  fc.assert(
    fc.property(id, id, fc.integer({ min: 1, max: 86_400 }), (infohash, peerId, maxIncreaseSeconds) => {
      const [interval, minInterval] = increase(infohash, peerId, { maxIncreaseSeconds })
      expect(interval).toBeGreaterThanOrEqual(1)
      expect(interval).toBeLessThanOrEqual(maxIncreaseSeconds)
      expect(minInterval).toBe(interval)
      expect(increase(infohash, peerId, { maxIncreaseSeconds })).toEqual([interval, minInterval])
    }),
  )
})

test('the minimum interval stays where the configuration says so', () => {
  const [interval, minInterval] = increase(anInfohash(), aPeerId(), { modifiesMinInterval: false })
  expect(interval).toBeGreaterThan(0)
  expect(minInterval).toBe(0)
})

/** Increases of many sessions whose ids differ in a few bits only. */
function sample(probability: number): number[] {
  const all = Array.from({ length: 100 }, (_, i) => i)
  return all.flatMap((i) => all.map((j) => increase(anInfohash(i), aPeerId(j), { probability })[0]!))
}

test.each([0.01, 0.2, 0.5, 0.9])('a share of about %d of the sessions comes back later', (probability) => {
  const share = sample(probability).filter((each) => each > 0).length / 10_000
  expect(Math.abs(share - probability)).toBeLessThan(0.02) // above four standard deviations
})

test('the seconds are spread evenly, whether many or few sessions are meant', () => {
  for (const probability of [0.2, 1]) {
    const increases = sample(probability).filter((each) => each > 0)
    const perSecond = Array.from({ length: 60 }, (_, i) => increases.filter((each) => each === i + 1).length)
    const mean = increases.length / 60
    for (const count of perSecond) expect(Math.abs(count - mean)).toBeLessThan(5 * Math.sqrt(mean))
  }
})
