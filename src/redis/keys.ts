import type { Infohash } from '../bittorrent/types.ts'
import {
  ALIASES_KEY,
  SNATCHES_KEY,
  STATS_KEY,
  SWARMS_KEY,
  SWEEP_LEASE_KEY,
  TORRENTS_KEY,
} from '../contract/redisKeys.ts'

export interface KeyOptions {
  /** Put before every key; lets several sites share one Redis. May be empty. */
  readonly keyPrefix: string
  /** Name of the whitelist set, without prefix. */
  readonly passkeysKey: string
  /** Name of the traffic stream, without prefix. */
  readonly trafficKey: string
  /** Name of the set of torrents that are served, without prefix; looked at only when an announce asks for it. */
  readonly torrentsKey?: string | undefined
}

/**
 * Full names of the keys, with prefix. The dead-letter streams have the traffic stream's name and a suffix of
 * contract/redisKeys.ts.
 */
export function createKeys({ keyPrefix, passkeysKey, trafficKey, torrentsKey = TORRENTS_KEY }: KeyOptions) {
  const passkeys = keyPrefix + passkeysKey
  const traffic = keyPrefix + trafficKey
  const shared = {
    passkeys,
    traffic,
    torrents: keyPrefix + torrentsKey,
    aliases: keyPrefix + ALIASES_KEY,
    snatches: keyPrefix + SNATCHES_KEY,
    swarms: keyPrefix + SWARMS_KEY,
    stats: keyPrefix + STATS_KEY,
    sweepLease: keyPrefix + SWEEP_LEASE_KEY,
  }
  return {
    ...shared,
    /** Where a site's swap by two renames leaves the old list. */
    replacedPasskeys: `${passkeys}:old`,
    /** The four keys of a swap of the whole list; there only while one is under way, or after one was killed. */
    passkeysStaged: `${passkeys}:new`,
    passkeysImporting: `${passkeys}:importing`,
    passkeysBefore: `${passkeys}:before`,
    passkeysTouched: `${passkeys}:touched`,
    /** What the site's verify endpoint said of this passkey. */
    accepted: (passkey: string) => `${passkeys}:accepted:${passkey}`,
    rejected: (passkey: string) => `${passkeys}:rejected:${passkey}`,
    seeders: (infohash: Infohash) => `${keyPrefix}swarm:${infohash}:seeders`,
    leechers: (infohash: Infohash) => `${keyPrefix}swarm:${infohash}:leechers`,
    /** @param owner the passkey, or the peer id on an open tracker */
    session: (infohash: Infohash, owner: string) => `${keyPrefix}session:${infohash}:${owner}`,
  }
}

export type Keys = ReturnType<typeof createKeys>
