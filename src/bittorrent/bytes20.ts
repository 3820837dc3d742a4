import type { Infohash, PeerId } from './types.ts'

/** Value of a hex digit by character code; -1 for every other character. */
const DIGITS = new Int8Array(256).fill(-1)
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16)
  DIGITS[digit.charCodeAt(0)] = value
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value
}
const PERCENT = 37
const PLUS = 43

/** Filled and read within one synchronous call, so that an id costs no buffer of its own. */
const scratch = Buffer.alloc(20)

/** @param hex 40 hex digits in either case; anything else gives undefined */
export function parseInfohash(hex: string): Infohash | undefined {
  return isHex40(hex) ? (hex.toLowerCase() as Infohash) : undefined
}

/** @param hex 40 hex digits in either case; anything else gives undefined */
export function parsePeerId(hex: string): PeerId | undefined {
  return isHex40(hex) ? (hex.toLowerCase() as PeerId) : undefined
}

/** The 20 raw bytes behind an id. */
export function bytesOf(id: Infohash | PeerId): Buffer {
  return Buffer.from(id, 'hex')
}

/** @param bytes exactly 20, else undefined */
export function infohashOf(bytes: Uint8Array): Infohash | undefined {
  return bytes.length === 20 ? (toHex(bytes) as Infohash) : undefined
}

/** @param bytes exactly 20, else undefined */
export function peerIdOf(bytes: Uint8Array): PeerId | undefined {
  return bytes.length === 20 ? (toHex(bytes) as PeerId) : undefined
}

/** The infohash percent-encoded in `text` from `start` up to `end`; undefined unless that is exactly 20 bytes. */
export function infohashInQuery(text: string, start: number, end: number): Infohash | undefined {
  return decode20(text, start, end) ? (scratch.toString('hex') as Infohash) : undefined
}

/** The peer id percent-encoded in `text` from `start` up to `end`; undefined unless that is exactly 20 bytes. */
export function peerIdInQuery(text: string, start: number, end: number): PeerId | undefined {
  return decode20(text, start, end) ? (scratch.toString('hex') as PeerId) : undefined
}

/** Whether the percent sign at `at` begins a valid escape that ends before `end`. */
export function isEscape(text: string, at: number, end: number): boolean {
  return at + 2 < end && digit(text, at + 1) >= 0 && digit(text, at + 2) >= 0
}

/**
 * Query text decoded byte by byte: the result has one character (U+0000 to U+00FF) per byte, and `+` is a space.
 *
 * @returns undefined for a broken escape
 */
export function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text.includes('+') ? text.replaceAll('+', ' ') : text
  let decoded = ''
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === PERCENT) {
      if (!isEscape(text, i, text.length)) return undefined
      decoded += String.fromCharCode((digit(text, i + 1) << 4) | digit(text, i + 2))
      i += 2
    } else {
      decoded += code === PLUS ? ' ' : text[i]
    }
  }
  return decoded
}

/** Bytes as clients write them into an announce URL: unreserved characters as they are, everything else escaped. */
export function percentEncode(bytes: Uint8Array): string {
  let encoded = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    encoded += /[A-Za-z0-9\-._~]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

/** Decodes into `scratch`; false unless the range holds exactly 20 bytes in valid coding. */
function decode20(text: string, start: number, end: number): boolean {
  let length = 0
  for (let i = start; i < end; i++) {
    if (length === 20) return false
    let byte = text.charCodeAt(i)
    if (byte === PERCENT) {
      if (!isEscape(text, i, end)) return false
      byte = (digit(text, i + 1) << 4) | digit(text, i + 2)
      i += 2
    } else if (byte === PLUS) {
      byte = 32
    } else if (byte > 255) {
      return false
    }
    scratch[length++] = byte
  }
  return length === 20
}

function digit(text: string, at: number): number {
  return DIGITS[text.charCodeAt(at)] ?? -1
}

function isHex40(text: string): boolean {
  return text.length === 40 && /^[0-9a-f]+$/i.test(text)
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
