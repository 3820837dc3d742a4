import type { RedisConnection } from './redisUrl.ts'
import type { ListenAddress } from './values.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A whole, checked configuration. What is not configured is undefined. */
export interface Config {
  readonly announceIntervalSeconds: number
  readonly minAnnounceIntervalSeconds: number
  readonly metricsAddr: ListenAddress | undefined
  readonly logLevel: LogLevel
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
}

/** What both frontends share. */
export interface FrontendConfig {
  readonly addr: ListenAddress
  readonly enableRequestTiming: boolean
  readonly allowIpSpoofing: boolean
  readonly maxNumwant: number
  readonly defaultNumwant: number
  readonly maxScrapeInfohashes: number
}

export interface HttpConfig extends FrontendConfig {
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
  /** CIDR ranges, always with a prefix length. */
  readonly trustedProxies: readonly string[]
  /** Lowercase; names of query parameters are case-insensitive. */
  readonly passkeyParams: readonly string[]
  readonly scrapeRequiresPasskey: boolean
  readonly maxHeaderBytes: number
}

export interface UdpConfig extends FrontendConfig {
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
  readonly reportingIntervalMs: number
  /** Silent peers of each role that one announce drops on its way. */
  readonly expireLimit: number
  /** The same for one call of the sweep. */
  readonly sweepLimit: number
}

export interface PasskeyApprovalConfig {
  /** Without the key prefix. */
  readonly setKey: string
  /** undefined: the list alone decides. */
  readonly httpUrl: string | undefined
  readonly httpTimeoutMs: number
  readonly httpApiKeyHeader: string
  readonly httpApiKey: string | undefined
  readonly httpSignatureSecret: string | undefined
  readonly httpMaxConcurrency: number
  readonly httpRatePerSecond: number
  readonly cacheTtlSeconds: number
  readonly negativeCacheTtlSeconds: number
  readonly encryptionKey: string | undefined
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

/** Hooks that this version runs; a file that names another does not load (notYet.ts). */
export type HookConfig =
  | { readonly name: 'passkey approval'; readonly options: PasskeyApprovalConfig }
  | { readonly name: 'traffic push'; readonly options: TrafficPushConfig }
