import { parseAddress } from '../../../bittorrent/address.ts'
import type { SightingFeatures, Span } from '../features.ts'
import type { Finding } from '../finding.ts'
import type { ManyNetworks } from '../thresholds.ts'

const SURELY = 2
const NAMED_AT_MOST = 20

/**
 * One passkey at many places at once. A session is at one place however many families it speaks, and sessions that share a
 * network or a peer id are at one place too: that joins the two families of a home, and a client whose carrier moves its
 * torrents between addresses.
 *
 * @param sessions of one passkey, all live in the window, each at its latest address
 */
export function manyNetworks(
  sessions: readonly SightingFeatures[],
  span: Span,
  { maxNetworks, ipv4Prefix, ipv6Prefix }: ManyNetworks,
): Finding | undefined {
  const places = createPlaces()
  const networks = new Set<string>()
  for (const { peerId, ip4, ip6 } of sessions) {
    const found = [networkOf(ip4, ipv4Prefix), networkOf(ip6, ipv6Prefix)].filter(
      (network) => network !== undefined,
    )
    if (found.length === 0) continue
    for (const network of found) networks.add(network)
    places.join([peerId, ...found])
  }
  const count = places.count()
  if (count <= maxNetworks) return undefined
  return {
    rule: 'many_networks',
    version: 1,
    severity: count > maxNetworks * SURELY ? 'high' : 'medium',
    passkey: sessions[0]!.passkey,
    infohash: undefined,
    ...span,
    summary: `in use at ${count} places at once, ${sessions.length} sessions; more than ${maxNetworks}`,
    evidence: {
      places: count,
      maxNetworks,
      sessions: sessions.length,
      networks: [...networks].sort().slice(0, NAMED_AT_MOST),
    },
  }
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
