import { percentDecode } from '../../../bittorrent/bytes20.ts'
import { type FailureCode, Refusal } from '../../../bittorrent/failure.ts'
import { allParams, type Query, scanQuery } from '../../../bittorrent/query.ts'
import type {
  AnnounceEvent,
  AnnounceRequest,
  Infohash,
  IpAddress,
  PeerId,
  ScrapeRequest,
} from '../../../bittorrent/types.ts'
import { type AddressSource, type FindClientIp, requireReachable, spoofedAddresses } from './clientIp.ts'
import type { HttpOptions } from './options.ts'

/** A request as it arrived, nothing looked at yet. */
export interface HttpRequest extends AddressSource {
  /** What follows the `?`, one character per byte. */
  readonly rawQuery: string
  /** Already percent-decoded; undefined when the route has none. */
  readonly routePasskey: string | undefined
  readonly userAgent: string
}

export type ParseOptions = Pick<
  HttpOptions,
  'passkeyParams' | 'defaultNumwant' | 'maxNumwant' | 'maxScrapeInfohashes' | 'allowIpSpoofing'
> & { readonly findClientIp: FindClientIp }

/** Event names in lowercase. Any other word is no event. */
const EVENTS: ReadonlyMap<string, AnnounceEvent> = new Map([
  ['started', 'started'],
  ['completed', 'completed'],
  ['stopped', 'stopped'],
])
const MAX_PORT = 65_535
const MAX_UINT64 = 2n ** 64n - 1n
/** Every number of up to 15 digits is exact. */
const EXACT_DIGITS = 15

/** An announce, and how its sender wants the peers written. */
export class HttpAnnounce implements AnnounceRequest {
  readonly infohash: Infohash
  readonly peerId: PeerId
  readonly event: AnnounceEvent
  readonly isPaused: boolean
  readonly port: number
  readonly address: IpAddress
  readonly otherAddress: IpAddress | undefined
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  readonly leftBytes: number
  readonly numwant: number
  readonly wantedFamily = undefined
  readonly passkey: string | undefined
  readonly userAgent: string
  /** Compact peers (BEP 23); else a list of dictionaries. */
  readonly isCompact: boolean
  /** No peer ids in that list. */
  readonly omitsPeerIds: boolean
  readonly #rawQuery: string
  #params: Map<string, string> | undefined

  /** The checks in the order of Chihaya; the first that fails is the one the client reads. Throws Refusal. */
  constructor(request: HttpRequest, options: ParseOptions) {
    const query = scanQuery(request.rawQuery, options.passkeyParams)
    const eventWord = lowercaseWord(query.event)
    this.event = EVENTS.get(eventWord) ?? 'none'
    this.isPaused = eventWord === 'paused'
    this.infohash = onlyInfohash(query)
    this.peerId = parsePeerId(query)
    this.leftBytes = parseLeft(query.left)
    this.downloadedBytes = parseTotal(query.downloaded, 'unparsableDownloaded')
    this.uploadedBytes = parseTotal(query.uploaded, 'unparsableUploaded')
    this.numwant = parseNumwant(query.numwant, options)
    this.port = parsePort(query.port)
    this.address = options.findClientIp(request)
    this.otherAddress = undefined
    if (options.allowIpSpoofing) {
      const { address, otherAddress } = spoofedAddresses(query, this.address)
      this.address = address
      this.otherAddress = otherAddress
    }
    if (this.port === 0 && this.event !== 'stopped') throw new Refusal('invalidPort')
    requireReachable(this.address)
    this.passkey = request.routePasskey ?? query.passkey
    this.userAgent = request.userAgent
    this.isCompact = isSet(query.compact)
    this.omitsPeerIds = isSet(query.no_peer_id)
    this.#rawQuery = request.rawQuery
  }

  get params(): ReadonlyMap<string, string> {
    this.#params ??= allParams(this.#rawQuery)
    return this.#params
  }
}

/** Throws Refusal, for the first failing check in the order of Chihaya. */
export function parseAnnounce(request: HttpRequest, options: ParseOptions): HttpAnnounce {
  return new HttpAnnounce(request, options)
}

/** Throws Refusal. Infohashes beyond the maximum are cut. */
export function parseScrape(request: HttpRequest, options: ParseOptions): ScrapeRequest {
  const query = scanQuery(request.rawQuery, options.passkeyParams)
  if (query.infohashes.length === 0) throw new Refusal('noInfohash')
  return {
    infohashes: query.infohashes.slice(0, options.maxScrapeInfohashes),
    passkey: request.routePasskey ?? query.passkey,
    address: options.findClientIp(request),
  }
}

function onlyInfohash({ infohashes }: Query): Infohash {
  if (infohashes.length > 1) throw new Refusal('multipleInfohashes')
  const [infohash] = infohashes
  if (infohash === undefined) throw new Refusal('noInfohash')
  return infohash
}

function parsePeerId(query: Query): PeerId {
  if (!query.hasPeerId) throw new Refusal('unparsablePeerId')
  if (query.peerId === undefined) throw new Refusal('invalidPeerId')
  return query.peerId
}

function lowercaseWord(value = ''): string {
  return EVENTS.has(value) ? value : (percentDecode(value) ?? value).toLowerCase()
}

function parseTotal(value: string | undefined, refusal: FailureCode): number {
  const total = wholeNumber(value)
  if (total === undefined || total > Number.MAX_SAFE_INTEGER) throw new Refusal(refusal)
  return total
}

/** A client that has no metadata yet does not know what is left: it sends nothing, -1, 2^63 - 1, 2^64 - 1 or the like. */
function parseLeft(value: string | undefined): number {
  if (value === '' || value === '-1') return Number.MAX_SAFE_INTEGER
  const left = wholeNumber(value)
  if (left === undefined) throw new Refusal('unparsableLeft')
  return Math.min(left, Number.MAX_SAFE_INTEGER)
}

function parsePort(value: string | undefined): number {
  const port = wholeNumber(value)
  if (port === undefined || port > MAX_PORT) throw new Refusal('unparsablePort')
  return port
}

/** Clients say -1 for "as many as you like", which Chihaya refuses and we take for the default. */
function parseNumwant(value: string | undefined, { defaultNumwant, maxNumwant }: ParseOptions): number {
  if (value === undefined || value === '') return Math.min(defaultNumwant, maxNumwant)
  const wanted = wholeNumber(value)
  if (wanted !== undefined) return Math.min(wanted, maxNumwant)
  const text = percentDecode(value) ?? ''
  if (!/^-?\d+$/.test(text)) throw new Refusal('unparsableNumwant')
  return text.startsWith('-') ? Math.min(defaultNumwant, maxNumwant) : maxNumwant
}

/**
 * Decimal digits up to 2^64 - 1, undefined for anything else. Beyond 2^53 - 1 the result is only good for being
 * compared with it.
 */
function wholeNumber(value: string | undefined): number | undefined {
  if (value === undefined || value === '') return undefined
  if (value.length > EXACT_DIGITS) return longNumber(value)
  let number = 0
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return value.includes('%') ? longNumber(value) : undefined
    number = number * 10 + digit
  }
  return number
}

/** The rare forms: long, zero-padded or escaped digits. */
function longNumber(value: string): number | undefined {
  const digits = /^0*(\d{1,20})$/.exec(percentDecode(value) ?? '')?.[1]
  if (digits === undefined || BigInt(digits) > MAX_UINT64) return undefined
  return Number(digits)
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0'
}
