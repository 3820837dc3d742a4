import { expect, test } from 'vitest'
import { peerLimit } from '../../../../src/tracker/hooks/peerLimit.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { aPlan } from '../../../support/builders/builders.ts'

test('the limits go into the plan, for the store to hold', () => {
  const plan = aPlan()
  peerLimit({ leeching: 3, seeding: 0 }).announce!(aRequest(), plan)
  expect(plan.peerLimit).toEqual({ leeching: 3, seeding: 0 })
})
