import type { Infohash, Passkey, PeerId } from '../../bittorrent/types.ts'

/** The time a rule looks at, Unix seconds: from, up to and without. */
export interface Span {
  readonly fromSeconds: number
  readonly untilSeconds: number
}

/** One row of `pt_windows`: what one passkey moved on one torrent, as far as its announces fell into this window. */
export interface WindowFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  readonly uploaded: bigint
  readonly downloaded: bigint
  /** Sum of the times since the announces before: what the bytes took, which may be longer than the window. */
  readonly seconds: number
  /** Part of `uploaded`: reported when nobody else in the swarm was downloading. */
  readonly uploadedNoLeechers: bigint
}

/** A torrent around the window in question, from everybody's announces. */
export interface SwarmFeatures {
  /** The most leechers besides the announcer that any announce has seen. */
  readonly maxLeechers: number
  /** By all other passkeys. */
  readonly downloadedByOthers: bigint
}

/** What all passkeys together moved on one torrent over a period. */
export interface TorrentFeatures {
  readonly infohash: Infohash
  readonly uploaded: bigint
  readonly downloaded: bigint
  /** Those who uploaded most, the first one first. */
  readonly uploaders: readonly { readonly passkey: Passkey; readonly uploaded: bigint }[]
}

/** A session at an address: one client on one torrent, and when it was there. */
export interface SightingFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly ip4: string | undefined
  readonly ip6: string | undefined
  readonly port: number
  readonly firstSeconds: number
  readonly lastSeconds: number
}

/** One passkey on one torrent over a period. */
export interface ResetFeatures {
  readonly passkey: Passkey
  readonly infohash: Infohash
  /** Client counters that began anew. */
  readonly resets: number
  readonly uploaded: bigint
}

/** One passkey over a period. */
export interface CompletionFeatures {
  readonly passkey: Passkey
  /** Different torrents that were reported completed by a session that had downloaded nothing. */
  readonly torrents: number
  readonly completions: number
}
