import type { AddressFamily } from '../../../bittorrent/types.ts'
import type { UdpConfig } from '../../../config/config.ts'

/** The section `udp` of the configuration, and where to listen. */
export interface UdpOptions extends Omit<UdpConfig, 'addr'> {
  readonly listen: UdpConfig['addr']
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
