import type { Infohash, SwarmCounts } from '../bittorrent/types.ts'
import type { AnnouncePlan } from './plan.ts'

/** What the store answered to one announce. */
export type AnnounceOutcome =
  | (SwarmCounts & {
      readonly status: 'served'
      /** Packed peers, 44 bytes each (bittorrent/packedPeer.ts). */
      readonly peers: Uint8Array
    })
  | { readonly status: 'passkeyUnknown' | 'passkeyRejected' | 'whitelistMissing' }

/** The tracker's gateway to swarm state. Every method is one round trip and throws StoreUnavailable when it fails. */
export interface SwarmStore {
  /** Carries the plan out atomically: all of it, or nothing. */
  announce(plan: AnnouncePlan): Promise<AnnounceOutcome>
  /** Counts in the order asked; an unknown infohash counts as three zeros. Changes nothing. */
  scrape(infohashes: readonly Infohash[]): Promise<SwarmCounts[]>
}
