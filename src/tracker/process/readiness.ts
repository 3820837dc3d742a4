import type { FollowedAliases } from '../store/torrentAliases.ts'
import type { TrackerRedis } from './trackerRedis.ts'

export interface Readiness {
  /** Why clients should use another instance; empty when this one is ready. */
  reason(): Promise<string>
  /** Not ready from now on. */
  drain(): void
}

/** What /readyz and the gauge `redswarm_ready` show. */
export function createReadiness(connection: TrackerRedis, aliases: FollowedAliases): Readiness {
  let isDraining = false
  return {
    async reason() {
      if (isDraining) return 'draining'
      if (!connection.isConnected()) return 'redis is not connected'
      if (!(await connection.ensureScripts())) return 'scripts are not loaded'
      if (!aliases.isRead()) return 'the list of hybrid torrents is not read yet'
      return connection.redis.ping().then(
        () => '',
        () => 'redis does not answer',
      )
    },
    drain() {
      isDraining = true
    },
  }
}
