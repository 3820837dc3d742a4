import { setTimeout as delay } from 'node:timers/promises'
import { anInfohash, aPasskey, aPeerId } from '../builders/builders.ts'
import type { Dice } from '../programs/crashDice.ts'
import { eventually } from '../programs/trackerProcesses.ts'
import { type Announce, announceTo } from './bencodeClient.ts'

/** One client on one torrent. Its counters only grow; one that restarts is another client on the same torrent. */
interface Session {
  readonly user: number
  readonly torrent: number
  readonly peerId: Buffer
  uploaded: number
  downloaded: number
  left: number
  /** When, and in which life of Redis, the session was first seen with counters at zero. */
  seen: { life: number; atMs: number } | undefined
  /** Seen for so long that no crash of Redis can forget where the counters began. */
  isEstablished: boolean
  isBusy: boolean
}

export interface ClientsOptions {
  readonly dice: Dice
  readonly sessions: number
  /** Announce URLs without passkey, of every tracker. */
  readonly trackers: readonly string[]
  /** Which life of Redis it is: another number after every restart. */
  readonly lifeOfRedis: () => number
}

/** What one user moved on one torrent, by its clients' own counters. */
export type Moved = ReadonlyMap<string, { readonly uploaded: bigint; readonly downloaded: bigint }>

export const moverKey = (passkey: string, infohash: string) => `${passkey} ${infohash}`

const AT_ONCE = 12
const AGAIN_AFTER_MS = 25
/** Redis may hold back what it appends to its file for up to two seconds while the one before is being synced. */
const DURABLE_AFTER_MS = 2_500
const LAST_ROUND_WITHIN_MS = 60_000

/**
 * Clients that move bytes and announce them, to whichever tracker, again and again until one of them answers. Counters
 * start at zero and stay there until the session is on disk, since a tracker that loses the first announce of a client
 * takes the second for the first, and nobody can know what was moved before.
 */
export class Clients {
  readonly #options: ClientsOptions
  readonly #sessions: Session[] = []
  readonly #retired: Session[] = []
  #isOver = false
  #acknowledged = 0
  #peers = 0

  constructor(options: ClientsOptions) {
    this.#options = options
    for (let n = 0; n < options.sessions; n++) this.#sessions.push(this.#newSession(n % 700, n))
  }

  static passkeys(sessions: number): string[] {
    return [...new Set(Array.from({ length: sessions }, (_, n) => aPasskey((n % 700) + 1)))]
  }

  /** Announces that were answered with peers so far. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Announces every session at zero until none can be forgotten. */
  async establish(): Promise<void> {
    for (;;) {
      const unsure = this.#sessions.filter(({ isEstablished }) => !isEstablished)
      if (unsure.length === 0) return
      await this.#onEach(unsure, (session) => this.#announce(session))
      await delay(AGAIN_AFTER_MS)
    }
  }

  /** Moves and announces until `stop`; what is under way then is finished. */
  async run(): Promise<void> {
    const { dice } = this.#options
    const work = async () => {
      while (!this.#isOver) {
        const index = dice.below(this.#sessions.length)
        const session = this.#sessions[index]!
        if (session.isBusy) continue
        session.isBusy = true
        if (session.isEstablished) this.#move(session)
        const isLeaving = session.isEstablished && dice.once(60)
        const isHeard = await this.#announce(session, isLeaving ? { event: 'stopped' } : {})
        session.isBusy = false
        if (isHeard && isLeaving) {
          this.#retired.push(session)
          this.#sessions[index] = this.#newSession(session.user, session.torrent)
        }
        if (!isHeard) await delay(AGAIN_AFTER_MS)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  stop(): void {
    this.#isOver = true
  }

  /** Every client that there ever was says its last counters, and is heard. */
  async sayAll(): Promise<void> {
    await this.#onEach([...this.#retired, ...this.#sessions], (session) =>
      eventually('a tracker answers', LAST_ROUND_WITHIN_MS, async () => {
        const isGone = this.#retired.includes(session)
        return (await this.#announce(session, isGone ? { event: 'stopped' } : {})) || undefined
      }),
    )
  }

  moved(): Moved {
    const sums = new Map<string, { uploaded: bigint; downloaded: bigint }>()
    for (const { user, torrent, uploaded, downloaded } of [...this.#retired, ...this.#sessions]) {
      const key = moverKey(aPasskey(user + 1), anInfohash(torrent + 1))
      const before = sums.get(key) ?? { uploaded: 0n, downloaded: 0n }
      sums.set(key, {
        uploaded: before.uploaded + BigInt(uploaded),
        downloaded: before.downloaded + BigInt(downloaded),
      })
    }
    return sums
  }

  #newSession(user: number, torrent: number): Session {
    return {
      user,
      torrent,
      peerId: Buffer.from(aPeerId(++this.#peers), 'hex'),
      uploaded: 0,
      downloaded: 0,
      left: this.#options.dice.once(3) ? 10_000_000 : 0,
      seen: undefined,
      isEstablished: false,
      isBusy: false,
    }
  }

  #move(session: Session): void {
    const { dice } = this.#options
    if (dice.once(3)) return // nothing since the last time
    const scale = dice.once(50) ? 1_000_000_000 : 1_000_000
    session.uploaded += dice.below(scale)
    const got = Math.min(session.left, dice.below(3_000_000))
    session.left -= got
    session.downloaded += got
  }

  /** @returns whether a tracker counted it; where that is not known it may or may not have */
  async #announce(session: Session, { event }: Pick<Announce, 'event'> = {}): Promise<boolean> {
    const { dice, trackers, lifeOfRedis } = this.#options
    const life = lifeOfRedis()
    const url = `${dice.pick(trackers)}/${aPasskey(session.user + 1)}`
    const { peerId, uploaded, downloaded, left } = session
    const infohash = Buffer.from(anInfohash(session.torrent + 1), 'hex')
    const isHeard = await announceTo(url, {
      infohash,
      peerId,
      uploaded,
      downloaded,
      left,
      ...(event && { event }),
    }).then(
      (answer) => answer.has('interval') && !answer.has('failure reason'),
      () => false, // refused, reset: the tracker is down
    )
    if (!isHeard) return false
    this.#acknowledged++
    if (session.isEstablished || life !== lifeOfRedis()) return true
    if (session.seen?.life !== life) session.seen = { life, atMs: Date.now() }
    session.isEstablished = Date.now() - session.seen.atMs > DURABLE_AFTER_MS
    return true
  }

  async #onEach(sessions: readonly Session[], act: (session: Session) => Promise<unknown>): Promise<void> {
    const waiting = [...sessions]
    const work = async () => {
      for (let session = waiting.pop(); session; session = waiting.pop()) await act(session)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
}
