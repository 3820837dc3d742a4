import { stringify } from 'yaml'
import type {
  Config,
  FrontendConfig,
  HookConfig,
  HttpConfig,
  PasskeyApprovalConfig,
  UdpConfig,
} from './config.ts'
import { maskedRedisUrl } from './redisUrl.ts'
import { riskTree } from './risk.ts'
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
    shutdown_delay: showMilliseconds(config.shutdownDelayMs),
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
        expire_limit: swarm.expireLimit,
        sweep_limit: swarm.sweepLimit,
      },
    },
    prehooks: config.hooks.map((hook) => ({ name: hook.name, options: hookOptions(hook) })),
    risk: riskTree(config.risk, MASK),
  }
}

function address(listen: ListenAddress | undefined): string | undefined {
  return listen && `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
}

/** A query may hold a token. */
const maskedQuery = (url: string) => url.replace(/\?.*/s, `?${MASK}`)
const masked = (secret: string | Buffer | undefined) => (secret === undefined ? undefined : MASK)

function frontend(section: FrontendConfig) {
  return {
    allow_ip_spoofing: section.allowIpSpoofing,
    max_numwant: section.maxNumwant,
    default_numwant: section.defaultNumwant,
    max_scrape_infohashes: section.maxScrapeInfohashes,
  }
}

function http(section: HttpConfig) {
  return {
    addr: address(section.addr),
    https_addr: address(section.httpsAddr),
    tls_cert_path: section.tls?.certPath,
    tls_key_path: section.tls?.keyPath,
    read_timeout: showMilliseconds(section.readTimeoutMs),
    write_timeout: showMilliseconds(section.writeTimeoutMs),
    enable_keepalive: section.enableKeepalive,
    idle_timeout: showMilliseconds(section.idleTimeoutMs),
    announce_routes: section.announceRoutes,
    scrape_routes: section.scrapeRoutes,
    real_ip_header: section.realIpHeader,
    trusted_proxies: section.trustedProxies,
    proxy_protocol: section.proxyProtocol,
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
  switch (hook.name) {
    case 'passkey approval':
      return passkeyApproval(hook.options)
    case 'traffic push': {
      const { streamKey, maxLen, skipIdle, extraFields } = hook.options
      return { stream_key: streamKey, max_len: maxLen, skip_idle: skipIdle, extra_fields: extraFields }
    }
    case 'jwt': {
      const { issuer, audience, jwkSetUrl, updateIntervalMs } = hook.options
      const jwk_set_update_interval = showMilliseconds(updateIntervalMs)
      return { issuer, audience, jwk_set_url: maskedQuery(jwkSetUrl), jwk_set_update_interval }
    }
    case 'torrent approval': {
      const { setKey, ...lists } = hook.options
      return { ...lists, set_key: setKey }
    }
    case 'interval variation': {
      const { probability, maxIncreaseSeconds, modifiesMinInterval } = hook.options
      return {
        modify_response_probability: probability,
        max_increase_delta: maxIncreaseSeconds,
        modify_min_interval: modifiesMinInterval,
      }
    }
    case 'peer limit':
      return { max_leeching: hook.options.maxLeeching, max_seeding: hook.options.maxSeeding }
    case 'client approval':
    case 'announce rate':
      return { ...hook.options }
  }
}

function passkeyApproval(options: PasskeyApprovalConfig): Record<string, unknown> {
  const verify = options.httpUrl !== undefined && {
    http_url: maskedQuery(options.httpUrl),
    http_timeout: showMilliseconds(options.httpTimeoutMs),
    http_api_key_header: options.httpApiKeyHeader,
    http_api_key: masked(options.httpApiKey),
    http_signature_secret: masked(options.httpSignatureSecret),
    http_ca_path: options.httpCa?.path,
    http_max_concurrency: options.httpMaxConcurrency,
    http_rate_per_second: options.httpRatePerSecond,
  }
  return {
    set_key: options.setKey,
    whitelist: options.hasWhitelist,
    ...verify,
    cache_ttl_seconds: options.cacheTtlSeconds,
    negative_cache_ttl_seconds: options.negativeCacheTtlSeconds,
    encryption_key: masked(options.encryptionKey),
    credential_max_age: showSeconds(options.credentialMaxAgeSeconds),
  }
}
