import { Refusal } from '../../bittorrent/failure.ts'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { AnnounceRequest, Passkey, ScrapeRequest } from '../../bittorrent/types.ts'
import type { Hook } from '../tracker.ts'

export interface PasskeyApprovalOptions {
  /** A scrape without a well-formed passkey is refused. Scrapes are never checked against the whitelist: they change nothing. */
  readonly scrapeRequiresPasskey: boolean
}

/** Only listed users: the announce script checks the whitelist, in the same round trip as everything else. */
export function passkeyApproval({ scrapeRequiresPasskey }: PasskeyApprovalOptions): Hook {
  return {
    name: 'passkey approval',
    announce(request, plan) {
      plan.passkey = requirePasskey(request)
      plan.approval = 'whitelist'
    },
    scrape(request) {
      if (scrapeRequiresPasskey) requirePasskey(request)
    },
  }
}

function requirePasskey(request: AnnounceRequest | ScrapeRequest): Passkey {
  if (!request.passkey) throw new Refusal('missingPasskey')
  const passkey = parsePasskey(request.passkey)
  if (passkey === undefined) throw new Refusal('invalidPasskey')
  return passkey
}
