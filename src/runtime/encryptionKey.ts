const KEY_BYTES = 32

/**
 * A key of 32 bytes as a file holds it: 32 characters taken as they are (as the Chihaya fork does), 64 hex digits, or
 * base64 in either alphabet.
 *
 * @returns undefined for anything else
 */
export function parseEncryptionKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  const raw = Buffer.from(text, 'utf8')
  return raw.length === KEY_BYTES ? raw : undefined
}
