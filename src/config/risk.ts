import { z } from 'zod'
import { parsePasskey } from '../bittorrent/passkey.ts'
import { findHook } from './hooks.ts'
import type { Relation } from './problem.ts'
import { section } from './section.ts'
import type { SiteSection } from './siteSections.ts'
import { choice, cidr, fraction, integer, list, seconds, showSeconds, size, value } from './values.ts'

const action = choice('off', 'shadow', 'flag', 'hold', 'deny').prefault('shadow')
const bytes = size('0', '1024TiB')
const period = seconds('10m', '720h') // windows are kept for 30 days
const passkey = value((raw) => {
  const read = typeof raw === 'string' ? parsePasskey(raw) : undefined
  if (read === undefined) throw new RangeError('is not a passkey of 1 to 128 of A-Z a-z 0-9 - _')
  return read
})
const DEFAULT_PORTS = [6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 51413]

/** The rules by their names, each with its action and thresholds. Where the defaults come from stands in docs/risk.md. */
export const RISK_RULE_SECTIONS = {
  impossible_rate: section({
    action: ['action', action],
    maxRate: ['max_rate', size('1KiB', '1024GiB').prefault('500MiB')],
    minBytes: ['min_bytes', bytes.prefault('1GiB')],
    minSeconds: ['min_time', seconds('1s', '1h').prefault('1m')],
  }),
  upload_without_leechers: section({
    action: ['action', action],
    minBytes: ['min_bytes', size('1', '1024TiB').prefault('10MiB')],
    minRate: ['min_rate', bytes.prefault('100KiB')],
    lookaroundSeconds: ['lookaround', seconds('10m', '48h').prefault('2h')],
  }),
  upload_above_downloads: section({
    action: ['action', action],
    maxRatio: ['max_ratio', fraction(1, 1000).prefault(1.5)],
    slack: ['slack', bytes.prefault('5GiB')],
    periodSeconds: ['period', period.prefault('24h')],
  }),
  many_networks: section({
    action: ['action', action],
    maxNetworks: ['max_networks', integer(1, 10_000).prefault(4)],
    ipv4Prefix: ['ipv4_prefix', integer(8, 32).prefault(24)],
    ipv6Prefix: ['ipv6_prefix', integer(16, 128).prefault(48)],
  }),
  shared_identity: section({
    action: ['action', action],
    minOverlapSeconds: ['min_overlap', seconds('0s', '24h').prefault('30m')],
    ignoredPorts: ['ignored_ports', list(integer(1, 65_535)).prefault(DEFAULT_PORTS)],
  }),
  counter_resets: section({
    action: ['action', action],
    maxResets: ['max_resets', integer(1, 1_000_000).prefault(6)],
    minBytes: ['min_bytes', bytes.prefault('1GiB')],
    periodSeconds: ['period', period.prefault('24h')],
  }),
  completed_without_data: section({
    action: ['action', action],
    maxTorrents: ['max_torrents', integer(1, 1_000_000).prefault(5)],
    periodSeconds: ['period', period.prefault('24h')],
  }),
}

const rules = {
  impossibleRate: ['impossible_rate', RISK_RULE_SECTIONS.impossible_rate.prefault({})],
  uploadWithoutLeechers: ['upload_without_leechers', RISK_RULE_SECTIONS.upload_without_leechers.prefault({})],
  uploadAboveDownloads: ['upload_above_downloads', RISK_RULE_SECTIONS.upload_above_downloads.prefault({})],
  manyNetworks: ['many_networks', RISK_RULE_SECTIONS.many_networks.prefault({})],
  sharedIdentity: ['shared_identity', RISK_RULE_SECTIONS.shared_identity.prefault({})],
  counterResets: ['counter_resets', RISK_RULE_SECTIONS.counter_resets.prefault({})],
  completedWithoutData: ['completed_without_data', RISK_RULE_SECTIONS.completed_without_data.prefault({})],
} as const

export const riskSection = section({
  evaluationDelaySeconds: ['evaluation_delay', seconds('0s', '24h').prefault('1h')],
  quietSeconds: ['quiet_after_decision', seconds('0s', '8760h').prefault('168h')],
  exemptPasskeys: ['exempt_passkeys', list(passkey).prefault([]), 'secret'],
  seedboxNetworks: ['seedbox_networks', list(cidr).prefault([])],
  ...rules,
})

type Rules = Pick<z.output<typeof riskSection>, keyof typeof rules>
type RiskConfig = Omit<z.output<typeof riskSection>, keyof typeof rules> & { readonly rules: Rules }

/** The rules stand together in the program, and beside the other keys in the file. */
const schema = z.codec(
  riskSection,
  z.custom<RiskConfig>(() => true),
  {
    decode: ({ evaluationDelaySeconds, quietSeconds, exemptPasskeys, seedboxNetworks, ...rest }) => ({
      evaluationDelaySeconds,
      quietSeconds,
      exemptPasskeys,
      seedboxNetworks,
      rules: rest,
    }),
    encode: ({ rules: each, ...rest }) => ({ ...rest, ...each }),
  },
)

export const riskSettings: SiteSection<RiskConfig> = {
  key: 'risk',
  schema: schema.prefault({}),
  *problems({ evaluationDelaySeconds, rules: each }, { hooks }): Generator<Relation> {
    const at = ['chihaya', 'risk']
    const { action, minOverlapSeconds } = each.sharedIdentity
    if (action !== 'off' && minOverlapSeconds > evaluationDelaySeconds)
      yield {
        path: [...at, 'shared_identity', 'min_overlap'],
        involves: [[...at, 'evaluation_delay']],
        text: `${showSeconds(minOverlapSeconds)} is above evaluation_delay, ${showSeconds(evaluationDelaySeconds)}: nobody would be seen for so long`,
      }
    const approval = findHook(hooks, 'passkey approval')
    for (const [name, [key]] of Object.entries(rules))
      if (each[name as keyof Rules].action === 'deny' && !approval?.options.hasWhitelist)
        yield {
          path: [...at, key, 'action'],
          involves: approval ? [[...approval.at, 'options', 'whitelist']] : [],
          text: 'deny takes passkeys off the whitelist, so it needs the hook passkey approval, and a whitelist',
        }
  },
  *warnings({ evaluationDelaySeconds }, { announceIntervalSeconds }) {
    if (evaluationDelaySeconds < announceIntervalSeconds)
      yield {
        path: ['chihaya', 'risk', 'evaluation_delay'],
        text: 'is below announce_interval: uploaders are judged before those who took the bytes have reported them',
      }
  },
}
