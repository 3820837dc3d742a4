import { Refusal } from '../../bittorrent/failure.ts'
import type { PeerId } from '../../bittorrent/types.ts'
import { section } from '../../config/section.ts'
import { list, text } from '../../config/values.ts'
import type { Hook } from '../core/tracker.ts'
import { listProblems } from './approvalLists.ts'
import { defineHook } from './hook.ts'

export interface ClientApprovalOptions {
  /** Client IDs of 6 bytes; only these are served. Empty: all. */
  readonly whitelist: readonly string[]
  /** These are not served. */
  readonly blacklist: readonly string[]
}

/** Only wanted client software, as far as its peer id (BEP 20) tells. Scrapes carry no peer id and are not looked at. */
export function clientApproval({ whitelist, blacklist }: ClientApprovalOptions): Hook {
  const approved = new Set(whitelist.map(hexOf))
  const unapproved = new Set(blacklist.map(hexOf))
  return {
    name: 'client approval',
    announce({ peerId }) {
      const id = clientId(peerId)
      if ((approved.size > 0 && !approved.has(id)) || unapproved.has(id))
        throw new Refusal('unapprovedClient')
    },
  }
}

const DASH = '2d'

/** Chihaya's client ID in hex: `TR3000` of `-TR3000-…`, or the first six bytes where there is no dash in front. */
function clientId(peerId: PeerId): string {
  return peerId.startsWith(DASH) ? peerId.slice(2, 14) : peerId.slice(0, 12)
}

function hexOf(id: string): string {
  return Buffer.from(id).toString('hex')
}

const clientIds = list(text().refine((id) => Buffer.byteLength(id) === 6, 'is not a client ID of 6 bytes'))

export const clientApprovalHook = defineHook({
  name: 'client approval',
  options: section({
    whitelist: ['whitelist', clientIds.prefault([])],
    blacklist: ['blacklist', clientIds.prefault([])],
  }),
  problems: listProblems,
  create: clientApproval,
})
