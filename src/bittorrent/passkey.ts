import type { Passkey } from './types.ts'

const WELL_FORMED = /^[A-Za-z0-9_-]{1,128}$/
const HEX_WITH_CAPITALS = /^(?=.*[A-F])[0-9A-Fa-f]+$/

/**
 * A passkey in the form it has in the site's set: hex in lowercase, since clients and sites disagree on its case;
 * anything else exactly as it came, since sites with mixed-case passkeys exist.
 *
 * @returns undefined unless the text is 1 to 128 of `A-Z a-z 0-9 - _`
 */
export function parsePasskey(text: string): Passkey | undefined {
  if (!WELL_FORMED.test(text)) return undefined
  return (HEX_WITH_CAPITALS.test(text) ? text.toLowerCase() : text) as Passkey
}

/** Enough of a passkey to tell it apart in a log, too little to use it: at most four characters, and never more than a quarter. */
export function maskPasskey(passkey: string): string {
  return `${passkey.slice(0, Math.min(4, passkey.length >> 2))}…`
}
