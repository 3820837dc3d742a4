import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { PeerId } from '../../bittorrent/types.ts'
import { AGENT_BYTES } from '../../contract/trafficEvent.ts'
import type { Hook } from '../core/tracker.ts'

/** Every announce appends one traffic event for the site to settle. */
export function trafficPush(): Hook {
  return {
    name: 'traffic push',
    announce(request, plan) {
      // On an open tracker nobody checks the passkey, but it still tells the site whose traffic this is.
      if (plan.passkey === undefined && request.passkey) plan.passkey = parsePasskey(request.passkey)
      plan.traffic = { agent: request.userAgent ? cut(request.userAgent) : clientCode(request.peerId) }
    },
  }
}

/** The visible beginning of a peer id, `-TR3000-` (BEP 20), for announces without a User-Agent. */
function clientCode(peerId: PeerId): string {
  return Buffer.from(peerId.slice(0, 16), 'hex')
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, '')
}

/** At most AGENT_BYTES of printable ASCII; nearly every agent passes through untouched. */
function cut(userAgent: string): string {
  const visible = /[^\x20-\x7e]/.test(userAgent) ? userAgent.replace(/[^\x20-\x7e]/g, '?') : userAgent
  return visible.length > AGENT_BYTES ? visible.slice(0, AGENT_BYTES) : visible
}
