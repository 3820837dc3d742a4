import { infohashInQuery, isEscape, peerIdInQuery, percentDecode } from './bytes20.ts'
import { Refusal } from './failure.ts'
import type { Infohash, PeerId } from './types.ts'

const KNOWN_NAMES = [
  'info_hash',
  'peer_id',
  'port',
  'uploaded',
  'downloaded',
  'left',
  'event',
  'numwant',
  'compact',
  'no_peer_id',
  'ip',
  'ipv4',
  'ipv6',
] as const
type KnownName = (typeof KNOWN_NAMES)[number]

/** Names by their length, the quickest way to tell that a parameter is none of them. */
const NAMES_BY_LENGTH: KnownName[][] = Array.from({ length: 11 }, (_, length) =>
  KNOWN_NAMES.filter((name) => name.length === length),
)

/**
 * The parameters an announce or scrape has a use for, from one pass over the raw query. Ids are decoded at once, the
 * other values stay as they came: `''` is present and empty, undefined is absent. Of equal names the last one counts.
 */
export class Query {
  /** In order of appearance, duplicates kept. */
  readonly infohashes: Infohash[] = []
  hasInvalidInfohash = false
  /** Undefined also when it is present and not 20 bytes. */
  peerId: PeerId | undefined = undefined
  hasPeerId = false
  port: string | undefined = undefined
  uploaded: string | undefined = undefined
  downloaded: string | undefined = undefined
  left: string | undefined = undefined
  event: string | undefined = undefined
  numwant: string | undefined = undefined
  compact: string | undefined = undefined
  no_peer_id: string | undefined = undefined
  ip: string | undefined = undefined
  ipv4: string | undefined = undefined
  ipv6: string | undefined = undefined
  /** Percent-decoded where that can be done. */
  passkey: string | undefined = undefined
  /** Index of the name that gave the passkey. */
  passkeyRank = Number.POSITIVE_INFINITY
}

/**
 * @param raw what follows the `?`, as it arrived, one character per byte
 * @param passkeyNames lowercase; the first of them that has a value gives the passkey
 * @throws Refusal `invalidQueryEscape` for a broken escape anywhere, else `invalidInfohash` for any that is not 20 bytes
 */
export function scanQuery(raw: string, passkeyNames: readonly string[]): Query {
  requireValidEscapes(raw)
  const text = withAmpersands(raw)
  const query = new Query()
  let equals = text.indexOf('=')
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('&', start)
    if (end < 0) end = text.length
    if (equals >= 0 && equals < start) equals = text.indexOf('=', start)
    const hasValue = equals >= 0 && equals < end
    const nameEnd = hasValue ? equals : end
    const valueStart = hasValue ? equals + 1 : end
    const name = knownName(text, start, nameEnd)
    if (name !== undefined) assign(query, name, text, valueStart, end)
    else if (end > start)
      assignStranger(query, text.slice(start, nameEnd), text.slice(valueStart, end), passkeyNames)
    start = end + 1
  }
  if (query.hasInvalidInfohash) throw new Refusal('invalidInfohash')
  return query
}

/** Clients append `?info_hash=…` to an announce URL that has a query already, so `?` before a known name separates, too. */
const SECOND_MARK = new RegExp(`\\?(?=(?:${KNOWN_NAMES.join('|')})=)`, 'g')

function withAmpersands(raw: string): string {
  const text = raw.includes(';') ? raw.replaceAll(';', '&') : raw
  return text.includes('?') ? text.replace(SECOND_MARK, '&') : text
}

function requireValidEscapes(raw: string): void {
  for (let at = raw.indexOf('%'); at >= 0; at = raw.indexOf('%', at + 3)) {
    if (!isEscape(raw, at, raw.length)) throw new Refusal('invalidQueryEscape')
  }
}

/** The parameter spelled exactly so, found without making a string of it. */
function knownName(raw: string, start: number, end: number): KnownName | undefined {
  const candidates = NAMES_BY_LENGTH[end - start]
  if (candidates !== undefined) {
    for (const name of candidates) if (raw.startsWith(name, start)) return name
  }
  return undefined
}

function assign(query: Query, name: KnownName, raw: string, start: number, end: number): void {
  switch (name) {
    case 'info_hash': {
      const infohash = infohashInQuery(raw, start, end)
      if (infohash) query.infohashes.push(infohash)
      else query.hasInvalidInfohash = true
      break
    }
    case 'peer_id':
      query.peerId = peerIdInQuery(raw, start, end)
      query.hasPeerId = true
      break
    default:
      query[name] = raw.slice(start, end)
  }
}

/** A passkey, a known name spelled in another way, or nothing to us. */
function assignStranger(query: Query, name: string, value: string, passkeyNames: readonly string[]): void {
  const plain = plainName(name)
  const known = plain === name ? undefined : knownName(plain, 0, plain.length)
  if (known !== undefined) {
    assign(query, known, value, 0, value.length)
    return
  }
  const rank = passkeyNames.indexOf(plain)
  if (rank < 0 || rank > query.passkeyRank || value === '') return
  query.passkey = percentDecode(value) ?? value
  query.passkeyRank = rank
}

/**
 * A name in the form parameters are known by: decoded, in lowercase. Only `info_hash` has to be spelled exactly so; in
 * capitals it stays a stranger.
 */
function plainName(name: string): string {
  if (!/[%+A-Z]/.test(name)) return name
  const decoded = percentDecode(name) ?? name
  const lowered = decoded.toLowerCase()
  return lowered === 'info_hash' && decoded !== lowered ? decoded : lowered
}

/** All parameters by plain name, decoded; for the few that want to look at more than `Query` keeps. */
export function allParams(raw: string): Map<string, string> {
  const params = new Map<string, string>()
  for (const pair of withAmpersands(raw).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = equals < 0 ? pair : pair.slice(0, equals)
    const value = equals < 0 ? '' : pair.slice(equals + 1)
    params.set(plainName(name), percentDecode(value) ?? value)
  }
  return params
}
