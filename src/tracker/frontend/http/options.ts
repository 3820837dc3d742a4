import type { AddressFamily } from '../../../bittorrent/types.ts'
import type { HttpConfig } from '../../../config/config.ts'

/** The section `http` of the configuration without what others use: addresses, certificate, decisions of the tracker. */
export interface HttpOptions
  extends Omit<
    HttpConfig,
    'addr' | 'httpsAddr' | 'tls' | 'proxyProtocol' | 'returnSelfIfAlone' | 'scrapeRequiresPasskey'
  > {
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
