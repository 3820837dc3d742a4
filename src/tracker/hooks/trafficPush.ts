import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { PeerId } from '../../bittorrent/types.ts'
import { section } from '../../config/section.ts'
import { choice, emptyIsAbsent, flag, integer, list, redisKey, redisUrl } from '../../config/values.ts'
import { TRAFFIC_KEY } from '../../contract/redisKeys.ts'
import { AGENT_BYTES, EXTRA_FIELDS, type ExtraField, PAUSED_FIELD } from '../../contract/trafficEvent.ts'
import type { Hook } from '../core/tracker.ts'
import { UNUSED_KEYS } from './chihayaKeys.ts'
import { defineHook } from './hook.ts'

/** Of the extra fields; a total without its beginning cannot be placed. */
const TOTALS = ['up', 'down', 'since'] as const
const EXTRAS = [...EXTRA_FIELDS, PAUSED_FIELD] as const
const PAUSED = [PAUSED_FIELD, '1'].map((text) => Buffer.from(text))

/** Every announce appends one traffic event for the site to settle. */
export function trafficPush(extraFields: readonly ExtraField[] = EXTRAS): Hook {
  const tellsPaused = extraFields.includes(PAUSED_FIELD)
  return {
    name: 'traffic push',
    announce(request, plan) {
      // On an open tracker nobody checks the passkey, but it still tells the site whose traffic this is.
      if (plan.passkey === undefined && request.passkey) plan.passkey = parsePasskey(request.passkey)
      plan.traffic = { agent: request.userAgent ? cut(request.userAgent) : clientCode(request.peerId) }
      if (request.isPaused && tellsPaused) plan.siteFields = [...plan.siteFields, ...PAUSED]
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

export const trafficPushHook = defineHook({
  name: 'traffic push',
  options: section(
    {
      redisBroker: ['redis_broker', emptyIsAbsent(redisUrl), 'password'],
      /** Without the key prefix. */
      streamKey: ['stream_key', redisKey.prefault(TRAFFIC_KEY)],
      /** 0: never trimmed here. */
      maxLen: ['max_len', integer(0, Number.MAX_SAFE_INTEGER).prefault(0)],
      skipIdle: ['skip_idle', flag.prefault(false)],
      extraFields: ['extra_fields', list(choice(...EXTRAS)).prefault([...EXTRAS])],
    },
    {
      ...UNUSED_KEYS,
      last_key_prefix: 'totals are kept in session:<infohash>:<passkey>',
      retry_count: 'the event is part of the announce, so a client repeats both',
      retry_interval: 'the event is part of the announce, so a client repeats both',
    },
  ),
  fitsPosthooks: true,
  *warnings({ extraFields }) {
    const totals = TOTALS.filter((field) => extraFields.includes(field))
    if (totals.length > 0 && totals.length < TOTALS.length)
      yield {
        key: 'extra_fields',
        text: `has ${totals.join(' and ')} but not all of ${TOTALS.join(', ')}, which go together: the consumer refuses such entries`,
      }
  },
  create: ({ extraFields }) => trafficPush(extraFields),
})
