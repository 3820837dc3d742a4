/**
 * One entry of the stream `tracker:traffic`: what one announce moved. Written by `lua/announce.lua` in this order,
 * read by the site. The fourteen published fields are always there; the extras follow as `extra_fields` says.
 */
export const PUBLISHED_FIELDS = [
  'passkey',
  'infohash',
  'peer_id',
  'port',
  'ip',
  'af',
  'du',
  'dd',
  'left',
  'event',
  'ts',
  'dt',
  'interval',
  'min_interval',
] as const

/** The order is the order of bits in the script's `extras`. */
export const EXTRA_FIELDS = ['up', 'down', 'since', 'seeders', 'leechers', 'agent'] as const

export type ExtraField = (typeof EXTRA_FIELDS)[number]

/** What the site put into an encrypted credential, as the event's last fields when they are there. */
export const SITE_FIELDS = ['fd', 'pd'] as const
/** Longest value of one of them, in bytes. */
export const SITE_FIELD_BYTES = 256

/** Longest `agent`, in bytes. */
export const AGENT_BYTES = 64
