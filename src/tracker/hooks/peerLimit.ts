import { section } from '../../config/section.ts'
import { integer } from '../../config/values.ts'
import type { PeerLimit } from '../core/plan.ts'
import type { Hook } from '../core/tracker.ts'
import { defineHook } from './hook.ts'

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

export const peerLimitHook = defineHook({
  name: 'peer limit',
  options: section({
    /** 0: any number. */
    maxLeeching: ['max_leeching', integer(0, 1000).prefault(0)],
    maxSeeding: ['max_seeding', integer(0, 1000).prefault(0)],
  }),
  *problems(_, { hasHook }) {
    if (!hasHook('passkey approval'))
      yield {
        key: 'name',
        text: '"peer limit" counts sessions of a passkey, so it needs the hook passkey approval',
      }
  },
  create: ({ maxLeeching, maxSeeding }) => peerLimit({ leeching: maxLeeching, seeding: maxSeeding }),
})
