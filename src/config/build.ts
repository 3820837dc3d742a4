import { hookConfig } from './buildHooks.ts'
import type { Config, FrontendConfig, HttpConfig, UdpConfig } from './config.ts'
import type { RedisConnection } from './redisUrl.ts'
import { riskConfig } from './risk.ts'
import { type HttpSettings, httpSchema, type UdpSettings } from './schema.ts'
import { findHook, type Settings } from './settings.ts'
import type { TlsPair } from './tlsPair.ts'

/** From the file's words to the program's. Nothing is decided here; effective.ts is the way back. */
export function buildConfig(
  settings: Settings,
  connection: RedisConnection,
  tls: TlsPair | undefined,
): Config {
  const storage = settings.storage.config
  const hooks = settings.hooks.map(hookConfig)
  const isEncrypted = findHook(settings, 'passkey approval')?.options.encryption_key !== undefined
  return {
    announceIntervalSeconds: settings.announce_interval,
    minAnnounceIntervalSeconds: settings.min_announce_interval,
    metricsAddr: settings.metrics_addr,
    logLevel: settings.log_level,
    shutdownDelayMs: settings.shutdown_delay,
    shutdownTimeoutMs: settings.shutdown_timeout,
    workers: settings.workers,
    http: settings.http && http(settings.http, tls, isEncrypted),
    udp:
      settings.udp && udp(settings.udp, http(settings.http ?? httpSchema.parse({}), undefined, isEncrypted)),
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
      expireLimit: storage.expire_limit,
      sweepLimit: storage.sweep_limit,
    },
    hooks,
    passkeyApproval: hooks.find((hook) => hook.name === 'passkey approval')?.options,
    trafficPush: hooks.find((hook) => hook.name === 'traffic push')?.options,
    torrentApproval: hooks.find((hook) => hook.name === 'torrent approval')?.options,
    risk: riskConfig(settings.risk),
  }
}

function frontend(section: HttpSettings | UdpSettings): FrontendConfig {
  return {
    allowIpSpoofing: section.allow_ip_spoofing,
    maxNumwant: section.max_numwant,
    defaultNumwant: section.default_numwant,
    maxScrapeInfohashes: section.max_scrape_infohashes,
  }
}

/** Where an encrypted credential may stand, before the names that the file gives. */
const CREDENTIAL_PARAM = 'credential'

function http(section: HttpSettings, tls: TlsPair | undefined, isEncrypted: boolean): HttpConfig {
  const passkeyParams = section.passkey_params.map((name) => name.toLowerCase())
  return {
    ...frontend(section),
    addr: section.addr,
    httpsAddr: section.https_addr,
    tls,
    readTimeoutMs: section.read_timeout,
    writeTimeoutMs: section.write_timeout,
    idleTimeoutMs: section.idle_timeout,
    enableKeepalive: section.enable_keepalive,
    announceRoutes: section.announce_routes,
    scrapeRoutes: section.scrape_routes,
    realIpHeader: section.real_ip_header?.toLowerCase(),
    returnSelfIfAlone: section.return_self_if_alone,
    proxyProtocol: section.proxy_protocol,
    trustedProxies: section.trusted_proxies,
    passkeyParams: isEncrypted ? [...new Set([CREDENTIAL_PARAM, ...passkeyParams])] : passkeyParams,
    scrapeRequiresPasskey: section.scrape_requires_passkey,
    maxHeaderBytes: section.max_header_bytes,
  }
}

function udp(section: UdpSettings, { announceRoutes, passkeyParams }: HttpConfig): UdpConfig {
  return {
    ...frontend(section),
    addr: section.addr!, // relations.ts refuses a section without one
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
