import { type FailureCode, Refusal } from '../../bittorrent/failure.ts'
import type {
  AnnounceRequest,
  AnnounceResponse,
  Infohash,
  ScrapeRequest,
  ScrapeResponse,
} from '../../bittorrent/types.ts'
import { answerAnnounce } from './answer.ts'
import { type AnnouncePlan, type AnnouncePolicy, planAnnounce } from './plan.ts'
import type { AnnounceOutcome, PasskeyVerifier, SwarmStore, TorrentAliases } from './ports.ts'

/** Refuses a request by throwing a Refusal, or amends its plan. Prepares its options in its factory and never awaits. */
export interface Hook {
  readonly name: string
  announce?(request: AnnounceRequest, plan: AnnouncePlan): void
  scrape?(request: ScrapeRequest): void
  /** Ends what it keeps up to date in the background. */
  close?(): void
}

/** What both frontends ask. Holds nothing between two requests. */
export interface Tracker {
  /** Throws Refusal for the client's mistakes and StoreUnavailable when the store fails. */
  announce(request: AnnounceRequest): Promise<AnnounceResponse>
  /** Read-only (BEP 48). */
  scrape(request: ScrapeRequest): Promise<ScrapeResponse>
}

export interface TrackerOptions {
  readonly store: SwarmStore
  readonly hooks: readonly Hook[]
  readonly policy: AnnouncePolicy
  /** Asked when the whitelist does not decide; undefined: the whitelist alone decides. */
  readonly verifier?: PasskeyVerifier | undefined
  /** Resolved before anything else; undefined: every infohash stands for itself. */
  readonly aliases?: TorrentAliases | undefined
  /** This process stood still, and requests that it reads now may be old: clients are asked to come back. */
  readonly isStalled?: (() => boolean) | undefined
  /** Called for each announce that came while a list of the site's was missing. */
  readonly onListMissing?: ((list: SiteList) => void) | undefined
}

/** A list of the site's that announces are checked against. */
export type SiteList = 'passkeys' | 'torrents'

type Refused = Exclude<AnnounceOutcome['status'], 'served'>

/** What the client reads. While the list is missing nobody is refused, since it may hold whom the endpoint does not know. */
const REFUSALS: Record<Refused, FailureCode> = {
  passkeyUnknown: 'unapprovedPasskey',
  passkeyRejected: 'unapprovedPasskey',
  whitelistMissing: 'temporarilyUnavailable',
  torrentUnapproved: 'unapprovedTorrent',
  torrentListMissing: 'temporarilyUnavailable',
  peerLimitReached: 'peerLimitReached',
}

const MISSING_LISTS: Partial<Record<Refused, SiteList>> = {
  whitelistMissing: 'passkeys',
  torrentListMissing: 'torrents',
}

export function createTracker({
  store,
  hooks,
  policy,
  verifier,
  aliases,
  isStalled,
  onListMissing,
}: TrackerOptions): Tracker {
  const resolve = (infohash: Infohash) => (aliases ? aliases.resolve(infohash) : infohash)
  const refuseIfStalled = () => {
    if (isStalled?.()) throw new Refusal('temporarilyUnavailable')
  }

  /** The second call: a passkey that the site approves goes through the script once more. */
  async function decide(plan: AnnouncePlan, status: Refused): Promise<AnnounceOutcome> {
    if (!verifier || (status !== 'passkeyUnknown' && status !== 'whitelistMissing')) return { status }
    const verdict = await verifier.verify(plan.passkey!)
    if (verdict === 'rejected') return { status }
    if (verdict === 'unavailable') throw new Refusal('temporarilyUnavailable')
    refuseIfStalled() // it may have stood still while the site was asked
    plan.approval = 'verified'
    return store.announce(plan)
  }

  return {
    async announce(asked) {
      refuseIfStalled()
      const infohash = resolve(asked.infohash)
      const request = infohash === asked.infohash ? asked : { ...asked, infohash }
      const plan = planAnnounce(request, policy)
      for (const hook of hooks) hook.announce?.(request, plan)
      const first = await store.announce(plan) // the one round trip
      if (first.status === 'served') return answerAnnounce(plan, first, policy)
      const missing = MISSING_LISTS[first.status]
      if (missing !== undefined) onListMissing?.(missing)
      const outcome = await decide(plan, first.status)
      if (outcome.status === 'served') return answerAnnounce(plan, outcome, policy)
      throw new Refusal(REFUSALS[outcome.status])
    },

    async scrape(request) {
      refuseIfStalled()
      for (const hook of hooks) hook.scrape?.(request)
      const counts = await store.scrape(request.infohashes.map(resolve)) // one round trip for all of them
      return { files: counts.map((swarm, i) => ({ ...swarm, infohash: request.infohashes[i]! })) }
    },
  }
}
