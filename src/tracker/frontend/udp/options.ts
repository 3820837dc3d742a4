import type { AddressFamily } from '../../../bittorrent/types.ts'

export interface UdpOptions {
  readonly listen: {
    /** An address or a name; `::` serves IPv4 as well. */
    readonly host: string
    /** 0 takes a free one. */
    readonly port: number
  }
  /** Forms of the announce URL, in httprouter syntax; what stands in the place of `:passkey` is the passkey (BEP 41). */
  readonly announceRoutes: readonly string[]
  /** Query parameters, in lowercase, that may carry the passkey when the path does not; the first one present counts. */
  readonly passkeyParams: readonly string[]
  readonly defaultNumwant: number
  readonly maxNumwant: number
  readonly maxScrapeInfohashes: number
  /** Believe the IP address field of an announce. */
  readonly allowIpSpoofing: boolean
  /** Signs connection IDs. Without one a random key is made, which no other instance knows. */
  readonly privateKey: string | undefined
  /** Accepted, but never signed with. */
  readonly previousPrivateKeys: readonly string[]
  readonly connectionIdLifetimeSeconds: number
  /** How far in the future another instance's connection ID may lie. */
  readonly maxClockSkewSeconds: number
  /** Packets between being received and being answered; one more is dropped. */
  readonly maxInFlight: number
  /** The kernel's queue of unread packets; undefined leaves it to the system. */
  readonly receiveBufferBytes: number | undefined
  /** Other processes may listen on the same port, and share what arrives there. */
  readonly reusePort: boolean
}

/** Empty for packets that say nothing we know, or not who they come from. */
export type UdpAction = 'connect' | 'announce' | 'scrape' | ''

/**
 * Called once for each packet that was not dropped, when it is answered or passed over in silence.
 *
 * @param family `Unknown` when the packet was refused before it was understood
 * @param error empty, the failure's text, or `internal error`
 * @param startedMs of `performance.now()`
 */
export type Observe = (
  action: UdpAction,
  family: AddressFamily | 'Unknown',
  error: string,
  startedMs: number,
) => void

/**
 * Told of every thrown value that is our fault and no client's, a store that failed among them.
 * @param requestId the transaction ID of the packet
 */
export type ReportFault = (error: unknown, requestId: string) => void
