import type { AddressFamily } from '../../../bittorrent/types.ts'

export interface HttpOptions {
  /** In httprouter syntax: `/announce/:passkey`, `/a/*rest`. */
  readonly announceRoutes: readonly string[]
  readonly scrapeRoutes: readonly string[]
  /** Query parameters that may carry the passkey when the route does not; the first one present counts. */
  readonly passkeyParams: readonly string[]
  readonly defaultNumwant: number
  readonly maxNumwant: number
  readonly maxScrapeInfohashes: number
  /** Believe `ip`, `ipv4` and `ipv6` parameters. */
  readonly allowIpSpoofing: boolean
  /** Header that names the client, believed from `trustedProxies` only. */
  readonly realIpHeader: string | undefined
  /** Networks as in `10.0.0.0/8`. */
  readonly trustedProxies: readonly string[]
  /** 0 means no limit, here and below. */
  readonly readTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly enableKeepalive: boolean
  /** Request line and headers together. */
  readonly maxHeaderBytes: number
  /** What a temporary failure tells the client (BEP 31). */
  readonly retryInMinutes: number
  /** The same for clients that only know `interval`. */
  readonly retryIntervalSeconds: number
}

/**
 * Called once for each announce and scrape, when its answer is ready, and for each answer to bytes that never became a
 * request.
 *
 * @param action empty for the latter
 * @param family `Unknown` when the request was refused before its address was known
 * @param error empty, the failure's text, or `internal error`
 * @param startedMs of `performance.now()`
 */
export type Observe = (
  action: 'announce' | 'scrape' | '',
  family: AddressFamily | 'Unknown',
  error: string,
  startedMs: number,
) => void

/** Told of every thrown value that is our fault and no client's, a store that failed among them. @param requestId as the client got it */
export type ReportFault = (error: unknown, requestId: string) => void
