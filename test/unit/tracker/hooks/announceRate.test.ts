import { expect, test } from 'vitest'
import { announceRate } from '../../../../src/tracker/hooks/announceRate.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { aPlan } from '../../../support/builders/builders.ts'

test.each([
  [0.5, 900, 450],
  [1, 900, 900],
  [0.25, 61, 15],
  [0.001, 900, 0],
])(
  '%d of a minimum interval of %i s is too early before %i s',
  (threshold, minIntervalSeconds, earlySeconds) => {
    const plan = aPlan({ minIntervalSeconds })
    announceRate({ threshold }).announce!(aRequest(), plan)
    expect(plan.earlySeconds).toBe(earlySeconds)
  },
)
