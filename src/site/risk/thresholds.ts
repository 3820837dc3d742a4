import type { RiskAction } from './finding.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const HOUR = 3600

interface Rule {
  readonly action: RiskAction
}

export interface ImpossibleRate extends Rule {
  /** Bytes per second. */
  readonly maxRate: number
  /** Less in a window is never looked at. */
  readonly minBytes: number
  /** A shorter time counts as this long, so that an announce right after another one makes no giant rate. */
  readonly minSeconds: number
}

export interface UploadWithoutLeechers extends Rule {
  readonly minBytes: number
  readonly minRate: number
  /** How far around the window a leecher clears the uploader: an interval for the upload, and one for the leecher. */
  readonly lookaroundSeconds: number
}

export interface UploadAboveDownloads extends Rule {
  /** Upload to download over the period. */
  readonly maxRatio: number
  /** Bytes above that ratio that are let pass. */
  readonly slack: number
  readonly periodSeconds: number
}

export interface ManyNetworks extends Rule {
  readonly maxNetworks: number
  /** Addresses that share so many bits are one network. */
  readonly ipv4Prefix: number
  readonly ipv6Prefix: number
}

export interface SharedIdentity extends Rule {
  /** Two passkeys are there together for at least this long; less is a change of passkey or of address. */
  readonly minOverlapSeconds: number
  /** Ports at which clients listen unless told: neighbours behind one address have them too. */
  readonly ignoredPorts: readonly number[]
}

export interface CounterResets extends Rule {
  /** Of one passkey on one torrent over the period. */
  readonly maxResets: number
  readonly minBytes: number
  readonly periodSeconds: number
}

export interface CompletedWithoutData extends Rule {
  readonly maxTorrents: number
  readonly periodSeconds: number
}

/** The rules with their actions and thresholds; docs/risk.md says what each is for. */
export interface RiskRules {
  readonly impossibleRate: ImpossibleRate
  readonly uploadWithoutLeechers: UploadWithoutLeechers
  readonly uploadAboveDownloads: UploadAboveDownloads
  readonly manyNetworks: ManyNetworks
  readonly sharedIdentity: SharedIdentity
  readonly counterResets: CounterResets
  readonly completedWithoutData: CompletedWithoutData
}

/** What the section `risk` of the configuration says. */
export interface RiskSettings {
  /** How long after a window's end it is judged: until then those who took the bytes have reported them too. */
  readonly evaluationDelaySeconds: number
  /** A flag that was dismissed or released keeps its rule quiet about its subject for so long. */
  readonly quietSeconds: number
  readonly exemptPasskeys: readonly string[]
  /** Addresses and CIDR ranges. */
  readonly seedboxNetworks: readonly string[]
  readonly rules: RiskRules
}

/** Where each number comes from stands in docs/risk.md. */
export const DEFAULT_RISK_SETTINGS: RiskSettings = {
  evaluationDelaySeconds: HOUR,
  quietSeconds: 168 * HOUR,
  exemptPasskeys: [],
  seedboxNetworks: [],
  rules: {
    impossibleRate: { action: 'shadow', maxRate: 500 * MIB, minBytes: GIB, minSeconds: 60 },
    uploadWithoutLeechers: {
      action: 'shadow',
      minBytes: 10 * MIB,
      minRate: 100 * 1024,
      lookaroundSeconds: 2 * HOUR,
    },
    uploadAboveDownloads: { action: 'shadow', maxRatio: 1.5, slack: 5 * GIB, periodSeconds: 24 * HOUR },
    manyNetworks: { action: 'shadow', maxNetworks: 4, ipv4Prefix: 24, ipv6Prefix: 48 },
    sharedIdentity: {
      action: 'shadow',
      minOverlapSeconds: HOUR / 2,
      ignoredPorts: [6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 51413],
    },
    counterResets: { action: 'shadow', maxResets: 6, minBytes: GIB, periodSeconds: 24 * HOUR },
    completedWithoutData: { action: 'shadow', maxTorrents: 5, periodSeconds: 24 * HOUR },
  },
}
