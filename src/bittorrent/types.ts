/** Words of the protocol, in the one form the rest of the program uses. Codecs turn wire forms into these. */

declare const brand: unique symbol

/** 20-byte SHA-1 of a torrent's info dictionary (BEP 3), as 40 lowercase hex digits. Made by `parseInfohash`. */
export type Infohash = string & { readonly [brand]: 'Infohash' }

/** 20 bytes a client chose for itself (BEP 20), as 40 lowercase hex digits. Made by `parsePeerId`. */
export type PeerId = string & { readonly [brand]: 'PeerId' }

/** A user's secret: 1 to 128 of `A-Z a-z 0-9 - _`; hex in lowercase, anything else as the site spells it. Made by `parsePasskey`. */
export type Passkey = string & { readonly [brand]: 'Passkey' }

/** Also the value of the label `address_family` and of the event field `af`. */
export type AddressFamily = 'IPv4' | 'IPv6'

/** One canonical address: an IPv4-mapped IPv6 address is IPv4 here. */
export interface IpAddress {
  readonly family: AddressFamily
  /** Canonical text: dotted quad, or RFC 5952 for IPv6. */
  readonly text: string
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array
}

/** What an announce says has happened (BEP 3); `none` is the regular one. */
export type AnnounceEvent = 'none' | 'started' | 'completed' | 'stopped'

/** An announce as a frontend understood it; the core does not know which frontend. */
export interface AnnounceRequest {
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly event: AnnounceEvent
  /** The client said `paused`: it seeds what it has and wants no more (BEP 21). `event` is `none` then. */
  readonly isPaused?: boolean
  /** 0 to 65535; 0 only with `stopped`. */
  readonly port: number
  /** Where the client is reached: its socket, its proxy's word for it, or its own word where spoofing is allowed. */
  readonly address: IpAddress
  /** The client's address in the other family, where it may tell us (`ipv4`, `ipv6` of BEP 7). */
  readonly otherAddress: IpAddress | undefined
  /** The client's totals since it started this torrent, 0 to 2^53 - 1. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  /** 0 to 2^53 - 1; the top value also stands for "unknown". */
  readonly leftBytes: number
  /** Peers wanted, already between 0 and the configured maximum. */
  readonly numwant: number
  /** The only family the answer can carry (UDP); undefined: both. */
  readonly wantedFamily: AddressFamily | undefined
  /** As found in the route or the query, unchecked; undefined when there is none. */
  readonly passkey: string | undefined
  /** User-Agent (HTTP) or empty (UDP). */
  readonly userAgent: string
  /** Other parameters by lowercase name, percent-decoded as latin1; the last of equal names. */
  readonly params: ReadonlyMap<string, string>
}

/** A peer as handed out: its id and one endpoint per family it is known by. */
export interface Peer {
  /** 20 raw bytes. */
  readonly peerId: Uint8Array
  /** 4 bytes and a port, or undefined. */
  readonly ipv4: Endpoint | undefined
  /** 16 bytes and a port, or undefined. */
  readonly ipv6: Endpoint | undefined
}

export interface Endpoint {
  readonly bytes: Uint8Array
  readonly port: number
}

export interface SwarmCounts {
  readonly seeders: number
  readonly leechers: number
  /** Finished downloads so far (`downloaded` of BEP 48). */
  readonly snatches: number
}

export interface AnnounceResponse extends SwarmCounts {
  readonly intervalSeconds: number
  readonly minIntervalSeconds: number
  /**
   * Packed peers (see bittorrent/packedPeer.ts), 44 bytes each, both families in one record; never the announcer
   * unless it is alone and `return_self_if_alone` is on.
   */
  readonly peers: Uint8Array
  /** BEP 24. */
  readonly externalIp: IpAddress
  /** Shown to the user beside a normal answer. */
  readonly warning: string | undefined
}

export interface ScrapeRequest {
  /** In the client's order, duplicates kept, already cut to the configured maximum. */
  readonly infohashes: readonly Infohash[]
  readonly passkey: string | undefined
  readonly address: IpAddress
}

/** One entry for each requested infohash, in the same order. */
export interface ScrapeResponse {
  readonly files: readonly (SwarmCounts & { readonly infohash: Infohash })[]
}
