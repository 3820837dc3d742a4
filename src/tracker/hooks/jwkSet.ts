import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'

/** One public key of a set, and what it may have signed. */
export interface JwkSetKey {
  readonly key: KeyObject
  /** Names of RFC 7518 and 8037, such as RS256; only algorithms that fit the key. */
  readonly algorithms: readonly string[]
}

/** Public keys by key ID. */
export type JwkSet = ReadonlyMap<string, JwkSetKey>

const MIN_RSA_BITS = 2048 // RFC 7518, section 3.3
const RSA_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EC_ALGORITHMS: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

/**
 * The public signature keys of a JWK set (RFC 7517). Keys without an ID, for encryption, too short or of an unknown kind
 * are left out, and so are secret keys: whoever could fetch one could sign with it.
 *
 * @throws TypeError for anything but a set with at least one usable key
 */
export function parseJwkSet(json: unknown): JwkSet {
  const keys = (json as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) throw new TypeError('not a JWK set: it has no list "keys"')
  const set = new Map<string, JwkSetKey>()
  for (const jwk of keys as (JsonWebKey | null)[]) {
    if (typeof jwk?.kid !== 'string' || (jwk.use !== undefined && jwk.use !== 'sig')) continue
    const key = publicKeyOf(jwk)
    if (key === undefined) continue
    const algorithms = algorithmsOf(key).filter((each) => jwk.alg === undefined || jwk.alg === each)
    if (algorithms.length > 0) set.set(jwk.kid, { key, algorithms })
  }
  if (set.size === 0) throw new TypeError('the JWK set has no public signature key with a "kid"')
  return set
}

function publicKeyOf(jwk: JsonWebKey): KeyObject | undefined {
  if (jwk.kty === 'oct') return undefined
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    return undefined // one broken key must not take the others along
  }
}

function algorithmsOf(key: KeyObject): string[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= MIN_RSA_BITS ? RSA_ALGORITHMS : []
    case 'ec':
      return EC_ALGORITHMS[namedCurve] ? [EC_ALGORITHMS[namedCurve]] : []
    case 'ed25519':
      return ['EdDSA', 'Ed25519']
    default:
      return []
  }
}

/** Whether the key signed this text by that algorithm; false for an algorithm that does not fit the key. */
export function isSignedBy(
  { key, algorithms }: JwkSetKey,
  algorithm: string,
  text: string,
  signature: Uint8Array,
): boolean {
  if (!algorithms.includes(algorithm)) return false
  const bytes = Buffer.from(text, 'latin1')
  if (key.asymmetricKeyType === 'ed25519') return verify(null, bytes, key, signature)
  const padding =
    algorithm.startsWith('PS') &&
    ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } as const)
  // RFC 7518: the signature of a curve is two numbers of fixed size, not DER.
  return verify(`sha${algorithm.slice(2)}`, bytes, { key, dsaEncoding: 'ieee-p1363', ...padding }, signature)
}
