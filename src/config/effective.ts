import { stringify } from 'yaml'
import type { Config, FrontendConfig, HookConfig, HttpConfig, UdpConfig } from './config.ts'
import { maskedRedisUrl } from './redisUrl.ts'
import { type ListenAddress, showMilliseconds, showSeconds } from './values.ts'

const MASK = '***'

/**
 * The configuration as YAML under the file's names, every default written out, every secret as `***`.
 * A configuration without secrets loads from this text as it was.
 */
export function effectiveConfig(config: Config): string {
  return stringify({ chihaya: effectiveTree(config) }, { lineWidth: 0 })
}

/** The same as plain data, for programs. Keys without a value are undefined. */
export function effectiveTree(config: Config): Record<string, unknown> {
  const { redis, swarm } = config
  return {
    announce_interval: showSeconds(config.announceIntervalSeconds),
    min_announce_interval: showSeconds(config.minAnnounceIntervalSeconds),
    metrics_addr: address(config.metricsAddr),
    log_level: config.logLevel,
    shutdown_timeout: showMilliseconds(config.shutdownTimeoutMs),
    workers: config.workers,
    http: config.http && http(config.http),
    udp: config.udp && udp(config.udp),
    storage: {
      name: 'redis',
      config: {
        redis_broker: maskedRedisUrl(redis.connection),
        key_prefix: redis.keyPrefix,
        redis_connect_timeout: showMilliseconds(redis.connectTimeoutMs),
        store_timeout: showMilliseconds(redis.storeTimeoutMs),
        max_in_flight: redis.maxInFlight,
        peer_lifetime: showSeconds(swarm.peerLifetimeSeconds),
        accounting_ttl: showSeconds(swarm.accountingTtlSeconds),
        counter_reset: swarm.counterReset,
        gc_interval: showMilliseconds(swarm.gcIntervalMs),
        prometheus_reporting_interval: showMilliseconds(swarm.reportingIntervalMs),
        expire_limit: swarm.expireLimit,
        sweep_limit: swarm.sweepLimit,
      },
    },
    prehooks: config.hooks.map((hook) => ({ name: hook.name, options: hookOptions(hook) })),
  }
}

function address(listen: ListenAddress | undefined): string | undefined {
  return listen && `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
}

const masked = (secret: string | undefined) => (secret === undefined ? undefined : MASK)

function frontend(section: FrontendConfig) {
  return {
    allow_ip_spoofing: section.allowIpSpoofing,
    enable_request_timing: section.enableRequestTiming,
    max_numwant: section.maxNumwant,
    default_numwant: section.defaultNumwant,
    max_scrape_infohashes: section.maxScrapeInfohashes,
  }
}

function http(section: HttpConfig) {
  return {
    addr: address(section.addr),
    read_timeout: showMilliseconds(section.readTimeoutMs),
    write_timeout: showMilliseconds(section.writeTimeoutMs),
    enable_keepalive: section.enableKeepalive,
    idle_timeout: showMilliseconds(section.idleTimeoutMs),
    announce_routes: section.announceRoutes,
    scrape_routes: section.scrapeRoutes,
    real_ip_header: section.realIpHeader,
    trusted_proxies: section.trustedProxies,
    ...frontend(section),
    return_self_if_alone: section.returnSelfIfAlone,
    passkey_params: section.passkeyParams,
    scrape_requires_passkey: section.scrapeRequiresPasskey,
    max_header_bytes: section.maxHeaderBytes,
  }
}

function udp(section: UdpConfig) {
  return {
    addr: address(section.addr),
    max_clock_skew: showSeconds(section.maxClockSkewSeconds),
    connection_id_lifetime: showSeconds(section.connectionIdLifetimeSeconds),
    private_key: masked(section.privateKey),
    previous_private_keys: section.previousPrivateKeys.map(() => MASK),
    max_in_flight: section.maxInFlight,
    receive_buffer: section.receiveBufferBytes,
    ...frontend(section),
  }
}

function hookOptions(hook: HookConfig): Record<string, unknown> {
  if (hook.name === 'traffic push') {
    const { streamKey, maxLen, skipIdle, extraFields } = hook.options
    return { stream_key: streamKey, max_len: maxLen, skip_idle: skipIdle, extra_fields: extraFields }
  }
  const { options } = hook
  const verify = options.httpUrl !== undefined && {
    http_url: options.httpUrl,
    http_timeout: showMilliseconds(options.httpTimeoutMs),
    http_api_key_header: options.httpApiKeyHeader,
    http_api_key: masked(options.httpApiKey),
    http_signature_secret: masked(options.httpSignatureSecret),
    http_max_concurrency: options.httpMaxConcurrency,
    http_rate_per_second: options.httpRatePerSecond,
  }
  return {
    set_key: options.setKey,
    ...verify,
    cache_ttl_seconds: options.cacheTtlSeconds,
    negative_cache_ttl_seconds: options.negativeCacheTtlSeconds,
    encryption_key: masked(options.encryptionKey),
  }
}
