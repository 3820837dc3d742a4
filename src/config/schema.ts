import { z } from 'zod'
import { LOG_LEVELS } from './config.ts'
import { riskSchema } from './risk.ts'
import {
  choice,
  cidr,
  emptyIsAbsent,
  flag,
  integer,
  list,
  listenAddress,
  milliseconds,
  redisUrl,
  route,
  seconds,
  text,
} from './values.ts'

/**
 * The file's sections with their keys, defaults and bounds, key by key. What holds between two keys stands in
 * relations.ts, the hooks' options in hookSchemas.ts.
 *
 * Bounds: an interval under a minute makes a flood and one above a day outlives what clients remember; 2,000 peers fill
 * 36 KB, far more than a client connects to; a scrape of 1,000 infohashes is one call of a few milliseconds in Redis.
 */
const numwants = {
  max_numwant: integer(1, 2000).prefault(100),
  default_numwant: integer(0, 2000).prefault(50),
  max_scrape_infohashes: integer(1, 1000).prefault(50),
  allow_ip_spoofing: flag.prefault(false),
  enable_request_timing: flag.prefault(false), // read by nobody: the metrics are there in any case
}

const announceForms = ['/announce', '/announce/:passkey', '/:passkey/announce', '/announce.php']
const scrapeForms = ['/scrape', '/scrape/:passkey', '/:passkey/scrape', '/scrape.php']
const privateNetworks = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
]
const headerName = text(/^[!#$%&'*+.^_`|~\w-]+$/, 'is not the name of a header')

export const httpSchema = z.strictObject({
  addr: emptyIsAbsent(listenAddress),
  https_addr: emptyIsAbsent(listenAddress),
  tls_cert_path: emptyIsAbsent(text()),
  tls_key_path: emptyIsAbsent(text()),
  read_timeout: milliseconds('100ms', '10m').prefault('5s'),
  write_timeout: milliseconds('100ms', '10m').prefault('5s'),
  enable_keepalive: flag.prefault(true),
  idle_timeout: milliseconds('100ms', '1h').prefault('30s'),
  announce_routes: list(route).min(1, 'is empty').prefault(announceForms),
  scrape_routes: list(route).prefault(scrapeForms),
  real_ip_header: emptyIsAbsent(headerName),
  ...numwants,
  return_self_if_alone: flag.prefault(true),
  trusted_proxies: list(cidr).prefault(privateNetworks),
  proxy_protocol: flag.prefault(false),
  passkey_params: list(text(/^[\w.-]{1,64}$/, 'is not a parameter name')).prefault(['passkey', 'uk']),
  scrape_requires_passkey: flag.prefault(false),
  max_header_bytes: integer(1024, 65536).prefault(8192),
})

export const udpSchema = z.strictObject({
  addr: emptyIsAbsent(listenAddress),
  max_clock_skew: seconds('0s', '10m').prefault('10s'),
  private_key: emptyIsAbsent(text()),
  previous_private_keys: list(text()).prefault([]),
  connection_id_lifetime: seconds('10s', '1h').prefault('2m'),
  max_in_flight: integer(1, 1_000_000).prefault(5000),
  receive_buffer: emptyIsAbsent(integer(4096, 2 ** 30)),
  ...numwants,
})

/** Keys of Chihaya's storages that mean nothing here, and what does their work. */
export const UNUSED_STORAGE_KEYS = {
  redis_read_timeout: 'store_timeout bounds a whole call',
  redis_write_timeout: 'store_timeout bounds a whole call',
  shard_count: 'Redis needs no shards here',
  prometheus_reporting_interval: 'the counts are read from Redis when the metrics are asked for',
}

export const unusedKeys = <K extends string>(keys: Readonly<Record<K, string>>) =>
  Object.fromEntries(Object.keys(keys).map((key) => [key, z.unknown().optional()])) as Record<
    K,
    z.ZodOptional<z.ZodUnknown>
  >

export const storageSchema = z.strictObject({
  gc_interval: milliseconds('1s', '1h').prefault('3m'),
  peer_lifetime: seconds('1m', '48h').prefault('31m'),
  redis_broker: emptyIsAbsent(redisUrl),
  redis_connect_timeout: milliseconds('100ms', '10m').prefault('5s'),
  key_prefix: text(
    /^[!-z|~]{0,64}$/,
    'is not up to 64 printable ASCII characters without spaces and braces',
  ).prefault(''),
  accounting_ttl: seconds('1m', '8760h').prefault('168h'),
  counter_reset: choice('zero', 'per_counter').prefault('zero'),
  store_timeout: milliseconds('10ms', '1m').prefault('2s'),
  max_in_flight: integer(1, 1_000_000).prefault(10_000),
  expire_limit: integer(1, 1000).prefault(10),
  sweep_limit: integer(1, 10_000).prefault(1000),
  ...unusedKeys(UNUSED_STORAGE_KEYS),
})

const hookList = z.array(z.unknown()).prefault([]) // entry by entry in hooks.ts
const workers = z.union([integer(1, 256), choice('auto')], { error: 'is neither 1 to 256 nor auto' })

export const chihayaSchema = z.strictObject({
  announce_interval: seconds('1m', '24h').prefault('30m'),
  min_announce_interval: seconds('1s', '24h').prefault('15m'),
  metrics_addr: emptyIsAbsent(listenAddress),
  log_level: choice(...LOG_LEVELS).prefault('info'),
  shutdown_delay: milliseconds('0s', '10m').prefault('5s'),
  shutdown_timeout: milliseconds('0s', '10m').prefault('10s'),
  workers: workers.prefault(1),
  http: httpSchema.optional(),
  udp: udpSchema.optional(),
  storage: z
    .strictObject({ name: text().prefault('redis'), config: storageSchema.prefault({}) })
    .prefault({}),
  prehooks: hookList,
  posthooks: hookList,
  risk: riskSchema.prefault({}),
})

export type HttpSettings = z.output<typeof httpSchema>
export type UdpSettings = z.output<typeof udpSchema>
export type ChihayaSettings = z.output<typeof chihayaSchema>
