import type { Passkey } from '../../../bittorrent/types.ts'
import { integer, list, seconds, showSeconds } from '../../../config/values.ts'
import { asNumber } from '../../ledger/sql/tables.ts'
import { defineRule, type RuleSources, ruleSettings } from '../rule.ts'
import { latestSightings, type SightingFeatures, sightingsWithSessions } from '../sightings.ts'
import type { Span, Verdict } from '../verdict.ts'

const NAMED_AT_MOST = 10
/** Default ports of clients: neighbours behind one address have them too. */
const DEFAULT_PORTS = [6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 51413]

type Kind = 'peer_id' | 'endpoint'

/**
 * One client that answers to several passkeys: the same peer id, or the same address and port, under two of them at the
 * same time. Two passkeys after one another are a change of passkey, or an address that got a new owner; neighbours behind
 * one address have other ports, unless both keep the one their client came with. Each passkey that shares is found, the
 * peer id before the endpoint.
 */
export const sharedIdentityRule = defineRule({
  name: 'shared_identity',
  version: 1,
  settings: ruleSettings({
    /** Two passkeys are there together for at least this long; less is a change of passkey or of address. */
    minOverlapSeconds: ['min_overlap', seconds('0s', '24h').prefault('30m')],
    ignoredPorts: ['ignored_ports', list(integer(1, 65_535)).prefault(DEFAULT_PORTS)],
  }),
  *problems({ minOverlapSeconds }, evaluationDelaySeconds) {
    if (minOverlapSeconds > evaluationDelaySeconds)
      yield {
        key: 'min_overlap',
        text: `${showSeconds(minOverlapSeconds)} is above evaluation_delay, ${showSeconds(evaluationDelaySeconds)}: the rule would find nothing`,
      }
  },
  /** All sightings of the window that may have something in common, of any passkeys. */
  async *read({ db, window, exemptions, settings }): AsyncIterable<readonly SightingFeatures[]> {
    const sightings = await sharedSightings(db, window, settings.ignoredPorts)
    yield sightings
      .filter(({ passkey }) => !exemptions.isExempt(passkey))
      // A host's address passes from customer to customer; the peer id says enough.
      .map((each) => (exemptions.isSeedbox(each) ? { ...each, ip4: undefined, ip6: undefined } : each))
  },
  decide(sightings, _, { minOverlapSeconds, ignoredPorts }) {
    const identities = new Map<string, { kind: Kind; value: string; claims: SightingFeatures[] }>()
    const claim = (kind: Kind, value: string, sighting: SightingFeatures) => {
      const identity = identities.get(`${kind} ${value}`)
      if (identity) identity.claims.push(sighting)
      else identities.set(`${kind} ${value}`, { kind, value, claims: [sighting] })
    }
    for (const sighting of sightings) claim('peer_id', sighting.peerId, sighting)
    for (const sighting of sightings) {
      const { ip4, ip6, port } = sighting
      if (port === 0 || ignoredPorts.includes(port)) continue
      if (ip4 !== undefined) claim('endpoint', `${ip4}:${port}`, sighting)
      if (ip6 !== undefined) claim('endpoint', `[${ip6}]:${port}`, sighting)
    }

    const verdicts = new Map<Passkey, Verdict>()
    for (const { kind, value, claims } of identities.values()) {
      const partners = partnersOf(claims, minOverlapSeconds)
      for (const [passkey, others] of partners)
        if (!verdicts.has(passkey)) verdicts.set(passkey, verdict(passkey, kind, value, others))
    }
    return [...verdicts.values()]
  },
})

function verdict(passkey: Passkey, kind: Kind, value: string, others: ReadonlySet<Passkey>): Verdict {
  const what = kind === 'peer_id' ? 'peer id' : 'address and port'
  const count = others.size === 1 ? 'one other passkey' : `${others.size} other passkeys`
  return {
    severity: kind === 'peer_id' ? 'high' : 'medium',
    passkey,
    infohash: undefined,
    summary: `shares its ${what} with ${count} at the same time`,
    evidence: {
      [kind]: value,
      passkeys: others.size + 1,
      otherPasskeys: [...others].sort().slice(0, NAMED_AT_MOST),
    },
  }
}

/** For each passkey, those that were there together with it. */
function partnersOf(
  claims: readonly SightingFeatures[],
  minOverlapSeconds: number,
): Map<Passkey, Set<Passkey>> {
  const partners = new Map<Passkey, Set<Passkey>>()
  for (const one of claims)
    for (const other of claims) {
      if (one.passkey === other.passkey) continue
      const together =
        Math.min(one.lastSeconds, other.lastSeconds) - Math.max(one.firstSeconds, other.firstSeconds)
      if (together < minOverlapSeconds) continue
      const known = partners.get(one.passkey) ?? new Set()
      partners.set(one.passkey, known.add(other.passkey))
    }
  return partners
}

/** Sightings that share a peer id or an endpoint with another passkey, one of them from within the span. */
async function sharedSightings(
  db: RuleSources['db'],
  span: Span,
  ignoredPorts: readonly number[],
): Promise<SightingFeatures[]> {
  const came = () =>
    db
      .selectFrom('pt_sightings as s')
      .distinct()
      .where('s.seen_ts', '>=', span.fromSeconds)
      .where('s.seen_ts', '<', span.untilSeconds)
  const found: SightingFeatures[] = []
  const peerIds = await came()
    .select('s.peer_id')
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('pt_sightings as o')
          .select('o.passkey')
          .whereRef('o.peer_id', '=', 's.peer_id')
          .whereRef('o.passkey', '<>', 's.passkey'),
      ),
    )
    .execute()
  for (const { peer_id } of peerIds)
    found.push(...(await latestSightings(sightingsWithSessions(db).where('s.peer_id', '=', peer_id))))
  for (const family of ['ip4', 'ip6'] as const) {
    const endpoints = await came()
      .select([`s.${family} as ip`, 's.port'])
      .where(`s.${family}`, '<>', '')
      .where('s.port', 'not in', [0, ...ignoredPorts])
      .where(({ exists, selectFrom }) =>
        exists(
          selectFrom('pt_sightings as o')
            .select('o.passkey')
            .whereRef(`o.${family}`, '=', `s.${family}`)
            .whereRef('o.port', '=', 's.port')
            .whereRef('o.passkey', '<>', 's.passkey'),
        ),
      )
      .execute()
    for (const { ip, port } of endpoints) {
      const there = sightingsWithSessions(db).where(`s.${family}`, '=', ip)
      found.push(...(await latestSightings(there.where('s.port', '=', asNumber(port)))))
    }
  }
  return found
}
