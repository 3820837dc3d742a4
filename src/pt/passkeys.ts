import type { Redis } from 'ioredis'
import { parsePasskey } from '../bittorrent/passkey.ts'
import type { Passkey } from '../bittorrent/types.ts'
import type { Keys } from '../redis/keys.ts'

/** The site's whitelist, a Redis set that only the site writes. */
export interface Passkeys {
  /** @returns how many were not listed before */
  add(passkeys: readonly Passkey[]): Promise<number>
  /** @returns how many were listed before */
  remove(passkeys: readonly Passkey[]): Promise<number>
  has(passkey: Passkey): Promise<boolean>
  count(): Promise<number>
}

/** A passkey that is not 1 to 128 of `A-Z a-z 0-9 - _`. The text is not part of the message: it may be a mistyped secret. */
export class MalformedPasskey extends Error {
  override readonly name = 'MalformedPasskey'

  constructor(position: number) {
    super(`passkey ${position} is not 1 to 128 characters of A-Z a-z 0-9 - _`)
  }
}

/** Texts as the set holds them: hex in lowercase, anything else as spelled. Throws MalformedPasskey. */
export function parsePasskeys(texts: readonly string[]): Passkey[] {
  return texts.map((text, i) => {
    const passkey = parsePasskey(text)
    if (passkey === undefined) throw new MalformedPasskey(i + 1)
    return passkey
  })
}

/** Methods throw what ioredis throws when Redis does not answer. */
export function createPasskeys(redis: Redis, keys: Pick<Keys, 'passkeys'>): Passkeys {
  return {
    add: (passkeys) => redis.sadd(keys.passkeys, ...passkeys),
    remove: (passkeys) => redis.srem(keys.passkeys, ...passkeys),
    has: async (passkey) => (await redis.sismember(keys.passkeys, passkey)) === 1,
    count: () => redis.scard(keys.passkeys),
  }
}
