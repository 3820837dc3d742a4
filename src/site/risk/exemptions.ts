import { compileNetworks, parseAddress } from '../../bittorrent/address.ts'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { RiskSettings } from './settings.ts'
import type { SightingFeatures } from './sightings.ts'

/** Whom the site knows and does not want to hear about. */
export interface Exemptions {
  readonly hasSeedboxes: boolean
  isExempt(passkey: string): boolean
  /** A client with one address in a seedbox's network is there, whatever the other one says. */
  isSeedbox(at: Pick<SightingFeatures, 'ip4' | 'ip6'>): boolean
}

/** Throws RangeError naming a network that is none. */
export function compileExemptions({
  exemptPasskeys,
  seedboxNetworks,
}: Pick<RiskSettings, 'exemptPasskeys' | 'seedboxNetworks'>): Exemptions {
  const passkeys = new Set(exemptPasskeys.map((text) => parsePasskey(text) ?? text))
  const isInNetworks = compileNetworks(seedboxNetworks)
  const isWithin = (ip: string | undefined) => {
    const address = ip ? parseAddress(ip) : undefined
    return address !== undefined && isInNetworks(address)
  }
  return {
    hasSeedboxes: seedboxNetworks.length > 0,
    isExempt: (passkey) => passkeys.has(passkey),
    isSeedbox: ({ ip4, ip6 }) => isWithin(ip4) || isWithin(ip6),
  }
}
