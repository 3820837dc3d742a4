import type { Settings } from './build.ts'
import type { Path } from './problem.ts'

/** A peer that announces late by less than this share of the interval is still there. */
const LIFETIME_SHARE = 1.5

/**
 * Defaults that follow another key, so that `announce_interval` or `accounting_ttl` alone may be
 * changed.
 *
 * @param isGiven whether the file itself has the key
 */
export function withRelatedDefaults(settings: Settings, isGiven: (path: Path) => boolean): Settings {
  const { announceIntervalSeconds: interval, minAnnounceIntervalSeconds, storage } = settings
  const { peerLifetimeSeconds, accountingTtlSeconds } = storage.config
  const isMinGiven = isGiven(['chihaya', 'min_announce_interval'])
  const isLifetimeGiven = isGiven(['chihaya', 'storage', 'config', 'peer_lifetime'])
  const wanted = Math.max(peerLifetimeSeconds, Math.ceil(interval * LIFETIME_SHARE))
  const lifetime = accountingTtlSeconds > interval ? Math.min(wanted, accountingTtlSeconds) : wanted
  return {
    ...settings,
    minAnnounceIntervalSeconds: isMinGiven
      ? minAnnounceIntervalSeconds
      : Math.min(minAnnounceIntervalSeconds, interval),
    storage: isLifetimeGiven
      ? storage
      : { ...storage, config: { ...storage.config, peerLifetimeSeconds: lifetime } },
  }
}
