import { z } from 'zod'
import { LOG_LEVELS } from '../runtime/logger.ts'
import { headerName } from './headerValues.ts'
import { type Entries, section, type Values } from './section.ts'
import type { SiteSections } from './siteSections.ts'
import {
  choice,
  cidr,
  emptyIsAbsent,
  flag,
  integer,
  keyPrefix,
  list,
  listenAddress,
  milliseconds,
  parameterName,
  redisUrl,
  route,
  seconds,
  text,
  workerCount,
} from './values.ts'

/**
 * The file's sections, one line per key. What must hold between two keys stands in relations.ts, the hooks' options in
 * tracker/hooks.
 *
 * Bounds: an interval under a minute makes a flood and one above a day outlives what clients remember; 2,000 peers fill
 * 36 KB, far more than a client connects to; a scrape of 1,000 infohashes is one call of a few milliseconds in Redis.
 */
const frontendKeys = {
  /** Believe the address that a client names: `ip`, `ipv4` and `ipv6` of HTTP, the address field of UDP. */
  allowIpSpoofing: ['allow_ip_spoofing', flag.prefault(false)],
  maxNumwant: ['max_numwant', integer(1, 2000).prefault(100)],
  defaultNumwant: ['default_numwant', integer(0, 2000).prefault(50)],
  maxScrapeInfohashes: ['max_scrape_infohashes', integer(1, 1000).prefault(74)],
} as const satisfies Entries
/** Accepted, since nearly every file of Chihaya has it; the metrics are there in any case. */
const unusedFrontendKeys = { enable_request_timing: flag }

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

export const httpSection = section(
  {
    /** undefined: HTTPS only. */
    addr: ['addr', emptyIsAbsent(listenAddress), 'restart'],
    /** undefined: no HTTPS. */
    httpsAddr: ['https_addr', emptyIsAbsent(listenAddress), 'restart'],
    tlsCertPath: ['tls_cert_path', emptyIsAbsent(text())],
    tlsKeyPath: ['tls_key_path', emptyIsAbsent(text())],
    readTimeoutMs: ['read_timeout', milliseconds('100ms', '10m').prefault('5s'), 'restart'],
    writeTimeoutMs: ['write_timeout', milliseconds('100ms', '10m').prefault('5s'), 'restart'],
    enableKeepalive: ['enable_keepalive', flag.prefault(true), 'restart'],
    idleTimeoutMs: ['idle_timeout', milliseconds('100ms', '1h').prefault('30s'), 'restart'],
    /** httprouter syntax: `:name`, `*name`. */
    announceRoutes: ['announce_routes', list(route).min(1, 'is empty').prefault(announceForms)],
    scrapeRoutes: ['scrape_routes', list(route).prefault(scrapeForms)],
    /** Header that names the client, in lowercase; believed from `trustedProxies` only. */
    realIpHeader: ['real_ip_header', emptyIsAbsent(headerName)],
    /** CIDR ranges, always with a prefix length. */
    trustedProxies: ['trusted_proxies', list(cidr).prefault(privateNetworks)],
    /** Connections begin with a PROXY protocol header, and come from `trustedProxies` only. */
    proxyProtocol: ['proxy_protocol', flag.prefault(false), 'restart'],
    ...frontendKeys,
    returnSelfIfAlone: ['return_self_if_alone', flag.prefault(true)],
    /** Query parameters that may carry the passkey when the route does not, in lowercase; the first one present counts. */
    passkeyParams: ['passkey_params', list(parameterName).prefault(['passkey', 'uk'])],
    scrapeRequiresPasskey: ['scrape_requires_passkey', flag.prefault(false)],
    /** Request line and headers together. */
    maxHeaderBytes: ['max_header_bytes', integer(1024, 65536).prefault(8192), 'restart'],
  },
  unusedFrontendKeys,
)

export const udpSection = section(
  {
    addr: ['addr', emptyIsAbsent(listenAddress), 'restart'],
    /** How far in the future another instance's connection ID may lie. */
    maxClockSkewSeconds: ['max_clock_skew', seconds('0s', '10m').prefault('10s'), 'restart'],
    connectionIdLifetimeSeconds: ['connection_id_lifetime', seconds('10s', '1h').prefault('2m'), 'restart'],
    /** undefined: this instance makes one, and no other instance accepts its connection IDs. */
    privateKey: ['private_key', emptyIsAbsent(text()), 'secret', 'restart'],
    /** Accepted, but never signed with. */
    previousPrivateKeys: ['previous_private_keys', list(text()).prefault([]), 'secret', 'restart'],
    /** Packets under way at once; one more is dropped. */
    maxInFlight: ['max_in_flight', integer(1, 1_000_000).prefault(5000), 'restart'],
    /** The kernel's queue of unread packets; undefined leaves it to the system. */
    receiveBufferBytes: ['receive_buffer', emptyIsAbsent(integer(4096, 2 ** 30)), 'restart'],
    ...frontendKeys,
  },
  unusedFrontendKeys,
)

export const redisKeys = {
  connection: ['redis_broker', emptyIsAbsent(redisUrl), 'password', 'restart'],
  /** Put before every key; may be empty. */
  keyPrefix: ['key_prefix', keyPrefix.prefault(''), 'restart'],
  connectTimeoutMs: ['redis_connect_timeout', milliseconds('100ms', '10m').prefault('5s'), 'restart'],
  /** The longest a client waits for Redis before it is asked to come back. */
  storeTimeoutMs: ['store_timeout', milliseconds('10ms', '1m').prefault('2s'), 'restart'],
  maxInFlight: ['max_in_flight', integer(1, 1_000_000).prefault(10_000), 'restart'],
} as const satisfies Entries

export const swarmKeys = {
  /** Follows a longer interval: relatedDefaults.ts. */
  peerLifetimeSeconds: ['peer_lifetime', seconds('1m', '48h').prefault('45m')],
  accountingTtlSeconds: ['accounting_ttl', seconds('1m', '8760h').prefault('168h')],
  counterReset: ['counter_reset', choice('zero', 'per_counter').prefault('per_counter')],
  gcIntervalMs: ['gc_interval', milliseconds('1s', '1h').prefault('3m')],
  /** Silent peers of each role that one announce drops on its way. */
  expireLimit: ['expire_limit', integer(1, 1000).prefault(10)],
  /** The same for one call of the sweep. */
  sweepLimit: ['sweep_limit', integer(1, 10_000).prefault(1000)],
} as const satisfies Entries

export const storageSection = section(
  { ...redisKeys, ...swarmKeys },
  {
    redis_read_timeout: 'store_timeout bounds a whole call',
    redis_write_timeout: 'store_timeout bounds a whole call',
    shard_count: 'Redis needs no shards here',
    prometheus_reporting_interval: 'the counts are read from Redis when the metrics are asked for',
  },
)

const storage = section({
  name: ['name', text().prefault('redis')],
  config: ['config', storageSection.prefault({})],
})
const hookList = z.array(z.unknown()).prefault([]) // entry by entry in hooks.ts

export const chihayaKeys = {
  announceIntervalSeconds: ['announce_interval', seconds('1m', '24h').prefault('30m')],
  /** Follows a shorter interval: relatedDefaults.ts. */
  minAnnounceIntervalSeconds: ['min_announce_interval', seconds('1s', '24h').prefault('15m')],
  metricsAddr: ['metrics_addr', emptyIsAbsent(listenAddress), 'restart'],
  logLevel: ['log_level', choice(...LOG_LEVELS).prefault('info')],
  /** How long it goes on serving after SIGTERM, when it is not ready any more. */
  shutdownDelayMs: ['shutdown_delay', milliseconds('0s', '10m').prefault('5s')],
  shutdownTimeoutMs: ['shutdown_timeout', milliseconds('0s', '10m').prefault('10s')],
  workers: ['workers', workerCount.prefault(1), 'restart'],
  http: ['http', httpSection.optional()],
  udp: ['udp', udpSection.optional()],
  storage: ['storage', storage.prefault({})],
  prehooks: ['prehooks', hookList],
  posthooks: ['posthooks', hookList],
} as const satisfies Entries

export type ChihayaValues = Values<typeof chihayaKeys>

/** Everything below `chihaya`. */
export function chihayaSection(sections: SiteSections) {
  const site = Object.entries(sections).map(([name, { key, schema }]) => [name, [key, schema]] as const)
  return section<Entries & typeof chihayaKeys>({ ...chihayaKeys, ...Object.fromEntries(site) })
}
