import { expect, test } from 'vitest'
import { Refusal } from '../../../src/bittorrent/failure.ts'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import type { AnnouncePlan } from '../../../src/tracker/plan.ts'
import type { AnnounceOutcome, SwarmStore } from '../../../src/tracker/ports.ts'
import { createTracker, type Hook } from '../../../src/tracker/tracker.ts'
import { anInfohash, anIpv4 } from '../../support/builders.ts'
import { aRequest, POLICY } from './aRequest.ts'

const served: AnnounceOutcome = {
  status: 'served',
  seeders: 1,
  leechers: 2,
  snatches: 3,
  peers: Buffer.alloc(44),
}

/** A tracker on a store that answers as told and remembers its plans. */
function aTracker(outcome: AnnounceOutcome | Error, hooks: Hook[] = []) {
  const plans: AnnouncePlan[] = []
  const store: SwarmStore = {
    async announce(plan) {
      plans.push(plan)
      if (outcome instanceof Error) throw outcome
      return outcome
    },
    async scrape(infohashes) {
      return infohashes.map((_, i) => ({ seeders: i, leechers: 0, snatches: 0 }))
    },
  }
  return { plans, tracker: createTracker({ store, hooks, policy: POLICY }) }
}

test('hooks amend the plan in their order, and the store carries out what they left', async () => {
  const raise = (by: number): Hook => ({
    name: `raise ${by}`,
    announce: (_, plan) => {
      plan.intervalSeconds = plan.intervalSeconds * 10 + by
    },
  })
  const { tracker, plans } = aTracker(served, [raise(1), { name: 'no announce' }, raise(2)])
  expect(await tracker.announce(aRequest())).toMatchObject({ intervalSeconds: 180_012, seeders: 1 })
  expect(plans).toHaveLength(1)
})

test('a hook that refuses keeps the announce from the store and from later hooks', async () => {
  const refuse = (code: 'invalidPasskey' | 'missingPasskey'): Hook => ({
    name: code,
    announce() {
      throw new Refusal(code)
    },
  })
  const { tracker, plans } = aTracker(served, [refuse('invalidPasskey'), refuse('missingPasskey')])
  await expect(tracker.announce(aRequest())).rejects.toThrow(new Refusal('invalidPasskey'))
  expect(plans).toEqual([])
})

test.each([
  ['passkeyUnknown', 'unapprovedPasskey'],
  ['passkeyRejected', 'unapprovedPasskey'],
  ['whitelistMissing', 'temporarilyUnavailable'],
] as const)('the outcome %s is the refusal %s', async (status, code) => {
  await expect(aTracker({ status }).tracker.announce(aRequest())).rejects.toThrow(new Refusal(code))
})

test('a failed store stays a failed store', async () => {
  const failed = new StoreUnavailable('announce.lua')
  await expect(aTracker(failed).tracker.announce(aRequest())).rejects.toBe(failed)
})

test('a client that stops is given no peers, whatever it wants', async () => {
  const { tracker, plans } = aTracker(served)
  await tracker.announce(aRequest({ event: 'stopped', numwant: 50 }))
  expect(plans[0]!.numwant).toBe(0)
})

test('scraped counts come back beside the infohashes asked for, duplicates included', async () => {
  const infohashes = [anInfohash(2), anInfohash(1), anInfohash(2)]
  const { files } = await aTracker(served).tracker.scrape({
    infohashes,
    passkey: undefined,
    address: anIpv4(),
  })
  expect(files.map((each) => [each.infohash, each.seeders])).toEqual([
    [anInfohash(2), 0],
    [anInfohash(1), 1],
    [anInfohash(2), 2],
  ])
})
