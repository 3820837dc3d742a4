import { infohashInQuery, parseInfohash } from '../../bittorrent/bytes20.ts'
import { Refusal } from '../../bittorrent/failure.ts'
import type { Infohash } from '../../bittorrent/types.ts'
import { section } from '../../config/section.ts'
import { jwkSetUrl, milliseconds, text } from '../../config/values.ts'
import { pollJson } from '../../runtime/polledJson.ts'
import type { Hook } from '../core/tracker.ts'
import { defineHook } from './hook.ts'
import { isSignedBy, type JwkSet, parseJwkSet } from './jwkSet.ts'

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
function signedClaims(token: string, keys: JwkSet): Claims | undefined {
  const decoded = decode(token)
  if (decoded === undefined) return undefined
  const { alg, kid, crit } = decoded.header
  const key = typeof kid === 'string' ? keys.get(kid) : undefined
  if (key === undefined || typeof alg !== 'string' || crit !== undefined) return undefined // RFC 7515: we know no extension
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return isSignedBy(key, alg, token.slice(0, end), signature) ? decoded.claims : undefined
}

/** What a token claims. Unchecked. */
type Claims = Readonly<Record<string, unknown>>

function decode(token: string): { header: Claims; claims: Claims } | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined // Buffer skips what is not base64url
  const [header, claims] = token.split('.').map(parseObject)
  return header && claims && { header, claims }
}

function parseObject(base64url: string): Claims | undefined {
  try {
    const json: unknown = JSON.parse(Buffer.from(base64url, 'base64url').toString())
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Claims) : undefined
  } catch {
    return undefined // no token at all; the client gets a refusal
  }
}

function isCurrent({ exp = Infinity, nbf = 0 }: Claims, now: number): boolean {
  if (typeof exp !== 'number' || typeof nbf !== 'number') return false
  return exp > now - CLOCK_SKEW_SECONDS && nbf <= now + CLOCK_SKEW_SECONDS
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

export const jwtHook = defineHook({
  name: 'jwt',
  options: section({
    issuer: ['issuer', text(), 'required'],
    audience: ['audience', text(), 'required'],
    jwkSetUrl: ['jwk_set_url', jwkSetUrl, 'required'],
    updateIntervalMs: ['jwk_set_update_interval', milliseconds('1s', '24h').prefault('5m')],
  }),
  create({ issuer, audience, jwkSetUrl, updateIntervalMs }, { keySets, onKeySetFailure }) {
    const keySet = pollJson({
      url: jwkSetUrl,
      intervalMs: updateIntervalMs,
      initial: keySets.get(jwkSetUrl),
      parse(json) {
        const keys = parseJwkSet(json)
        keySets.set(jwkSetUrl, keys)
        return keys
      },
      onFailure: onKeySetFailure,
    })
    return jwt({ issuer, audience, keySet, nowSeconds: () => Date.now() / 1000 })
  },
})
