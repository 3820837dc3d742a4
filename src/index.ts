/** The library a PT site imports. */
export type { AddressFamily, AnnounceEvent, Infohash, Passkey, PeerId } from './bittorrent/types.ts'
export * from './contract/redisKeys.ts'
export * from './contract/trafficEvent.ts'
