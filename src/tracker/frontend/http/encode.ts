import { formatAddress } from '../../../bittorrent/address.ts'
import { type BencodeInput, bencode } from '../../../bittorrent/bencode.ts'
import { bytesOf } from '../../../bittorrent/bytes20.ts'
import { countEndpoints, unpackPeers, writeEndpoints } from '../../../bittorrent/compactPeers.ts'
import { FAILURE_REASONS, type FailureCode, isTemporary } from '../../../bittorrent/failure.ts'
import { ENDPOINT_BYTES } from '../../../bittorrent/packedPeer.ts'
import type { AnnounceResponse, ScrapeResponse } from '../../../bittorrent/types.ts'
import type { HttpOptions } from './options.ts'

/** How an announcer wants its peers written. */
export interface AnnounceStyle {
  /** Compact lists `peers` and `peers6`; else one list of dictionaries for both families. */
  readonly isCompact: boolean
  /** No `peer id` in those dictionaries. */
  readonly omitsPeerIds: boolean
}

/** The answer to an announce: keys sorted, `peers` always there, `peers6` only with something in it. */
export function encodeAnnounce(response: AnnounceResponse, style: AnnounceStyle): Uint8Array {
  return style.isCompact ? encodeCompact(response) : encodeDictionaries(response, style.omitsPeerIds)
}

/** One buffer of known size, since nearly every request ends here. */
function encodeCompact(response: AnnounceResponse): Uint8Array {
  const { seeders, leechers, snatches, intervalSeconds, minIntervalSeconds, peers, externalIp, warning } =
    response
  const peersBytes = countEndpoints(peers, 'IPv4') * ENDPOINT_BYTES.IPv4
  const peers6Bytes = countEndpoints(peers, 'IPv6') * ENDPOINT_BYTES.IPv6
  const ipBytes = externalIp.bytes
  const beforeIp = `d8:completei${seeders}e10:downloadedi${snatches}e11:external ip${ipBytes.length}:`
  const beforePeers = `10:incompletei${leechers}e8:intervali${intervalSeconds}e12:min intervali${minIntervalSeconds}e5:peers${peersBytes}:`
  const beforePeers6 = peers6Bytes === 0 ? '' : `6:peers6${peers6Bytes}:`
  const ending = warning === undefined ? 'e' : `${warningEntry(warning)}e`
  const answer = Buffer.allocUnsafe(
    beforeIp.length +
      ipBytes.length +
      beforePeers.length +
      peersBytes +
      beforePeers6.length +
      peers6Bytes +
      ending.length,
  )
  let at = answer.write(beforeIp, 0, 'latin1')
  for (let i = 0; i < ipBytes.length; i++) answer[at++] = ipBytes[i]!
  at += answer.write(beforePeers, at, 'latin1')
  at = writeEndpoints(peers, 'IPv4', answer, at)
  if (peers6Bytes > 0) {
    at += answer.write(beforePeers6, at, 'latin1')
    at = writeEndpoints(peers, 'IPv6', answer, at)
  }
  answer.write(ending, at, 'latin1')
  return answer
}

/** As a binary string. */
function warningEntry(warning: string): string {
  const text = Buffer.from(warning)
  return `15:warning message${text.length}:${text.toString('latin1')}`
}

function encodeDictionaries(response: AnnounceResponse, omitsPeerIds: boolean): Uint8Array {
  const answer: Record<string, BencodeInput> = {
    complete: response.seeders,
    downloaded: response.snatches,
    'external ip': response.externalIp.bytes,
    incomplete: response.leechers,
    interval: response.intervalSeconds,
    'min interval': response.minIntervalSeconds,
    peers: peerDictionaries(response.peers, omitsPeerIds),
  }
  if (response.warning !== undefined) answer['warning message'] = response.warning
  return bencode(answer)
}

/** A dual-stack peer is two entries, one for each of its addresses. */
function peerDictionaries(packed: Uint8Array, omitsPeerIds: boolean): BencodeInput[] {
  const list: BencodeInput[] = []
  for (const { peerId, ipv4, ipv6 } of unpackPeers(packed)) {
    for (const endpoint of [ipv4, ipv6]) {
      if (!endpoint) continue
      const entry = { ip: formatAddress(endpoint.bytes), port: endpoint.port }
      list.push(omitsPeerIds ? entry : { ...entry, 'peer id': peerId })
    }
  }
  return list
}

/** `files` by raw infohash (BEP 48); one asked for twice is answered once. */
export function encodeScrape(response: ScrapeResponse): Uint8Array {
  const files = new Map<string, BencodeInput>()
  for (const { infohash, seeders, leechers, snatches } of response.files) {
    files.set(bytesOf(infohash).toString('latin1'), {
      complete: seeders,
      downloaded: snatches,
      incomplete: leechers,
    })
  }
  return bencode({ files })
}

export type RetryOptions = Pick<HttpOptions, 'retryInMinutes' | 'retryIntervalSeconds'>

/** The answer for every failure there is, made once. A temporary one says when to come back (BEP 31). */
export function encodeFailures(retry: RetryOptions): Readonly<Record<FailureCode, Uint8Array>> {
  const entries = Object.entries(FAILURE_REASONS).map(([code, reason]) => {
    const comeBack = isTemporary(code as FailureCode)
      ? { interval: retry.retryIntervalSeconds, 'retry in': retry.retryInMinutes }
      : {}
    return [code, bencode({ 'failure reason': reason, ...comeBack })]
  })
  return Object.fromEntries(entries)
}
