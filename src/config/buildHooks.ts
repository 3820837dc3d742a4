import type {
  HookConfig,
  IntervalVariationConfig,
  JwtConfig,
  PasskeyApprovalConfig,
  TorrentApprovalConfig,
  TrafficPushConfig,
} from './config.ts'
import type { HookName, HookSettings } from './hookSchemas.ts'

type Options<N extends HookName> = Extract<HookSettings, { name: N }>['options']

/** One hook from the file's words to the program's. effective.ts is the way back. */
export function hookConfig(hook: HookSettings): HookConfig {
  switch (hook.name) {
    case 'passkey approval':
      return { name: hook.name, options: passkeyApproval(hook.options) }
    case 'traffic push':
      return { name: hook.name, options: trafficPush(hook.options) }
    case 'jwt':
      return { name: hook.name, options: jwt(hook.options) }
    case 'client approval':
      return { name: hook.name, options: hook.options }
    case 'torrent approval':
      return { name: hook.name, options: torrentApproval(hook.options) }
    case 'interval variation':
      return { name: hook.name, options: intervalVariation(hook.options) }
    case 'peer limit': {
      const { max_leeching, max_seeding } = hook.options
      return { name: hook.name, options: { maxLeeching: max_leeching, maxSeeding: max_seeding } }
    }
    case 'announce rate':
      return { name: hook.name, options: hook.options }
  }
}

function passkeyApproval(options: Options<'passkey approval'>): PasskeyApprovalConfig {
  return {
    setKey: options.set_key,
    hasWhitelist: options.whitelist,
    httpUrl: options.http_url,
    httpTimeoutMs: options.http_timeout,
    httpApiKeyHeader: options.http_api_key_header,
    httpApiKey: options.http_api_key,
    httpSignatureSecret: options.http_signature_secret,
    httpCa: options.http_ca_path,
    httpMaxConcurrency: options.http_max_concurrency,
    httpRatePerSecond: options.http_rate_per_second,
    cacheTtlSeconds: options.cache_ttl_seconds,
    negativeCacheTtlSeconds: options.negative_cache_ttl_seconds,
    encryptionKey: options.encryption_key,
    credentialMaxAgeSeconds: options.credential_max_age,
  }
}

function trafficPush(options: Options<'traffic push'>): TrafficPushConfig {
  return {
    streamKey: options.stream_key,
    maxLen: options.max_len,
    skipIdle: options.skip_idle,
    extraFields: options.extra_fields,
  }
}

function jwt(options: Options<'jwt'>): JwtConfig {
  return {
    issuer: options.issuer!, // relations.ts refuses a jwt hook without these three
    audience: options.audience!,
    jwkSetUrl: options.jwk_set_url!,
    updateIntervalMs: options.jwk_set_update_interval,
  }
}

function torrentApproval(options: Options<'torrent approval'>): TorrentApprovalConfig {
  return {
    whitelist: options.whitelist.map((infohash) => infohash.toLowerCase()),
    blacklist: options.blacklist.map((infohash) => infohash.toLowerCase()),
    setKey: options.set_key,
  }
}

function intervalVariation(options: Options<'interval variation'>): IntervalVariationConfig {
  return {
    probability: options.modify_response_probability,
    maxIncreaseSeconds: options.max_increase_delta,
    modifiesMinInterval: options.modify_min_interval,
  }
}
