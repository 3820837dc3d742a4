import type { CaFile } from './caFile.ts'
import type { RedisConnection } from './redisUrl.ts'
import type { TlsPair } from './tlsPair.ts'
import type { ListenAddress } from './values.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A whole, checked configuration. What is not configured is undefined. */
export interface Config {
  readonly announceIntervalSeconds: number
  readonly minAnnounceIntervalSeconds: number
  readonly metricsAddr: ListenAddress | undefined
  readonly logLevel: LogLevel
  /** How long it goes on serving after SIGTERM, when it is not ready any more. */
  readonly shutdownDelayMs: number
  readonly shutdownTimeoutMs: number
  readonly workers: number | 'auto'
  readonly http: HttpConfig | undefined
  readonly udp: UdpConfig | undefined
  readonly redis: RedisConfig
  readonly swarm: SwarmConfig
  /** In the file's order, `prehooks` before `posthooks`; each name at most once. */
  readonly hooks: readonly HookConfig[]
  /** The options of that hook, wherever it stands in `hooks`. */
  readonly passkeyApproval: PasskeyApprovalConfig | undefined
  readonly trafficPush: TrafficPushConfig | undefined
  readonly torrentApproval: TorrentApprovalConfig | undefined
  /** The site's side; the tracker itself does not look at it. */
  readonly risk: RiskConfig
}

/** What both frontends share. */
export interface FrontendConfig {
  readonly allowIpSpoofing: boolean
  readonly maxNumwant: number
  readonly defaultNumwant: number
  readonly maxScrapeInfohashes: number
}

export interface HttpConfig extends FrontendConfig {
  /** undefined: HTTPS only. */
  readonly addr: ListenAddress | undefined
  /** undefined: no HTTPS; else `tls` is there. */
  readonly httpsAddr: ListenAddress | undefined
  readonly tls: TlsPair | undefined
  readonly readTimeoutMs: number
  readonly writeTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly enableKeepalive: boolean
  /** httprouter syntax: `:name`, `*name`. */
  readonly announceRoutes: readonly string[]
  readonly scrapeRoutes: readonly string[]
  /** Lowercase. */
  readonly realIpHeader: string | undefined
  readonly returnSelfIfAlone: boolean
  /** Connections begin with a PROXY protocol header, and come from `trustedProxies` only. */
  readonly proxyProtocol: boolean
  /** CIDR ranges, always with a prefix length. */
  readonly trustedProxies: readonly string[]
  /** Lowercase; names of query parameters are case-insensitive. */
  readonly passkeyParams: readonly string[]
  readonly scrapeRequiresPasskey: boolean
  readonly maxHeaderBytes: number
}

export interface UdpConfig extends FrontendConfig {
  readonly addr: ListenAddress
  readonly maxClockSkewSeconds: number
  readonly connectionIdLifetimeSeconds: number
  /** undefined: this instance makes one, and no other instance accepts its connection IDs. */
  readonly privateKey: string | undefined
  readonly previousPrivateKeys: readonly string[]
  /** Packets under way at once; one more is dropped. */
  readonly maxInFlight: number
  /** undefined leaves it to the system. */
  readonly receiveBufferBytes: number | undefined
  /** Forms of the announce URL, from the http section or its defaults: torrents carry the same ones. */
  readonly announceRoutes: readonly string[]
  /** The same; lowercase. */
  readonly passkeyParams: readonly string[]
}

export interface RedisConfig {
  readonly connection: RedisConnection
  /** Put before every key; may be empty. */
  readonly keyPrefix: string
  readonly connectTimeoutMs: number
  /** The longest a client waits for Redis before it is told to come back. */
  readonly storeTimeoutMs: number
  readonly maxInFlight: number
}

export interface SwarmConfig {
  readonly peerLifetimeSeconds: number
  readonly accountingTtlSeconds: number
  readonly counterReset: 'zero' | 'per_counter'
  readonly gcIntervalMs: number
  /** Silent peers of each role that one announce drops on its way. */
  readonly expireLimit: number
  /** The same for one call of the sweep. */
  readonly sweepLimit: number
}

export interface PasskeyApprovalConfig {
  /** Without the key prefix. */
  readonly setKey: string
  /** false: the site keeps no list, so there is an httpUrl, which alone decides. */
  readonly hasWhitelist: boolean
  /** undefined: the list alone decides. */
  readonly httpUrl: string | undefined
  readonly httpTimeoutMs: number
  readonly httpApiKeyHeader: string
  readonly httpApiKey: string | undefined
  readonly httpSignatureSecret: string | undefined
  /** Authorities to trust in place of the usual ones. */
  readonly httpCa: CaFile | undefined
  readonly httpMaxConcurrency: number
  readonly httpRatePerSecond: number
  readonly cacheTtlSeconds: number
  readonly negativeCacheTtlSeconds: number
  /** 32 bytes. undefined: clients carry the passkey itself. */
  readonly encryptionKey: Buffer | undefined
  /** 0: no credential is too old. */
  readonly credentialMaxAgeSeconds: number
}

export type ExtraField = 'up' | 'down' | 'since' | 'seeders' | 'leechers' | 'agent'

export interface TrafficPushConfig {
  /** Without the key prefix. */
  readonly streamKey: string
  /** 0: never trimmed here. */
  readonly maxLen: number
  readonly skipIdle: boolean
  readonly extraFields: readonly ExtraField[]
}

export interface JwtConfig {
  readonly issuer: string
  readonly audience: string
  readonly jwkSetUrl: string
  readonly updateIntervalMs: number
}

export interface ClientApprovalConfig {
  /** Six bytes each; at most one of the two lists has entries. */
  readonly whitelist: readonly string[]
  readonly blacklist: readonly string[]
}

export interface TorrentApprovalConfig {
  /** Infohashes in lowercase hex; at most one of the two lists has entries. */
  readonly whitelist: readonly string[]
  readonly blacklist: readonly string[]
  /** A set that the site keeps, without the key prefix; undefined: the lists alone decide. */
  readonly setKey: string | undefined
}

export interface IntervalVariationConfig {
  readonly probability: number
  readonly maxIncreaseSeconds: number
  readonly modifiesMinInterval: boolean
}

export interface PeerLimitConfig {
  /** 0: any number. */
  readonly maxLeeching: number
  readonly maxSeeding: number
}

export interface AnnounceRateConfig {
  /** Share of the minimum interval. */
  readonly threshold: number
}

/** One hook with its options. */
export type HookConfig =
  | { readonly name: 'jwt'; readonly options: JwtConfig }
  | { readonly name: 'client approval'; readonly options: ClientApprovalConfig }
  | { readonly name: 'torrent approval'; readonly options: TorrentApprovalConfig }
  | { readonly name: 'interval variation'; readonly options: IntervalVariationConfig }
  | { readonly name: 'peer limit'; readonly options: PeerLimitConfig }
  | { readonly name: 'announce rate'; readonly options: AnnounceRateConfig }
  | { readonly name: 'passkey approval'; readonly options: PasskeyApprovalConfig }
  | { readonly name: 'traffic push'; readonly options: TrafficPushConfig }

export type RiskAction = 'off' | 'shadow' | 'flag' | 'hold' | 'deny'

/** When the site's consumer takes notice of somebody. Amounts in bytes, rates in bytes per second. */
export interface RiskConfig {
  readonly evaluationDelaySeconds: number
  readonly quietSeconds: number
  readonly exemptPasskeys: readonly string[]
  readonly seedboxNetworks: readonly string[]
  readonly rules: {
    readonly impossibleRate: {
      readonly action: RiskAction
      readonly maxRate: number
      readonly minBytes: number
      readonly minSeconds: number
    }
    readonly uploadWithoutLeechers: {
      readonly action: RiskAction
      readonly minBytes: number
      readonly minRate: number
      readonly lookaroundSeconds: number
    }
    readonly uploadAboveDownloads: {
      readonly action: RiskAction
      readonly maxRatio: number
      readonly slack: number
      readonly periodSeconds: number
    }
    readonly manyNetworks: {
      readonly action: RiskAction
      readonly maxNetworks: number
      readonly ipv4Prefix: number
      readonly ipv6Prefix: number
    }
    readonly sharedIdentity: {
      readonly action: RiskAction
      readonly minOverlapSeconds: number
      readonly ignoredPorts: readonly number[]
    }
    readonly counterResets: {
      readonly action: RiskAction
      readonly maxResets: number
      readonly minBytes: number
      readonly periodSeconds: number
    }
    readonly completedWithoutData: {
      readonly action: RiskAction
      readonly maxTorrents: number
      readonly periodSeconds: number
    }
  }
}
