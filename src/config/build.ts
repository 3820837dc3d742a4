import type {
  Config,
  FrontendConfig,
  HookConfig,
  HttpConfig,
  PasskeyApprovalConfig,
  TrafficPushConfig,
  UdpConfig,
} from './config.ts'
import type { RedisConnection } from './redisUrl.ts'
import { type HttpSettings, httpSchema, type UdpSettings } from './schema.ts'
import type { findHook, Settings } from './settings.ts'

type PasskeySettings = NonNullable<ReturnType<typeof findHook<'passkey approval'>>>['options']
type TrafficSettings = NonNullable<ReturnType<typeof findHook<'traffic push'>>>['options']

/** From the file's words to the program's. Nothing is decided here; effective.ts is the way back. */
export function buildConfig(settings: Settings, connection: RedisConnection): Config {
  const storage = settings.storage.config
  const hooks = settings.hooks.flatMap((hook): HookConfig[] => {
    if (hook.name === 'passkey approval') return [{ name: hook.name, options: passkeyApproval(hook.options) }]
    if (hook.name === 'traffic push') return [{ name: hook.name, options: trafficPush(hook.options) }]
    return []
  })
  return {
    announceIntervalSeconds: settings.announce_interval,
    minAnnounceIntervalSeconds: settings.min_announce_interval,
    metricsAddr: settings.metrics_addr,
    logLevel: settings.log_level,
    shutdownTimeoutMs: settings.shutdown_timeout,
    workers: settings.workers,
    http: settings.http && http(settings.http),
    udp: settings.udp && udp(settings.udp, http(settings.http ?? httpSchema.parse({}))),
    redis: {
      connection,
      keyPrefix: storage.key_prefix,
      connectTimeoutMs: storage.redis_connect_timeout,
      storeTimeoutMs: storage.store_timeout,
      maxInFlight: storage.max_in_flight,
    },
    swarm: {
      peerLifetimeSeconds: storage.peer_lifetime,
      accountingTtlSeconds: storage.accounting_ttl,
      counterReset: storage.counter_reset,
      gcIntervalMs: storage.gc_interval,
      reportingIntervalMs: storage.prometheus_reporting_interval,
      expireLimit: storage.expire_limit,
      sweepLimit: storage.sweep_limit,
    },
    hooks,
    passkeyApproval: hooks.find((hook) => hook.name === 'passkey approval')?.options,
    trafficPush: hooks.find((hook) => hook.name === 'traffic push')?.options,
  }
}

function frontend(section: HttpSettings | UdpSettings): FrontendConfig {
  return {
    addr: section.addr!, // relations.ts refuses a section without one
    enableRequestTiming: section.enable_request_timing,
    allowIpSpoofing: section.allow_ip_spoofing,
    maxNumwant: section.max_numwant,
    defaultNumwant: section.default_numwant,
    maxScrapeInfohashes: section.max_scrape_infohashes,
  }
}

function http(section: HttpSettings): HttpConfig {
  return {
    ...frontend(section),
    readTimeoutMs: section.read_timeout,
    writeTimeoutMs: section.write_timeout,
    idleTimeoutMs: section.idle_timeout,
    enableKeepalive: section.enable_keepalive,
    announceRoutes: section.announce_routes,
    scrapeRoutes: section.scrape_routes,
    realIpHeader: section.real_ip_header?.toLowerCase(),
    returnSelfIfAlone: section.return_self_if_alone,
    trustedProxies: section.trusted_proxies,
    passkeyParams: section.passkey_params.map((name) => name.toLowerCase()),
    scrapeRequiresPasskey: section.scrape_requires_passkey,
    maxHeaderBytes: section.max_header_bytes,
  }
}

function udp(section: UdpSettings, { announceRoutes, passkeyParams }: HttpConfig): UdpConfig {
  return {
    ...frontend(section),
    maxClockSkewSeconds: section.max_clock_skew,
    connectionIdLifetimeSeconds: section.connection_id_lifetime,
    privateKey: section.private_key,
    previousPrivateKeys: section.previous_private_keys,
    maxInFlight: section.max_in_flight,
    receiveBufferBytes: section.receive_buffer,
    announceRoutes,
    passkeyParams,
  }
}

function passkeyApproval(options: PasskeySettings): PasskeyApprovalConfig {
  return {
    setKey: options.set_key,
    httpUrl: options.http_url,
    httpTimeoutMs: options.http_timeout,
    httpApiKeyHeader: options.http_api_key_header,
    httpApiKey: options.http_api_key,
    httpSignatureSecret: options.http_signature_secret,
    httpMaxConcurrency: options.http_max_concurrency,
    httpRatePerSecond: options.http_rate_per_second,
    cacheTtlSeconds: options.cache_ttl_seconds,
    negativeCacheTtlSeconds: options.negative_cache_ttl_seconds,
    encryptionKey: options.encryption_key,
  }
}

function trafficPush(options: TrafficSettings): TrafficPushConfig {
  return {
    streamKey: options.stream_key,
    maxLen: options.max_len,
    skipIdle: options.skip_idle,
    extraFields: options.extra_fields,
  }
}
