import { Refusal } from '../bittorrent/failure.ts'
import type { AnnounceRequest, AnnounceResponse, ScrapeRequest, ScrapeResponse } from '../bittorrent/types.ts'
import { answerAnnounce } from './answer.ts'
import { type AnnouncePlan, type AnnouncePolicy, planAnnounce } from './plan.ts'
import type { SwarmStore } from './ports.ts'

/** Refuses a request by throwing a Refusal, or amends its plan. Prepares its options in its factory and never awaits. */
export interface Hook {
  readonly name: string
  announce?(request: AnnounceRequest, plan: AnnouncePlan): void
  scrape?(request: ScrapeRequest): void
}

/** What both frontends ask. Holds nothing between two requests. */
export interface Tracker {
  /** Throws Refusal for the client's mistakes and StoreUnavailable when the store fails. */
  announce(request: AnnounceRequest): Promise<AnnounceResponse>
  /** Read-only (BEP 48). */
  scrape(request: ScrapeRequest): Promise<ScrapeResponse>
}

export interface TrackerOptions {
  readonly store: SwarmStore
  readonly hooks: readonly Hook[]
  readonly policy: AnnouncePolicy
}

export function createTracker({ store, hooks, policy }: TrackerOptions): Tracker {
  return {
    async announce(request) {
      const plan = planAnnounce(request, policy)
      for (const hook of hooks) hook.announce?.(request, plan)
      const outcome = await store.announce(plan) // the one round trip
      switch (outcome.status) {
        case 'served':
          return answerAnnounce(plan, outcome, policy)
        case 'passkeyUnknown':
        case 'passkeyRejected':
          throw new Refusal('unapprovedPasskey')
        case 'whitelistMissing':
          throw new Refusal('temporarilyUnavailable')
      }
    },

    async scrape(request) {
      for (const hook of hooks) hook.scrape?.(request)
      const counts = await store.scrape(request.infohashes) // one round trip for all of them
      return { files: counts.map((swarm, i) => ({ ...swarm, infohash: request.infohashes[i]! })) }
    },
  }
}
