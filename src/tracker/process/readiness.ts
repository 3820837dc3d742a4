import type { FollowedAliases } from '../store/torrentAliases.ts'
import type { TrackerRedis } from './trackerRedis.ts'

export interface Readiness {
  /** Why clients should use another instance; empty when this one is ready. */
  reason(): Promise<string>
  /** Not ready from now on. */
  drain(): void
}

/**
 * What /readyz and the gauge `redswarm_ready` show.
 *
 * @param whyAnnouncesFail asks Redis; empty when an announce would be served
 */
export function createReadiness(
  connection: Pick<TrackerRedis, 'isConnected'>,
  aliases: Pick<FollowedAliases, 'isRead'>,
  whyAnnouncesFail: () => Promise<string>,
): Readiness {
  let isDraining = false
  return {
    async reason() {
      if (isDraining) return 'draining'
      if (!connection.isConnected()) return 'redis is not connected'
      if (!aliases.isRead()) return 'the list of hybrid torrents is not read yet'
      return whyAnnouncesFail()
    },
    drain() {
      isDraining = true
    },
  }
}
