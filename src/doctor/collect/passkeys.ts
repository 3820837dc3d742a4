import type { Redis } from 'ioredis'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { Keys } from '../../redis/keys.ts'
import type { Leftover, PasskeyFacts } from '../facts.ts'
import type { Asker } from './asker.ts'

/** Enough to find what was done wrong to a list as a whole. */
const MOST_LOOKED_AT = 100_000
const MEMBERS_A_SCAN = 1_000

export async function readPasskeyFacts(redis: Redis, keys: Keys, asker: Asker): Promise<PasskeyFacts> {
  const { askKey } = asker
  const count = (key: string) => askKey('SCARD', () => redis.scard(key))
  const leftover = async (key: string): Promise<Leftover> => ({ key, count: await count(key) })
  const lock = await askKey('EXISTS', () => redis.exists(keys.passkeysImporting))
  return {
    key: keys.passkeys,
    count: await count(keys.passkeys),
    ...(await lookAtMembers(redis, keys.passkeys, asker)),
    staged: await leftover(keys.passkeysStaged),
    replaced: await leftover(keys.replacedPasskeys),
    before: await leftover(keys.passkeysBefore),
    touched: await leftover(keys.passkeysTouched),
    isImporting: lock === 1,
  }
}

async function lookAtMembers(redis: Redis, key: string, { askKey }: Asker) {
  const found = { capitals: 0, malformed: 0, looked: 0 }
  let cursor = '0'
  do {
    const answer = await askKey('SSCAN', () => redis.sscan(key, cursor, 'COUNT', MEMBERS_A_SCAN))
    if (!answer) break
    for (const member of answer[1]) {
      const parsed = parsePasskey(member)
      if (parsed === undefined) found.malformed++
      else if (parsed !== member) found.capitals++
    }
    found.looked += answer[1].length
    cursor = answer[0]
  } while (cursor !== '0' && found.looked < MOST_LOOKED_AT)
  return found
}
