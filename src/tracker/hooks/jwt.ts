import { decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from 'jose'
import { infohashInQuery, parseInfohash } from '../../bittorrent/bytes20.ts'
import { Refusal } from '../../bittorrent/failure.ts'
import type { Infohash } from '../../bittorrent/types.ts'
import type { Hook } from '../core/tracker.ts'
import { isSignedBy, type JwkSet } from './jwkSet.ts'

export interface JwtOptions {
  /** The claim `iss`. */
  readonly issuer: string
  /** The claim `aud`, or one of its list. */
  readonly audience: string
  /** Kept up to date in the background, since a hook never waits. */
  readonly keySet: {
    /** undefined: none was ever loaded. */
    current(): JwkSet | undefined
    close(): void
  }
  /** Unix seconds. */
  readonly nowSeconds: () => number
}

/** How far the issuer's clock may be from ours. */
const CLOCK_SKEW_SECONDS = 30

/**
 * Only announces whose parameter `jwt` holds a JSON Web Token (RFC 7519) for this torrent: signed by a key of the set and
 * named by `kid`, with issuer, audience and the claim `infohash`; `exp` and `nbf` count where they are given. Scrapes
 * need none, as with Chihaya. Until the first key set is there, clients are asked to come back.
 */
export function jwt({ issuer, audience, keySet, nowSeconds }: JwtOptions): Hook {
  return {
    name: 'jwt',
    announce({ infohash, params }) {
      const token = params.get('jwt')
      if (token === undefined) throw new Refusal('missingJwt')
      const keys = keySet.current()
      if (keys === undefined) throw new Refusal('temporarilyUnavailable')
      const claims = signedClaims(token, keys)
      const isValid =
        claims !== undefined &&
        claims.iss === issuer &&
        [claims.aud].flat().includes(audience) &&
        namesInfohash(claims.infohash, infohash) &&
        isCurrent(claims, nowSeconds())
      if (!isValid) throw new Refusal('invalidJwt')
    },
    close: () => keySet.close(),
  }
}

/** The claims of a token with a good signature, else undefined. */
function signedClaims(token: string, keys: JwkSet): JWTPayload | undefined {
  const decoded = decode(token)
  if (decoded === undefined) return undefined
  const { alg, kid, crit } = decoded.header
  const key = kid === undefined ? undefined : keys.get(kid)
  if (key === undefined || alg === undefined || crit !== undefined) return undefined // RFC 7515: we know no extension
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return isSignedBy(key, alg, token.slice(0, end), signature) ? decoded.claims : undefined
}

function decode(token: string): { header: ProtectedHeaderParameters; claims: JWTPayload } | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined // decoders pass over what is not base64url
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch {
    return undefined // not a token at all, which is the client's business
  }
}

function isCurrent({ exp, nbf }: JWTPayload, now: number): boolean {
  const isTime = (claim: unknown) => claim === undefined || Number.isFinite(claim)
  if (!isTime(exp) || !isTime(nbf)) return false
  return (exp ?? Infinity) > now - CLOCK_SKEW_SECONDS && (nbf ?? 0) <= now + CLOCK_SKEW_SECONDS
}

/** As Chihaya takes it, 20 raw bytes or their query escape; and as hex, which survives every JSON writer. */
function namesInfohash(claim: unknown, infohash: Infohash): boolean {
  if (typeof claim !== 'string') return false
  const bytes = Buffer.from(claim)
  const escaped = bytes.toString('latin1')
  return (
    bytes.toString('hex') === infohash ||
    infohashInQuery(escaped, 0, escaped.length) === infohash ||
    parseInfohash(claim) === infohash
  )
}
