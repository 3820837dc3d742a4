import { defineScript } from '../../../redis/script.ts'
import type { AnnounceOutcome } from '../../core/ports.ts'

/**
 * One announce, whole: passkey check, swarm update, traffic delta and event, peer choice. All of it or nothing.
 * One round trip. Throws StoreUnavailable when Redis does not answer or could not write the event.
 */
export const announceScript = defineScript({
  file: 'tracker/announce.lua',
  keys: [
    'passkeys',
    'accepted',
    'rejected',
    'seeders',
    'leechers',
    'session',
    'snatches',
    'swarms',
    'stats',
    'traffic',
    'torrents',
  ],
  args: [
    'nowSeconds',
    'policy',
    'request',
    'infohash',
    'passkey',
    'peerId',
    'ip',
    'af',
    'port',
    'event',
    'uploaded',
    'downloaded',
    'left',
    'intervalSeconds',
    'minIntervalSeconds',
    'agent',
    'deadlineMs',
    '...siteFields',
  ],
  parse: parseReply,
})

const SERVED = 0
const SERVED_EARLY = 1
const TOO_LATE = -7
const REFUSALS: Record<number, AnnounceOutcome> = {
  [-1]: { status: 'passkeyUnknown' },
  [-2]: { status: 'passkeyRejected' },
  [-3]: { status: 'whitelistMissing' },
  [-4]: { status: 'torrentUnapproved' },
  [-5]: { status: 'torrentListMissing' },
  [-6]: { status: 'peerLimitReached' },
}

/** What the script did, and Redis' clock; `tooLate`: nothing, since the deadline had passed. */
export interface AnnounceReply {
  readonly outcome: AnnounceOutcome | 'tooLate'
  /** Unix ms; undefined when the announce was refused. */
  readonly nowMs: number | undefined
}

function parseReply(reply: unknown): AnnounceReply {
  if (!Array.isArray(reply)) throw new TypeError('announce.lua: reply is not a list')
  if (reply[0] === TOO_LATE) return { outcome: 'tooLate', nowMs: reply[1] }
  return { outcome: outcomeOf(reply), nowMs: reply[6] }
}

function outcomeOf(reply: unknown[]): AnnounceOutcome {
  const [status, seeders, leechers, snatches] = reply as [number, number, number, number]
  const [peers, others] = [reply[4], reply[5]]
  if (status === SERVED || status === SERVED_EARLY) {
    if (!Buffer.isBuffer(peers) || !Buffer.isBuffer(others))
      throw new TypeError('announce.lua: peers are not bytes')
    const isEarly = status === SERVED_EARLY
    return { status: 'served', seeders, leechers, snatches, peers: joinPeers(peers, others), isEarly }
  }
  const refusal = REFUSALS[status]
  if (!refusal) throw new TypeError(`announce.lua: unknown status ${status}`)
  return refusal
}

/** Joining is left to us: it is cheaper here than in the one Redis. */
function joinPeers(peers: Buffer, others: Buffer): Buffer {
  if (others.length === 0) return peers
  return peers.length === 0 ? others : Buffer.concat([peers, others])
}
