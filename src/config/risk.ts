import { z } from 'zod'
import { parsePasskey } from '../bittorrent/passkey.ts'
import type { RiskConfig } from './config.ts'
import {
  choice,
  cidr,
  fraction,
  integer,
  list,
  seconds,
  showSeconds,
  showSize,
  size,
  value,
} from './values.ts'

const action = choice('off', 'shadow', 'flag', 'hold', 'deny')
const bytes = size('0', '1024TiB')
const period = seconds('10m', '720h') // windows are kept for 30 days
const passkey = value((raw) => {
  const read = typeof raw === 'string' ? parsePasskey(raw) : undefined
  if (read === undefined) throw new RangeError('is not a passkey of 1 to 128 of A-Z a-z 0-9 - _')
  return read
})
const DEFAULT_PORTS = [6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 51413]

/** The rules by their names, each with its action and thresholds. Where the defaults come from stands in docs/risk.md. */
export const RISK_RULE_SCHEMAS = {
  impossible_rate: z.strictObject({
    action: action.prefault('shadow'),
    max_rate: size('1KiB', '1024GiB').prefault('500MiB'),
    min_bytes: bytes.prefault('1GiB'),
    min_time: seconds('1s', '1h').prefault('1m'),
  }),
  upload_without_leechers: z.strictObject({
    action: action.prefault('shadow'),
    min_bytes: size('1', '1024TiB').prefault('10MiB'),
    min_rate: bytes.prefault('100KiB'),
    lookaround: seconds('10m', '48h').prefault('2h'),
  }),
  upload_above_downloads: z.strictObject({
    action: action.prefault('shadow'),
    max_ratio: fraction(1, 1000).prefault(1.5),
    slack: bytes.prefault('5GiB'),
    period: period.prefault('24h'),
  }),
  many_networks: z.strictObject({
    action: action.prefault('shadow'),
    max_networks: integer(1, 10_000).prefault(4),
    ipv4_prefix: integer(8, 32).prefault(24),
    ipv6_prefix: integer(16, 128).prefault(48),
  }),
  shared_identity: z.strictObject({
    action: action.prefault('shadow'),
    min_overlap: seconds('0s', '24h').prefault('30m'),
    ignored_ports: list(integer(1, 65_535)).prefault(DEFAULT_PORTS),
  }),
  counter_resets: z.strictObject({
    action: action.prefault('shadow'),
    max_resets: integer(1, 1_000_000).prefault(6),
    min_bytes: bytes.prefault('1GiB'),
    period: period.prefault('24h'),
  }),
  completed_without_data: z.strictObject({
    action: action.prefault('shadow'),
    max_torrents: integer(1, 1_000_000).prefault(5),
    period: period.prefault('24h'),
  }),
}

export const riskSchema = z.strictObject({
  evaluation_delay: seconds('0s', '24h').prefault('1h'),
  quiet_after_decision: seconds('0s', '8760h').prefault('168h'),
  exempt_passkeys: list(passkey).prefault([]),
  seedbox_networks: list(cidr).prefault([]),
  impossible_rate: RISK_RULE_SCHEMAS.impossible_rate.prefault({}),
  upload_without_leechers: RISK_RULE_SCHEMAS.upload_without_leechers.prefault({}),
  upload_above_downloads: RISK_RULE_SCHEMAS.upload_above_downloads.prefault({}),
  many_networks: RISK_RULE_SCHEMAS.many_networks.prefault({}),
  shared_identity: RISK_RULE_SCHEMAS.shared_identity.prefault({}),
  counter_resets: RISK_RULE_SCHEMAS.counter_resets.prefault({}),
  completed_without_data: RISK_RULE_SCHEMAS.completed_without_data.prefault({}),
})

type RiskSection = z.output<typeof riskSchema>

/** From the file's words to the program's; `riskTree` is the way back. */
export function riskConfig(section: RiskSection): RiskConfig {
  const rate = section.impossible_rate
  const unwanted = section.upload_without_leechers
  const above = section.upload_above_downloads
  const networks = section.many_networks
  const shared = section.shared_identity
  const resets = section.counter_resets
  const completed = section.completed_without_data
  return {
    evaluationDelaySeconds: section.evaluation_delay,
    quietSeconds: section.quiet_after_decision,
    exemptPasskeys: section.exempt_passkeys,
    seedboxNetworks: section.seedbox_networks,
    rules: {
      impossibleRate: {
        action: rate.action,
        maxRate: rate.max_rate,
        minBytes: rate.min_bytes,
        minSeconds: rate.min_time,
      },
      uploadWithoutLeechers: {
        action: unwanted.action,
        minBytes: unwanted.min_bytes,
        minRate: unwanted.min_rate,
        lookaroundSeconds: unwanted.lookaround,
      },
      uploadAboveDownloads: {
        action: above.action,
        maxRatio: above.max_ratio,
        slack: above.slack,
        periodSeconds: above.period,
      },
      manyNetworks: {
        action: networks.action,
        maxNetworks: networks.max_networks,
        ipv4Prefix: networks.ipv4_prefix,
        ipv6Prefix: networks.ipv6_prefix,
      },
      sharedIdentity: {
        action: shared.action,
        minOverlapSeconds: shared.min_overlap,
        ignoredPorts: shared.ignored_ports,
      },
      counterResets: {
        action: resets.action,
        maxResets: resets.max_resets,
        minBytes: resets.min_bytes,
        periodSeconds: resets.period,
      },
      completedWithoutData: {
        action: completed.action,
        maxTorrents: completed.max_torrents,
        periodSeconds: completed.period,
      },
    },
  }
}

/** @param mask stands for each passkey */
export function riskTree(config: RiskConfig, mask: string): Record<string, unknown> {
  const { rules } = config
  const rate = rules.impossibleRate
  const unwanted = rules.uploadWithoutLeechers
  const above = rules.uploadAboveDownloads
  const networks = rules.manyNetworks
  const shared = rules.sharedIdentity
  const resets = rules.counterResets
  const completed = rules.completedWithoutData
  return {
    evaluation_delay: showSeconds(config.evaluationDelaySeconds),
    quiet_after_decision: showSeconds(config.quietSeconds),
    exempt_passkeys: config.exemptPasskeys.map(() => mask),
    seedbox_networks: config.seedboxNetworks,
    impossible_rate: {
      action: rate.action,
      max_rate: showSize(rate.maxRate),
      min_bytes: showSize(rate.minBytes),
      min_time: showSeconds(rate.minSeconds),
    },
    upload_without_leechers: {
      action: unwanted.action,
      min_bytes: showSize(unwanted.minBytes),
      min_rate: showSize(unwanted.minRate),
      lookaround: showSeconds(unwanted.lookaroundSeconds),
    },
    upload_above_downloads: {
      action: above.action,
      max_ratio: above.maxRatio,
      slack: showSize(above.slack),
      period: showSeconds(above.periodSeconds),
    },
    many_networks: {
      action: networks.action,
      max_networks: networks.maxNetworks,
      ipv4_prefix: networks.ipv4Prefix,
      ipv6_prefix: networks.ipv6Prefix,
    },
    shared_identity: {
      action: shared.action,
      min_overlap: showSeconds(shared.minOverlapSeconds),
      ignored_ports: shared.ignoredPorts,
    },
    counter_resets: {
      action: resets.action,
      max_resets: resets.maxResets,
      min_bytes: showSize(resets.minBytes),
      period: showSeconds(resets.periodSeconds),
    },
    completed_without_data: {
      action: completed.action,
      max_torrents: completed.maxTorrents,
      period: showSeconds(completed.periodSeconds),
    },
  }
}
