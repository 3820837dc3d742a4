import { IPV4_ENDPOINT_OFFSET, IPV6_ENDPOINT_OFFSET, PACKED_PEER_BYTES } from '../../bittorrent/packedPeer.ts'
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
    peers: returnsSelf && outcome.peers.length === 0 ? packAnnouncer(plan) : outcome.peers,
    externalIp: plan.address,
    warning: outcome.isEarly ? EARLY_WARNING : undefined,
  }
}

/** The announcer as others would be told of it. */
function packAnnouncer(plan: AnnouncePlan): Uint8Array {
  const packed = Buffer.alloc(PACKED_PEER_BYTES)
  packed.write(plan.peerId, 0, 'hex')
  for (const address of [plan.address, plan.otherAddress]) {
    if (!address) continue
    const offset = address.family === 'IPv4' ? IPV4_ENDPOINT_OFFSET : IPV6_ENDPOINT_OFFSET
    packed.set(address.bytes, offset)
    packed.writeUInt16BE(plan.port, offset + address.bytes.length)
  }
  return packed
}
