import type { RedisFacts } from '../facts.ts'
import { error, type Finding } from '../finding.ts'

/** The site's list of torrents, where there is to be one. */
export function checkTorrents({ config, keys }: Pick<RedisFacts, 'config' | 'keys'>): Finding[] {
  const setKey = config.torrentApproval?.setKey
  if (setKey === undefined) return []
  const key = config.redis.keyPrefix + setKey
  if (keys.find((each) => each.key === key)?.type !== 'none') return []
  return [
    error('torrents', `${key} is missing`, {
      meaning:
        'torrent approval looks for every torrent there: each announce is answered “tracker temporarily unavailable”.',
      remedy:
        'Let the site write its infohashes (40 lowercase hex digits) with SADD, or take set_key out of torrent approval.',
    }),
  ]
}
