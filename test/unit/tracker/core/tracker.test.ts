import { expect, test } from 'vitest'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import { StoreUnavailable } from '../../../../src/runtime/errors.ts'
import type { AnnouncePlan } from '../../../../src/tracker/core/plan.ts'
import type { AnnounceOutcome, PasskeyVerdict, SwarmStore } from '../../../../src/tracker/core/ports.ts'
import { createTracker, type Hook } from '../../../../src/tracker/core/tracker.ts'
import { aRequest, POLICY } from '../../../support/builders/aRequest.ts'
import { anInfohash, anIpv4, aPasskey } from '../../../support/builders/builders.ts'

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
  ['torrentUnapproved', 'unapprovedTorrent'],
  ['torrentListMissing', 'temporarilyUnavailable'],
  ['peerLimitReached', 'peerLimitReached'],
] as const)('the outcome %s is the refusal %s', async (status, code) => {
  await expect(aTracker({ status }).tracker.announce(aRequest())).rejects.toThrow(new Refusal(code))
})

/** A tracker whose site says this of a passkey, on a store that serves whoever is verified. */
function aVerifyingTracker(status: RefusedStatus, said: PasskeyVerdict) {
  const approvals: string[] = []
  const asked: string[] = []
  const store: SwarmStore = {
    async announce({ approval }) {
      approvals.push(approval)
      return approval === 'verified' ? served : { status }
    },
    scrape: async () => [],
  }
  const verifier = {
    async verify(passkey: string) {
      asked.push(passkey)
      return said
    },
  }
  const wantsListed: Hook = {
    name: 'wants a listed passkey',
    announce(_, plan) {
      plan.passkey = aPasskey()
      plan.approval = 'whitelist'
    },
  }
  const tracker = createTracker({ store, hooks: [wantsListed], policy: POLICY, verifier })
  return { tracker, approvals, asked }
}

type RefusedStatus = Exclude<AnnounceOutcome['status'], 'served'>
test.each(['passkeyUnknown', 'whitelistMissing'] as const)(
  '%s: whom the site approves goes through the script exactly once more',
  async (status) => {
    const { tracker, approvals, asked } = aVerifyingTracker(status, 'approved')
    expect(await tracker.announce(aRequest())).toMatchObject({ seeders: 1 })
    expect(approvals).toEqual(['whitelist', 'verified'])
    expect(asked).toEqual([aPasskey()])
  },
)

test.each([
  ['passkeyUnknown', 'rejected', 'rejected', 'unapprovedPasskey'],
  ['passkeyUnknown', 'not answered about', 'unavailable', 'temporarilyUnavailable'],
  ['whitelistMissing', 'rejected, but the list may hold it', 'rejected', 'temporarilyUnavailable'],
  ['whitelistMissing', 'not answered about', 'unavailable', 'temporarilyUnavailable'],
] as const)('%s and %s: one call of the store', async (status, _, said, code) => {
  const { tracker, approvals } = aVerifyingTracker(status, said)
  await expect(tracker.announce(aRequest())).rejects.toThrow(new Refusal(code))
  expect(approvals).toEqual(['whitelist'])
})

test.each([
  ['passkeyRejected', 'unapprovedPasskey'],
  ['torrentUnapproved', 'unapprovedTorrent'],
  ['torrentListMissing', 'temporarilyUnavailable'],
  ['peerLimitReached', 'peerLimitReached'],
] as const)('%s is decided without asking the site', async (status, code) => {
  const { tracker, asked } = aVerifyingTracker(status, 'approved')
  await expect(tracker.announce(aRequest())).rejects.toThrow(new Refusal(code))
  expect(asked).toEqual([])
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
