import { addressOf, isReachable } from '../../../bittorrent/address.ts'
import { type FailureCode, Refusal } from '../../../bittorrent/failure.ts'
import { allParams } from '../../../bittorrent/query.ts'
import type {
  AddressFamily,
  AnnounceEvent,
  AnnounceRequest,
  Infohash,
  IpAddress,
  PeerId,
  ScrapeRequest,
} from '../../../bittorrent/types.ts'
import type { UdpOptions } from './options.ts'
import { parseAnnouncePacket, parseScrapePacket } from './requests.ts'
import { type AnnounceStyle, maxScrapeEntries } from './responses.ts'
import { parseUrlData, readUrlData, type UrlDataOptions } from './urlData.ts'

export type ParseOptions = UrlDataOptions &
  Pick<UdpOptions, 'defaultNumwant' | 'maxNumwant' | 'maxScrapeInfohashes' | 'allowIpSpoofing'>

const EVENTS: readonly AnnounceEvent[] = ['none', 'completed', 'started', 'stopped']
/** What libtorrent sends for a partial seed, BEP 21's `paused`. */
const PAUSED_EVENT_ID = 4

/** An announce, and how it wants to be answered. */
export class UdpAnnounce implements AnnounceRequest, AnnounceStyle {
  readonly transactionId: number
  readonly isOldIpv6: boolean
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly event: AnnounceEvent
  readonly isPaused: boolean
  readonly port: number
  readonly address: IpAddress
  readonly otherAddress = undefined
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  readonly leftBytes: number
  readonly numwant: number
  readonly wantedFamily: AddressFamily
  readonly passkey: string | undefined
  readonly userAgent = ''
  readonly #rawQuery: string
  #params: Map<string, string> | undefined

  /** The checks in the order of Chihaya; the first that fails is the one the client reads. Throws Refusal. */
  constructor(datagram: Buffer, source: IpAddress, options: ParseOptions) {
    const packet = parseAnnouncePacket(datagram)
    this.transactionId = packet.transactionId
    this.isOldIpv6 = packet.ip.length === 16
    this.wantedFamily = source.family
    this.infohash = packet.infohash
    this.peerId = packet.peerId
    this.event = EVENTS[packet.eventId] ?? 'none'
    this.isPaused = packet.eventId === PAUSED_EVENT_ID
    const { passkey, rawQuery } = parseUrlData(readUrlData(packet.options), options)
    this.passkey = passkey
    this.#rawQuery = rawQuery
    // A client that has no metadata yet does not know what is left and says 2^63 - 1, 2^64 - 1 or the like.
    this.leftBytes = Math.min(packet.leftBytes, Number.MAX_SAFE_INTEGER)
    this.downloadedBytes = requireExact(packet.downloadedBytes, 'unparsableDownloaded')
    this.uploadedBytes = requireExact(packet.uploadedBytes, 'unparsableUploaded')
    this.numwant = Math.min(packet.numwant < 0 ? options.defaultNumwant : packet.numwant, options.maxNumwant)
    this.port = packet.port
    this.address = options.allowIpSpoofing ? (addressHint(packet.ip) ?? source) : source
    if (this.port === 0 && this.event !== 'stopped') throw new Refusal('invalidPort')
    if (!isReachable(this.address)) throw new Refusal('invalidIp')
  }

  get params(): ReadonlyMap<string, string> {
    this.#params ??= allParams(this.#rawQuery)
    return this.#params
  }
}

/**
 * @param datagram has a header with one of the announce actions
 * @param source where it came from
 * @throws Refusal for the first failing check in the order of Chihaya
 */
export function parseAnnounce(datagram: Buffer, source: IpAddress, options: ParseOptions): UdpAnnounce {
  return new UdpAnnounce(datagram, source, options)
}

/** Throws Refusal. Infohashes beyond the maximum, and beyond what one datagram answers, are cut. */
export function parseScrape(datagram: Buffer, source: IpAddress, options: ParseOptions): ScrapeRequest {
  const { infohashes } = parseScrapePacket(datagram)
  const most = Math.min(options.maxScrapeInfohashes, maxScrapeEntries(source.family))
  return { infohashes: infohashes.slice(0, most), passkey: undefined, address: source }
}

function requireExact(total: number, refusal: FailureCode): number {
  if (total > Number.MAX_SAFE_INTEGER) throw new Refusal(refusal)
  return total
}

/** The address that the client claims to have; undefined for all zeros, and for one where no peer can be. */
function addressHint(ip: Uint8Array): IpAddress | undefined {
  const address = ip.some((byte) => byte !== 0) ? addressOf(ip) : undefined
  return address && isReachable(address) ? address : undefined
}
