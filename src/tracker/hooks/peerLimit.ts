import type { PeerLimit } from '../core/plan.ts'
import type { Hook } from '../core/tracker.ts'

/**
 * At most so many sessions of one passkey in one swarm. The announce script counts them, in the same round trip, when
 * a session joins; one that is in the swarm is never refused, nor is `completed` or `stopped`.
 */
export function peerLimit(limit: PeerLimit): Hook {
  return {
    name: 'peer limit',
    announce(_, plan) {
      plan.peerLimit = limit
    },
  }
}
