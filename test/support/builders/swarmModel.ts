import type { Infohash, IpAddress } from '../../../src/bittorrent/types.ts'
import { isPossibleDelta } from '../../../src/contract/possibleDelta.ts'
import type { AnnouncePlan } from '../../../src/tracker/core/plan.ts'
import type { AnnounceScriptPolicy } from '../../../src/tracker/store/scripts/announceLayouts.ts'

type Role = 'gone' | 'leecher' | 'seeder'

interface Session {
  uploaded: number
  downloaded: number
  last: number
  since: number
  role: Role
  ipv4: string
  ipv6: string
  ipv4Seconds: number
  ipv6Seconds: number
}

/** What the traffic event of one announce must say about it. */
export interface ExpectedEvent {
  du: number
  dd: number
  dt: number
  since: number
  seeders: number
  leechers: number
}

export type ModelRefusal = 'torrentUnapproved' | 'torrentListMissing' | 'peerLimitReached'

const NO_IPV4 = '00'.repeat(6)
const NO_IPV6 = '00'.repeat(18)

/**
 * The rules of accounting and of swarms in plain words, with nothing packed, bounded or lazy: what the scripts are held
 * against. Members are packed peers in hex.
 */
export class SwarmModel {
  readonly #policy: AnnounceScriptPolicy
  readonly #sessions = new Map<string, Session>()
  readonly #members = new Map<string, Map<string, number>>() // infohash/role -> member -> last announce
  readonly #snatched = new Set<string>()
  readonly #snatches = new Map<string, number>()
  /** The site's list; undefined: it keeps none. */
  torrents: ReadonlySet<string> | undefined

  constructor(policy: AnnounceScriptPolicy) {
    this.#policy = policy
  }

  /** Why this announce is refused and changes nothing; undefined: it is served. */
  refusal(plan: AnnouncePlan, now: number): ModelRefusal | undefined {
    if (plan.checksTorrent && !this.torrents) return 'torrentListMissing'
    if (plan.checksTorrent && !this.torrents!.has(plan.infohash)) return 'torrentUnapproved'
    if (!plan.peerLimit || isAlwaysServed(plan)) return undefined
    const isInSwarm = (session: Session) =>
      session.role !== 'gone' && session.last >= now - this.#policy.peerLifetimeSeconds
    const own = this.#sessions.get(sessionId(plan))
    if (own && isInSwarm(own)) return undefined
    const role = plan.leftBytes === 0 ? 'seeder' : 'leecher'
    const limit = plan.leftBytes === 0 ? plan.peerLimit.seeding : plan.peerLimit.leeching
    const sameRole = [...this.#sessions].filter(
      ([id, session]) => id.startsWith(`${owner(plan)}/`) && isInSwarm(session) && session.role === role,
    )
    return limit > 0 && sameRole.length >= limit ? 'peerLimitReached' : undefined
  }

  /** Whether every family of this announce was announced so lately that it gets no peers. To be asked before `announce`. */
  isEarly(plan: AnnouncePlan, now: number): boolean {
    const before = this.#before(plan, now)
    if (!before || before.role === 'gone' || isAlwaysServed(plan)) return false
    const lastOf = (family: IpAddress['family']) =>
      family === 'IPv4' ? before.ipv4Seconds : before.ipv6Seconds
    return [plan.address, plan.otherAddress].every(
      (each) => !each || (now - lastOf(each.family) < plan.earlySeconds && lastOf(each.family) <= now),
    )
  }

  announce(plan: AnnouncePlan, now: number): ExpectedEvent {
    const before = this.#before(plan, now)

    const after = this.#nextSession(plan, before, now)
    if (before && before.role !== 'gone') this.#role(plan.infohash, before.role).delete(member(plan, before))
    if (after.role !== 'gone') this.#role(plan.infohash, after.role).set(member(plan, after), now)
    if (
      (before?.role === 'leecher' || plan.event === 'completed') &&
      (plan.leftBytes === 0 || plan.event === 'completed') &&
      plan.downloadedBytes > 0 &&
      !this.#snatched.has(owner(plan))
    ) {
      this.#snatched.add(owner(plan))
      this.#snatches.set(plan.infohash, this.snatches(plan.infohash) + 1)
    }
    this.#sessions.set(sessionId(plan), after)

    const [du, dd] = this.#deltas(plan, before, now)
    return {
      du,
      dd,
      dt: before && before.role !== 'gone' ? Math.max(0, now - before.last) : 0,
      since: after.since,
      seeders: this.live(plan.infohash, 'seeder', now).size,
      leechers: this.live(plan.infohash, 'leecher', now).size,
    }
  }

  /** Members of a role that announced within the peer lifetime. */
  live(infohash: Infohash, role: 'leecher' | 'seeder', now: number): Set<string> {
    const oldest = now - this.#policy.peerLifetimeSeconds
    return new Set(
      [...this.#role(infohash, role)].filter(([, last]) => last >= oldest).map(([packed]) => packed),
    )
  }

  snatches(infohash: Infohash): number {
    return this.#snatches.get(infohash) ?? 0
  }

  #before(plan: AnnouncePlan, now: number): Session | undefined {
    const stored = this.#sessions.get(sessionId(plan))
    return stored && stored.last >= now - this.#policy.accountingTtlSeconds ? stored : undefined
  }

  #deltas(plan: AnnouncePlan, before: Session | undefined, now: number): [number, number] {
    if (!before || this.#isAnew(plan, before, now)) return [0, 0]
    const down = plan.downloadedBytes - before.downloaded
    return [plan.uploadedBytes - before.uploaded, Math.max(0, down)]
  }

  /** Counters that began anew, or claim what is not possible. */
  #isAnew(plan: AnnouncePlan, before: Session, now: number): boolean {
    const up = plan.uploadedBytes - before.uploaded
    const down = plan.downloadedBytes - before.downloaded
    const isDownAnew = this.#policy.counterReset === 'zero' || plan.event === 'started'
    const seconds = Math.max(0, now - before.last)
    const isPossible = isPossibleDelta(up, seconds) && isPossibleDelta(down, seconds)
    return up < 0 || (down < 0 && isDownAnew) || !isPossible
  }

  #nextSession(plan: AnnouncePlan, before: Session | undefined, now: number): Session {
    const isAnew = before && this.#isAnew(plan, before, now)
    const finished = plan.leftBytes === 0 || plan.event === 'completed'
    const oldest = now - this.#policy.peerLifetimeSeconds
    const kept = before && before.role !== 'gone' ? before : undefined
    const ipv4 = endpoint(plan, 'IPv4')
    const ipv6 = endpoint(plan, 'IPv6')
    const keepsIpv4 = !ipv4 && kept && kept.ipv4Seconds >= oldest
    const keepsIpv6 = !ipv6 && kept && kept.ipv6Seconds >= oldest
    return {
      uploaded: plan.uploadedBytes,
      downloaded: plan.downloadedBytes,
      last: now,
      since: before && !isAnew ? before.since : now,
      role: plan.event === 'stopped' ? 'gone' : finished ? 'seeder' : 'leecher',
      ipv4: ipv4 ?? (keepsIpv4 ? kept.ipv4 : NO_IPV4),
      ipv6: ipv6 ?? (keepsIpv6 ? kept.ipv6 : NO_IPV6),
      ipv4Seconds: ipv4 ? now : keepsIpv4 ? kept.ipv4Seconds : 0,
      ipv6Seconds: ipv6 ? now : keepsIpv6 ? kept.ipv6Seconds : 0,
    }
  }

  #role(infohash: string, role: Role): Map<string, number> {
    const key = `${infohash}/${role}`
    let members = this.#members.get(key)
    if (!members) {
      members = new Map()
      this.#members.set(key, members)
    }
    return members
  }
}

const owner = (plan: AnnouncePlan) => `${plan.infohash}/${plan.passkey ?? plan.peerId}`
const sessionId = (plan: AnnouncePlan) => `${owner(plan)}/${plan.peerId}`
const isAlwaysServed = ({ event }: AnnouncePlan) => event === 'completed' || event === 'stopped'

function member(plan: AnnouncePlan, session: Session): string {
  return plan.peerId + session.ipv4 + session.ipv6
}

function endpoint(plan: AnnouncePlan, family: IpAddress['family']): string | undefined {
  const address = [plan.address, plan.otherAddress].find((each) => each?.family === family)
  return address && Buffer.from(address.bytes).toString('hex') + plan.port.toString(16).padStart(4, '0')
}
