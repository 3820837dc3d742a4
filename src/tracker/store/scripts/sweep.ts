import { defineScript } from '../../../redis/script.ts'
import { integers } from './replies.ts'

export interface SweepOutcome {
  readonly seedersDropped: number
  readonly leechersDropped: number
  /** Silent peers are left: call again. */
  readonly isMoreLeft: boolean
}

/** Drops silent peers of one swarm, at most `limit` of each role. One round trip. Throws StoreUnavailable. */
export const sweepScript = defineScript({
  file: 'tracker/sweep.lua',
  keys: ['seeders', 'leechers', 'swarms', 'stats'],
  args: ['nowSeconds', 'peerLifetimeSeconds', 'limit', 'infohash'],
  parse: (reply): SweepOutcome => {
    const [seedersDropped, leechersDropped, more] = integers(reply)
    return { seedersDropped: seedersDropped!, leechersDropped: leechersDropped!, isMoreLeft: more === 1 }
  },
})
