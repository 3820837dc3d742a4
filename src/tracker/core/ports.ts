import type { Infohash, Passkey, SwarmCounts } from '../../bittorrent/types.ts'
import type { AnnouncePlan } from './plan.ts'

/** What the store answered to one announce. */
export type AnnounceOutcome =
  | (SwarmCounts & {
      readonly status: 'served'
      /** Packed peers, 44 bytes each (bittorrent/packedPeer.ts). */
      readonly peers: Uint8Array
      /** Sooner than the plan's `earlySeconds` allow: credited as ever, but given no peers. Absent: no. */
      readonly isEarly?: boolean | undefined
    })
  | { readonly status: 'passkeyUnknown' | 'passkeyRejected' | 'whitelistMissing' }
  | { readonly status: 'torrentUnapproved' | 'torrentListMissing' | 'peerLimitReached' }

/**
 * What the site's verify endpoint says of a passkey. `unavailable`: it did not say anything that counts, and the client
 * should come back.
 */
export type PasskeyVerdict = 'approved' | 'rejected' | 'unavailable'

/** Asks the site about passkeys that are not on its whitelist. */
export interface PasskeyVerifier {
  /** Never rejects, and takes no longer than its timeout. What the site says is remembered for the whole fleet. */
  verify(passkey: Passkey): Promise<PasskeyVerdict>
}

/** Where the site's word is remembered for the whole fleet. Methods throw when that fails. */
export interface VerdictCache {
  accept(passkey: Passkey): Promise<void>
  reject(passkey: Passkey): Promise<void>
}

/** Hybrid torrents (BEP 52) have two infohashes and are one torrent: the v2 one stands for the v1 one. */
export interface TorrentAliases {
  /** The infohash that the swarm, the session and the traffic events have. Throws StoreUnavailable while the list is unknown. */
  resolve(infohash: Infohash): Infohash
}

/** The tracker's gateway to swarm state. Every method is one round trip and throws StoreUnavailable when it fails. */
export interface SwarmStore {
  /** Carries the plan out atomically: all of it, or nothing. */
  announce(plan: AnnouncePlan): Promise<AnnounceOutcome>
  /** Counts in the order asked; an unknown infohash counts as three zeros. Changes nothing. */
  scrape(infohashes: readonly Infohash[]): Promise<SwarmCounts[]>
}
