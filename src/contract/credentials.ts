import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * What a site puts into an announce URL in place of the bare passkey. On its way it is JSON with the names `pk`, `ts`,
 * `fd` and `pd`, encrypted with AES-256-GCM: nonce (12 bytes), ciphertext, tag (16 bytes), in base64url.
 */
export interface Credential {
  readonly passkey: string
  /** Unix seconds at which the site made it. */
  readonly issuedSeconds: number
  /** What the site wants to read again in the stream's `fd` and `pd`, such as "free download"; any JSON value. */
  readonly fd?: unknown
  readonly pd?: unknown
}

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/

/** For the site, when it writes an announce URL. The same credential never looks the same twice. */
export function encryptCredential(credential: Credential, key: Uint8Array): string {
  const { passkey, issuedSeconds, fd, pd } = credential
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce)
  const plain = JSON.stringify({ pk: passkey, ts: issuedSeconds, fd, pd })
  const sealed = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat(sealed).toString('base64url')
}

/**
 * The way back. The passkey is as the site wrote it, unchecked.
 *
 * @param text base64url, with or without padding
 * @returns undefined unless this key made it and it has a `pk` and a `ts`
 */
export function decryptCredential(text: string, key: Uint8Array): Credential | undefined {
  if (!BASE64URL.test(text)) return undefined
  const sealed = Buffer.from(text, 'base64url')
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    const opened =
      decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    const { pk, ts, fd, pd } = JSON.parse(opened)
    return typeof pk === 'string' && Number.isFinite(ts)
      ? { passkey: pk, issuedSeconds: ts, fd, pd }
      : undefined
  } catch {
    return undefined // another key, a changed text, or no such JSON: a client may send anything
  }
}
