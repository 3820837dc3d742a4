import { percentDecode } from '../../../bittorrent/bytes20.ts'
import { Refusal } from '../../../bittorrent/failure.ts'
import { scanQuery } from '../../../bittorrent/query.ts'
import type { MatchRoute } from '../../../bittorrent/routePattern.ts'

const END_OF_OPTIONS = 0
const NOP = 1
const URL_DATA = 2
const MAX_OPTION_BYTES = 255

/**
 * The path and query of the announce URL that a client was given (BEP 41), one character per byte; empty when the
 * packet has none.
 *
 * @param options what follows the port; a list cut off between two options has ended
 * @throws Refusal `malformedPacket` for an option longer than the packet. Options of other types are skipped by their length.
 */
export function readUrlData(options: Uint8Array): string {
  const bytes = Buffer.from(options.buffer, options.byteOffset, options.byteLength)
  let urlData = ''
  for (let at = 0; at < bytes.length && bytes[at] !== END_OF_OPTIONS; ) {
    const option = bytes[at++]
    if (option === NOP) continue
    const length = bytes[at++]
    if (length === undefined || at + length > bytes.length) throw new Refusal('malformedPacket')
    if (option === URL_DATA) urlData += bytes.toString('latin1', at, at + length)
    at += length
  }
  return urlData
}

/** The options that carry this path and query, in as many parts as it takes. */
export function encodeUrlData(urlData: string): Uint8Array {
  const bytes = Buffer.from(urlData, 'latin1')
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += MAX_OPTION_BYTES) {
    const part = bytes.subarray(at, at + MAX_OPTION_BYTES)
    parts.push(Uint8Array.of(URL_DATA, part.length), part)
  }
  return Buffer.concat(parts)
}

export interface UrlDataOptions {
  readonly matchRoute: MatchRoute
  /** Lowercase. */
  readonly passkeyParams: readonly string[]
}

/** What a client's announce URL says beside host and port. */
export interface AnnounceUrl {
  /** From the path, else from the query, as with HTTP; unchecked. */
  readonly passkey: string | undefined
  /** What follows the `?`, one character per byte. */
  readonly rawQuery: string
}

const NO_URL: AnnounceUrl = { passkey: undefined, rawQuery: '' }

/**
 * @param urlData as `readUrlData` gives it. A path that is no route of ours is passed over: unlike with HTTP, nothing is
 *   served by it.
 * @throws Refusal `invalidQueryEscape`, `invalidInfohash`
 */
export function parseUrlData(urlData: string, { matchRoute, passkeyParams }: UrlDataOptions): AnnounceUrl {
  if (urlData === '') return NO_URL
  const mark = urlData.indexOf('?')
  const path = mark < 0 ? urlData : urlData.slice(0, mark)
  const rawQuery = mark < 0 ? '' : urlData.slice(mark + 1)
  const query = rawQuery === '' ? undefined : scanQuery(rawQuery, passkeyParams)
  const route = matchRoute(path)
  const routePasskey = route?.passkey ?? route?.credential
  return {
    passkey: routePasskey === undefined ? query?.passkey : (percentDecode(routePasskey) ?? routePasskey),
    rawQuery,
  }
}
