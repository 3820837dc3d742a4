import { Refusal } from '../../bittorrent/failure.ts'
import type { Hook } from '../core/tracker.ts'

export interface TorrentApprovalOptions {
  /** Infohashes in lowercase hex; only these are served. Empty: all. */
  readonly whitelist: readonly string[]
  /** These are not served. */
  readonly blacklist: readonly string[]
  /** The site keeps a set of the torrents it serves: the announce script looks there, in the same round trip. */
  readonly hasSet: boolean
}

/** Only wanted torrents. Scrapes are not looked at, as with Chihaya: they hand out no peers. */
export function torrentApproval({ whitelist, blacklist, hasSet }: TorrentApprovalOptions): Hook {
  const approved = new Set<string>(whitelist)
  const unapproved = new Set<string>(blacklist)
  return {
    name: 'torrent approval',
    announce({ infohash }, plan) {
      if ((approved.size > 0 && !approved.has(infohash)) || unapproved.has(infohash))
        throw new Refusal('unapprovedTorrent')
      plan.checksTorrent = hasSet
    },
  }
}
