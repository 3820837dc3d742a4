/** What a client of an HTTP server may take: time and bytes. 0 milliseconds: no limit. */
export interface HttpLimits {
  /** For a whole request, from its first byte to its last. */
  readonly readTimeoutMs: number
  /** A connection between two requests. */
  readonly idleTimeoutMs: number
  /** Request line and headers together. */
  readonly maxHeaderBytes: number
}

/** The longest and shortest time between two looks for connections past `readTimeoutMs`. */
const TIMEOUT_CHECK_MS = { min: 100, max: 5_000 }

/** The limits as options of node's `createServer`. */
export function httpLimitOptions({ readTimeoutMs, idleTimeoutMs, maxHeaderBytes }: HttpLimits) {
  const { min, max } = TIMEOUT_CHECK_MS
  return {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: readTimeoutMs,
    requestTimeout: readTimeoutMs,
    connectionsCheckingInterval: Math.min(Math.max(readTimeoutMs / 4, min), max),
    keepAliveTimeout: idleTimeoutMs,
  }
}
