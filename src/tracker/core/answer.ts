import { PACKED_PEER } from '../../bittorrent/packedPeer.ts'
import type { AnnounceResponse, SwarmCounts } from '../../bittorrent/types.ts'
import type { AnnouncePlan, AnnouncePolicy } from './plan.ts'

/** Static: clients show it to their users as it is. */
const EARLY_WARNING = 'announced too early: no peers this time, traffic is counted'

/** What a served announce is told. A lone announcer gets itself back: some clients take an empty list for a fault. */
export function answerAnnounce(
  plan: AnnouncePlan,
  outcome: SwarmCounts & { readonly peers: Uint8Array; readonly isEarly?: boolean | undefined },
  policy: AnnouncePolicy,
): AnnounceResponse {
  const isAlone = outcome.seeders + outcome.leechers === 1 && plan.event !== 'stopped'
  const returnsSelf = policy.returnSelfIfAlone && isAlone && plan.numwant > 0 && !outcome.isEarly
  return {
    seeders: outcome.seeders,
    leechers: outcome.leechers,
    snatches: outcome.snatches,
    intervalSeconds: plan.intervalSeconds,
    minIntervalSeconds: plan.minIntervalSeconds,
    peers: returnsSelf && outcome.peers.length === 0 ? PACKED_PEER.pack(plan) : outcome.peers,
    externalIp: plan.address,
    warning: outcome.isEarly ? EARLY_WARNING : undefined,
  }
}
