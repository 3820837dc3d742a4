import { setImmediate } from 'node:timers/promises'
import { parseAddress } from '../../../bittorrent/address.ts'
import type { Passkey } from '../../../bittorrent/types.ts'
import { integer } from '../../../config/values.ts'
import { defineRule, type RuleSources, ruleSettings } from '../rule.ts'
import { latestSightings, type SightingFeatures, sightingsWithSessions } from '../sightings.ts'
import type { Span } from '../verdict.ts'

const SURELY = 2
const NAMED_AT_MOST = 20
/** Passkeys in one list of a query. */
const NAMES = 250

/**
 * One passkey at many places at once. A session is at one place however many families it speaks, and sessions that share a
 * network or a peer id are at one place too: that joins the two families of a home, and a client whose carrier moves its
 * torrents between addresses.
 */
export const manyNetworksRule = defineRule({
  name: 'many_networks',
  version: 1,
  settings: ruleSettings({
    maxNetworks: ['max_networks', integer(1, 10_000).prefault(4)],
    /** Addresses that share so many bits are one network. */
    ipv4PrefixBits: ['ipv4_prefix', integer(8, 32).prefault(24)],
    ipv6PrefixBits: ['ipv6_prefix', integer(16, 128).prefault(48)],
  }),
  /** The sessions of one passkey that were live in the window, each at its latest address. */
  async *read(query): AsyncIterable<readonly SightingFeatures[]> {
    const { db, window, exemptions, settings } = query
    for (const passkey of await passkeysThatMoved(settings.maxNetworks, window, query)) {
      const sightings = await latestSightings(liveSightings(db, window).where('s.passkey', '=', passkey))
      const sessions = new Map<string, SightingFeatures>()
      for (const sighting of sightings) {
        const key = `${sighting.infohash} ${sighting.peerId}`
        if (!sessions.has(key)) sessions.set(key, sighting)
      }
      yield [...sessions.values()].filter((session) => !exemptions.isSeedbox(session))
    }
  },
  decide(sessions, _, { maxNetworks, ipv4PrefixBits, ipv6PrefixBits }) {
    const places = createPlaces()
    const networks = new Set<string>()
    for (const { peerId, ip4, ip6 } of sessions) {
      const found = [networkOf(ip4, ipv4PrefixBits), networkOf(ip6, ipv6PrefixBits)].filter(
        (network) => network !== undefined,
      )
      if (found.length === 0) continue
      for (const network of found) networks.add(network)
      places.join([peerId, ...found])
    }
    const count = places.count()
    if (count <= maxNetworks) return []
    return [
      {
        severity: count > maxNetworks * SURELY ? 'high' : 'medium',
        passkey: sessions[0]!.passkey,
        infohash: undefined,
        summary: `in use at ${count} places at once, ${sessions.length} sessions; more than ${maxNetworks}`,
        evidence: {
          places: count,
          maxNetworks,
          sessions: sessions.length,
          networks: [...networks].sort().slice(0, NAMED_AT_MOST),
        },
      },
    ]
  },
})

/** Passkeys with a client that came, or moved, within the window, and that may be in more networks than allowed. */
async function passkeysThatMoved(
  maxNetworks: number,
  window: Span,
  { db, sql }: RuleSources,
): Promise<Passkey[]> {
  const came = await db
    .selectFrom('pt_sightings')
    .select('passkey')
    .distinct()
    .where('seen_ts', '>=', window.fromSeconds)
    .where('seen_ts', '<', window.untilSeconds)
    .execute()
  const moved: Passkey[] = []
  for (let first = 0; first < came.length; first += NAMES) {
    await setImmediate()
    const passkeys = came.slice(first, first + NAMES).map(({ passkey }) => passkey)
    const rows = await liveSightings(db, window)
      .select('s.passkey')
      .where('s.passkey', 'in', passkeys)
      .groupBy('s.passkey')
      .having(sql<number>`count(distinct s.ip4) + count(distinct s.ip6)`, '>', maxNetworks)
      .execute()
    moved.push(...rows.map(({ passkey }) => passkey as Passkey))
  }
  return moved
}

/** Of sessions that had come before the span's end, and have announced since its beginning. */
function liveSightings(db: RuleSources['db'], { fromSeconds, untilSeconds }: Span) {
  return sightingsWithSessions(db).where('s.seen_ts', '<', untilSeconds).where('t.last_ts', '>=', fromSeconds)
}

/** `198.51.100.0/24`; undefined for what is no address. */
export function networkOf(ip: string | undefined, prefixBits: number): string | undefined {
  const address = ip === undefined ? undefined : parseAddress(ip)
  if (!address) return undefined
  const bytes = address.bytes.map((byte, i) => {
    const bits = Math.min(Math.max(prefixBits - i * 8, 0), 8)
    return byte & (0xff << (8 - bits))
  })
  const text = address.family === 'IPv4' ? bytes.join('.') : hexGroups(bytes, prefixBits)
  return `${text}/${prefixBits}`
}

/** The groups that the prefix reaches into, and `::` for the rest. */
function hexGroups(bytes: Uint8Array, prefixBits: number): string {
  const groups = Array.from({ length: Math.ceil(prefixBits / 16) }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
  )
  return groups.length === 8 ? groups.join(':') : `${groups.join(':')}::`
}

/** Sets that grow together: names joined once belong to one place. */
function createPlaces() {
  const parents = new Map<string, string>()
  const rootOf = (name: string): string => {
    let root = name
    for (let parent = parents.get(root); parent !== undefined && parent !== root; parent = parents.get(root))
      root = parent
    parents.set(name, root)
    return root
  }
  return {
    join(names: readonly string[]) {
      const root = rootOf(names[0]!)
      for (const name of names) parents.set(rootOf(name), root)
    },
    count: () => [...parents.keys()].filter((name) => rootOf(name) === name).length,
  }
}
