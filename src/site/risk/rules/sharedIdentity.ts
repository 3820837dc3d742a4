import type { Passkey } from '../../../bittorrent/types.ts'
import type { SightingFeatures, Span } from '../features.ts'
import type { Evidence, Finding } from '../finding.ts'
import type { SharedIdentity } from '../thresholds.ts'

const NAMED_AT_MOST = 10

type Kind = 'peer_id' | 'endpoint'

/**
 * One client that answers to several passkeys: the same peer id, or the same address and port, under two of them at the
 * same time. Two passkeys after one another are a change of passkey, or an address that got a new owner; neighbours behind
 * one address have other ports, unless both keep the one their client came with.
 *
 * @param sightings that may have something in common, of any passkeys
 * @returns a finding for each passkey that shares, the peer id before the endpoint
 */
export function sharedIdentity(
  sightings: readonly SightingFeatures[],
  span: Span,
  { minOverlapSeconds, ignoredPorts }: SharedIdentity,
): Finding[] {
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

  const findings = new Map<Passkey, Finding>()
  for (const { kind, value, claims } of identities.values()) {
    const partners = partnersOf(claims, minOverlapSeconds)
    for (const [passkey, others] of partners)
      if (!findings.has(passkey)) findings.set(passkey, findingOf(passkey, kind, value, others, span))
  }
  return [...findings.values()]
}

function findingOf(
  passkey: Passkey,
  kind: Kind,
  value: string,
  others: ReadonlySet<Passkey>,
  span: Span,
): Finding {
  const what = kind === 'peer_id' ? 'peer id' : 'address and port'
  const count = others.size === 1 ? 'one other passkey' : `${others.size} other passkeys`
  const evidence: Evidence = {
    [kind]: value,
    passkeys: others.size + 1,
    otherPasskeys: [...others].sort().slice(0, NAMED_AT_MOST),
  }
  return {
    rule: 'shared_identity',
    version: 1,
    severity: kind === 'peer_id' ? 'high' : 'medium',
    passkey,
    infohash: undefined,
    ...span,
    summary: `shares its ${what} with ${count} at the same time`,
    evidence,
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
