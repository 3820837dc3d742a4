import { Refusal } from '../../bittorrent/failure.ts'
import { section } from '../../config/section.ts'
import { emptyIsAbsent, infohash, list, redisKey } from '../../config/values.ts'
import type { Hook } from '../core/tracker.ts'
import { listProblems } from './approvalLists.ts'
import { defineHook } from './hook.ts'

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

export const torrentApprovalHook = defineHook({
  name: 'torrent approval',
  options: section({
    whitelist: ['whitelist', list(infohash).prefault([])],
    blacklist: ['blacklist', list(infohash).prefault([])],
    /** A set that the site keeps, without the key prefix; undefined: the lists alone decide. */
    setKey: ['set_key', emptyIsAbsent(redisKey)],
  }),
  *problems(options) {
    yield* listProblems(options)
    if (options.whitelist.length > 0 && options.setKey !== undefined)
      yield {
        key: 'set_key',
        involves: ['whitelist'],
        text: 'stands beside a whitelist; put its infohashes into the set',
      }
  },
  create: ({ setKey, ...lists }) => torrentApproval({ ...lists, hasSet: setKey !== undefined }),
})
