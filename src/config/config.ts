import type { z } from 'zod'
import type { HookConfig, HookOptions } from '../tracker/hooks/list.ts'
import type { RedisConnection } from './redisUrl.ts'
import type { Values } from './section.ts'
import type { ChihayaValues, httpSection, redisKeys, swarmKeys, udpSection } from './sections.ts'
import type { TlsPair } from './tlsPair.ts'
import type { ListenAddress } from './values.ts'

/** A complete, checked configuration: the values of sections.ts, and what follows from them. */
export interface Config extends Omit<ChihayaValues, 'http' | 'udp' | 'storage' | 'prehooks' | 'posthooks'> {
  readonly http: HttpConfig | undefined
  readonly udp: UdpConfig | undefined
  readonly redis: RedisConfig
  readonly swarm: SwarmConfig
  /** In the file's order, `prehooks` before `posthooks`; each name at most once. */
  readonly hooks: readonly HookConfig[]
  /** The options of that hook, wherever it stands in `hooks`. */
  readonly passkeyApproval: HookOptions<'passkey approval'> | undefined
  readonly trafficPush: HookOptions<'traffic push'> | undefined
  readonly torrentApproval: HookOptions<'torrent approval'> | undefined
}

export interface HttpConfig extends Omit<z.output<typeof httpSection>, 'tlsCertPath' | 'tlsKeyPath'> {
  /** There when `httpsAddr` is. */
  readonly tls: TlsPair | undefined
}

export interface UdpConfig extends Omit<z.output<typeof udpSection>, 'addr'> {
  readonly addr: ListenAddress
  /** From the http section or its defaults: torrents carry the same forms of the announce URL. */
  readonly announceRoutes: readonly string[]
  readonly passkeyParams: readonly string[]
}

export interface RedisConfig extends Omit<Values<typeof redisKeys>, 'connection'> {
  readonly connection: RedisConnection
}

export type SwarmConfig = Values<typeof swarmKeys>
