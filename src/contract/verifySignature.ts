import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

/** Unix seconds at which the tracker asked. */
export const TIMESTAMP_HEADER = 'X-Redswarm-Timestamp'
/** HMAC-SHA256 over passkey and timestamp, 64 lowercase hex digits. */
export const SIGNATURE_HEADER = 'X-Redswarm-Signature'

/** The signature of `<passkey>.<timestamp>`; neither has a dot. Tracker and site compute the same. */
export function signVerifyRequest(secret: string, passkey: string, timestamp: string): string {
  return createHmac('sha256', secret).update(`${passkey}.${timestamp}`).digest('hex')
}

/** Compares in a time that says nothing about where the texts differ, nor about their lengths. */
export function isSameSecret(one: string, other: string): boolean {
  return timingSafeEqual(sha256(one), sha256(other))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
