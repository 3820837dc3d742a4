import { validateHeaderName } from 'node:http'
import { z } from 'zod'
import { caFile } from './caFile.ts'
import { unusedKeys } from './schema.ts'
import {
  choice,
  emptyIsAbsent,
  encryptionKey,
  flag,
  fraction,
  integer,
  jwkSetUrl,
  list,
  milliseconds,
  redisKey,
  redisUrl,
  seconds,
  text,
  verifyUrl,
} from './values.ts'

/** Keys of the Chihaya fork's hooks that mean nothing here, and what does their work. */
export const UNUSED_HOOK_KEYS = {
  redis_read_timeout: 'store_timeout of the storage bounds the one call that does everything',
  redis_write_timeout: 'store_timeout of the storage bounds the one call that does everything',
  redis_connect_timeout: 'redis_connect_timeout of the storage counts',
}
export const UNUSED_TRAFFIC_KEYS = {
  last_key_prefix: 'totals are kept in session:<infohash>:<passkey>',
  retry_count: 'the event is part of the announce, so a client repeats both',
  retry_interval: 'the event is part of the announce, so a client repeats both',
}

export const EXTRA_FIELDS = ['up', 'down', 'since', 'seeders', 'leechers', 'agent'] as const

const infohash = text(/^[0-9a-f]{40}$/i, 'is not an infohash of 40 hex digits')
const clientId = text().refine((id) => Buffer.byteLength(id) === 6, 'is not a client ID of 6 bytes')

/** Of nothing would be a hook that does nothing; Chihaya refuses it too. */
const share = fraction(0, 1).refine((part) => part > 0, 'is not above 0')

/** HTTP's own headers, and those that the tracker writes into its question itself. */
const TAKEN_HEADERS = new Set(
  (
    'accept connection content-length content-type expect host keep-alive proxy-connection te trailer transfer-encoding ' +
    'upgrade user-agent x-redswarm-signature x-redswarm-timestamp'
  ).split(' '),
)
const headerName = text()
  .refine(isHeaderName, 'is not the name of a header')
  .refine((name) => !TAKEN_HEADERS.has(name.toLowerCase()), 'is a header with a meaning of its own')
const headerValue = text(
  /^[!-~]([ -~]*[!-~])?$/,
  'is not printable ASCII without spaces at its ends, so no header can carry it',
)

function isHeaderName(name: string): boolean {
  try {
    validateHeaderName(name)
    return true
  } catch {
    return false
  }
}

export const HOOK_SCHEMAS = {
  'passkey approval': z.strictObject({
    redis_broker: emptyIsAbsent(redisUrl),
    set_key: redisKey.prefault('pt:passkeys'),
    whitelist: flag.prefault(true),
    http_url: emptyIsAbsent(verifyUrl),
    http_timeout: milliseconds('100ms', '1m').prefault('5s'),
    http_api_key_header: headerName.prefault('X-API-Key'),
    http_api_key: emptyIsAbsent(headerValue),
    http_signature_secret: emptyIsAbsent(text()),
    http_ca_path: emptyIsAbsent(caFile),
    http_max_concurrency: integer(1, 1000).prefault(16),
    http_rate_per_second: integer(1, 100_000).prefault(50),
    cache_ttl_seconds: integer(1, 86_400).prefault(300),
    negative_cache_ttl_seconds: integer(1, 86_400).prefault(60),
    encryption_key: emptyIsAbsent(encryptionKey),
    credential_max_age: seconds('0s', '87600h').prefault('0s'),
    ...unusedKeys(UNUSED_HOOK_KEYS),
  }),
  'traffic push': z.strictObject({
    redis_broker: emptyIsAbsent(redisUrl),
    stream_key: redisKey.prefault('tracker:traffic'),
    max_len: integer(0, Number.MAX_SAFE_INTEGER).prefault(0),
    skip_idle: flag.prefault(false),
    extra_fields: list(choice(...EXTRA_FIELDS)).prefault([...EXTRA_FIELDS]),
    ...unusedKeys({ ...UNUSED_HOOK_KEYS, ...UNUSED_TRAFFIC_KEYS }),
  }),
  jwt: z.strictObject({
    issuer: emptyIsAbsent(text()),
    audience: emptyIsAbsent(text()),
    jwk_set_url: emptyIsAbsent(jwkSetUrl),
    jwk_set_update_interval: milliseconds('1s', '24h').prefault('5m'),
  }),
  'client approval': z.strictObject({
    whitelist: list(clientId).prefault([]),
    blacklist: list(clientId).prefault([]),
  }),
  'torrent approval': z.strictObject({
    whitelist: list(infohash).prefault([]),
    blacklist: list(infohash).prefault([]),
    set_key: emptyIsAbsent(redisKey),
  }),
  'interval variation': z.strictObject({
    modify_response_probability: share.prefault(0.2),
    max_increase_delta: integer(1, 86_400).prefault(60),
    modify_min_interval: flag.prefault(false),
  }),
  'peer limit': z.strictObject({
    max_leeching: integer(0, 1000).prefault(0),
    max_seeding: integer(0, 1000).prefault(0),
  }),
  'announce rate': z.strictObject({
    threshold: share.prefault(0.5),
  }),
}

export type HookName = keyof typeof HOOK_SCHEMAS
export const HOOK_NAMES = Object.keys(HOOK_SCHEMAS) as HookName[]

/** One entry of `prehooks` or `posthooks` with its options checked and defaults filled in. */
export type HookSettings = {
  [N in HookName]: { name: N; options: z.output<(typeof HOOK_SCHEMAS)[N]> }
}[HookName]
