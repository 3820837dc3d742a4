import type { TrafficEvent } from '../../../contract/trafficEvent.ts'
import { RESET_REASONS } from './reasons.ts'
import type { Credit } from './settlement.ts'

/** What a batch adds to one torrent of one user. */
export interface TorrentSums {
  readonly passkey: string
  readonly infohash: string
  uploaded: bigint
  downloaded: bigint
  seedSeconds: number
  leechSeconds: number
  announces: number
  completedAt: number | null
  firstSeen: number
  lastSeen: number
  lastLeft: number
}

/** What a batch adds to one window of one torrent of one user. */
export interface WindowSums {
  readonly start: number
  readonly passkey: string
  readonly infohash: string
  uploaded: bigint
  downloaded: bigint
  seconds: number
  announces: number
  uploadedNoLeechers: bigint
  maxLeechers: number
  maxSeeders: number
  resets: number
  completedNoData: number
  recoveredUploaded: bigint
  recoveredDownloaded: bigint
}

/** What a batch puts into a hold on one torrent. */
export interface ParkedSums {
  readonly hold: string
  readonly infohash: string
  uploaded: bigint
  downloaded: bigint
}

/** What a batch adds to a user: the sum of the torrents. */
export type UserSums = Omit<TorrentSums, 'infohash' | 'completedAt' | 'lastLeft'>

/** @param torrents in the order of their keys */
export function usersOf(torrents: readonly TorrentSums[]): UserSums[] {
  const users: UserSums[] = []
  for (const torrent of torrents) {
    const user = users.at(-1)
    if (user?.passkey !== torrent.passkey) {
      users.push({ ...torrent })
      continue
    }
    user.uploaded += torrent.uploaded
    user.downloaded += torrent.downloaded
    user.seedSeconds += torrent.seedSeconds
    user.leechSeconds += torrent.leechSeconds
    user.announces += torrent.announces
    user.firstSeen = Math.min(user.firstSeen, torrent.firstSeen)
    user.lastSeen = Math.max(user.lastSeen, torrent.lastSeen)
  }
  return users
}

/** A batch's sums, growing entry by entry. */
export class BatchSums {
  readonly #windowSeconds: number
  readonly #torrents: TorrentSums[] = []
  readonly #windows = new Map<string, WindowSums>()
  readonly #parked = new Map<string, ParkedSums>()

  constructor(windowSeconds: number) {
    this.#windowSeconds = windowSeconds
  }

  /**
   * Entries of a torrent of a user come one after the other, torrents in the order of their keys.
   *
   * @param hold takes the bytes in the user's place; empty for none
   */
  add(event: TrafficEvent, credit: Credit, hold: string): void {
    const torrent = this.#torrent(event)
    torrent.seedSeconds += credit.seedSeconds
    torrent.leechSeconds += credit.leechSeconds
    torrent.announces++
    torrent.firstSeen = Math.min(torrent.firstSeen, event.atSeconds)
    if (event.atSeconds >= torrent.lastSeen) {
      torrent.lastSeen = event.atSeconds
      torrent.lastLeft = event.leftBytes
    }
    if (credit.isFinished) {
      torrent.completedAt = Math.min(torrent.completedAt ?? event.atSeconds, event.atSeconds)
    }
    if (credit.up > 0 || credit.down > 0) {
      const target = hold === '' ? torrent : this.#held(hold, event.infohash)
      target.uploaded += BigInt(credit.up)
      target.downloaded += BigInt(credit.down)
    }
    if (isWorthWindow(event, credit)) this.#addWindow(event, credit)
  }

  /** In the order of their keys, byte by byte: everyone locks rows in that order. */
  torrents(): readonly TorrentSums[] {
    return this.#torrents
  }

  windows(): WindowSums[] {
    return inOrder(this.#windows)
  }

  parked(): ParkedSums[] {
    return inOrder(this.#parked)
  }

  #torrent({ passkey, infohash, atSeconds, leftBytes }: TrafficEvent): TorrentSums {
    const last = this.#torrents.at(-1)
    if (last?.infohash === infohash && last.passkey === passkey) return last
    const torrent: TorrentSums = {
      passkey,
      infohash,
      uploaded: 0n,
      downloaded: 0n,
      seedSeconds: 0,
      leechSeconds: 0,
      announces: 0,
      completedAt: null,
      firstSeen: atSeconds,
      lastSeen: atSeconds,
      lastLeft: leftBytes,
    }
    this.#torrents.push(torrent)
    return torrent
  }

  #held(hold: string, infohash: string): ParkedSums {
    const key = `${hold} ${infohash}`
    const sums = this.#parked.get(key) ?? { hold, infohash, uploaded: 0n, downloaded: 0n }
    this.#parked.set(key, sums)
    return sums
  }

  #addWindow(event: TrafficEvent, credit: Credit): void {
    const window = this.#window(event)
    window.uploaded += BigInt(credit.up)
    window.downloaded += BigInt(credit.down)
    window.announces++
    if (credit.up > 0 || credit.down > 0) window.seconds += event.elapsedSeconds
    const leechers = otherLeechers(event)
    if (leechers === 0) window.uploadedNoLeechers += BigInt(credit.up)
    window.maxLeechers = Math.max(window.maxLeechers, leechers ?? 0)
    window.maxSeeders = Math.max(window.maxSeeders, event.seeders ?? 0)
    if (isReset(credit)) window.resets++
    if (event.event === 'completed' && hasNoData(event)) window.completedNoData++
  }

  #window({ passkey, infohash, atSeconds }: TrafficEvent): WindowSums {
    const start = atSeconds - (atSeconds % this.#windowSeconds)
    const key = `${start} ${passkey} ${infohash}`
    const found = this.#windows.get(key)
    if (found !== undefined) return found
    const window = newWindow(start, passkey, infohash)
    this.#windows.set(key, window)
    return window
  }
}

export function newWindow(start: number, passkey: string, infohash: string): WindowSums {
  return {
    start,
    passkey,
    infohash,
    uploaded: 0n,
    downloaded: 0n,
    seconds: 0,
    announces: 0,
    uploadedNoLeechers: 0n,
    maxLeechers: 0,
    maxSeeders: 0,
    resets: 0,
    completedNoData: 0,
    recoveredUploaded: 0n,
    recoveredDownloaded: 0n,
  }
}

/** Most announces are a seeder's that moved nothing: they write no window. */
function isWorthWindow(event: TrafficEvent, credit: Credit): boolean {
  return credit.up > 0 || credit.down > 0 || isReset(credit) || event.event === 'completed'
}

/** In the swarm besides the announcer, whom the count includes; undefined where the producer does not say. */
function otherLeechers({ leechers, leftBytes, event }: TrafficEvent): number | undefined {
  const isLeecher = leftBytes > 0 && event !== 'completed' && event !== 'stopped'
  return leechers === undefined ? undefined : Math.max(0, leechers - Number(isLeecher))
}

/** A generation opened by counters that went back. */
function isReset({ reason }: Credit): boolean {
  return RESET_REASONS.has(reason)
}

/** Finished, as the client says, without having loaded a byte in this session. */
function hasNoData({ totals, downloadedDeltaBytes }: TrafficEvent): boolean {
  return (totals?.downloadedBytes ?? downloadedDeltaBytes) === 0
}

/**
 * The values of a map in the order of its keys. A space between the parts of a key sorts before every character of the
 * parts: texts compare as their parts would, and as the databases compare them, byte by byte.
 */
export function inOrder<Value>(map: ReadonlyMap<string, Value>): Value[] {
  return [...map.keys()].sort().map((key) => map.get(key)!)
}
