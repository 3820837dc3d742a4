import type { SwarmCounts } from '../../../bittorrent/types.ts'
import { defineScript } from '../../../redis/script.ts'
import { integers } from './replies.ts'

/**
 * Live peer counts of some swarms, in the order asked (BEP 48). An unknown infohash counts as three zeros.
 * One round trip, no writes. Throws StoreUnavailable.
 */
export const scrapeScript = defineScript({
  file: 'tracker/scrape.lua',
  keys: ['snatches', '...swarms'],
  args: ['nowSeconds', 'peerLifetimeSeconds', '...infohashes'],
  parse: (reply): SwarmCounts[] => {
    const flat = integers(reply)
    const counts: SwarmCounts[] = []
    for (let i = 0; i + 2 < flat.length; i += 3) {
      counts.push({ seeders: flat[i]!, leechers: flat[i + 1]!, snatches: flat[i + 2]! })
    }
    return counts
  },
})
