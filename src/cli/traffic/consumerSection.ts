import type { z } from 'zod'
import type { Config } from '../../config/config.ts'
import { section } from '../../config/section.ts'
import type { SiteSection } from '../../config/siteSections.ts'
import {
  emptyIsAbsent,
  flag,
  integer,
  listenAddress,
  milliseconds,
  seconds,
  showMilliseconds,
  showSeconds,
  value,
} from '../../config/values.ts'
import { DEFAULT_RULES, RULE_BOUNDS } from '../../site/ledger/rules.ts'
import { CONSUMER_BOUNDS, CONSUMER_DEFAULTS, isName, NAME_RULE } from '../../site/traffic/consumerOptions.ts'

type Bounds = readonly [minimum: number, maximum: number]

const secondsWithin = ([minimum, maximum]: Bounds) => seconds(showSeconds(minimum), showSeconds(maximum))
const name = value((raw) => {
  if (typeof raw !== 'string' || !isName(raw)) throw new RangeError(`is not ${NAME_RULE}`)
  return raw
})
const databaseUrl = value((raw) => {
  if (!/^(sqlite|postgres|postgresql|mysql|mariadb):./i.test(String(raw)))
    throw new RangeError('is not the URL of a database: sqlite:///path/file, postgres://… or mysql://…')
  return String(raw)
}, maskedDatabaseUrl)

/** A password may stand before the host, and in the query. */
function maskedDatabaseUrl(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):.*@/is, '$1:***@').replace(/\?.*/s, '?***')
}

/** `consumer` of the file. Names are those of the library's options. */
export const consumerSection = section({
  database: ['database', emptyIsAbsent(databaseUrl), 'password'],
  group: ['group', name.prefault(CONSUMER_DEFAULTS.group)],
  /** undefined: host and process id. */
  consumer: ['name', emptyIsAbsent(name)],
  batch: ['batch', integer(...CONSUMER_BOUNDS.batch).prefault(CONSUMER_DEFAULTS.batch)],
  maxAttempts: [
    'max_attempts',
    integer(...CONSUMER_BOUNDS.maxAttempts).prefault(CONSUMER_DEFAULTS.maxAttempts),
  ],
  claimIdleMs: [
    'claim_idle',
    milliseconds('1s', showMilliseconds(CONSUMER_BOUNDS.claimIdleMs[1])).prefault(
      showMilliseconds(CONSUMER_DEFAULTS.claimIdleMs),
    ),
  ],
  metricsAddr: ['metrics_addr', emptyIsAbsent(listenAddress)],
  trim: ['trim', flag.prefault(CONSUMER_DEFAULTS.trim)],
  keepSeconds: [
    'keep',
    secondsWithin(CONSUMER_BOUNDS.keepSeconds).prefault(showSeconds(CONSUMER_DEFAULTS.keepSeconds)),
  ],
  recover: ['recover', flag.prefault(DEFAULT_RULES.recover)],
  windowSeconds: [
    'window',
    secondsWithin(RULE_BOUNDS.windowSeconds).prefault(showSeconds(DEFAULT_RULES.windowSeconds)),
  ],
  windowDays: ['window_days', integer(...RULE_BOUNDS.windowDays).prefault(DEFAULT_RULES.windowDays)],
  maxGapSeconds: [
    'max_gap',
    secondsWithin(RULE_BOUNDS.maxGapSeconds).prefault(showSeconds(DEFAULT_RULES.maxGapSeconds)),
  ],
  /** undefined: as the storage. */
  accountingTtlSeconds: ['accounting_ttl', emptyIsAbsent(secondsWithin(RULE_BOUNDS.accountingTtlSeconds))],
  journalDays: ['journal_days', integer(...RULE_BOUNDS.journalDays).prefault(DEFAULT_RULES.journalDays)],
})

type ConsumerConfig = z.output<typeof consumerSection>

export const consumerSettings: SiteSection<ConsumerConfig> = {
  key: 'consumer',
  schema: consumerSection.prefault({}),
  *problems({ accountingTtlSeconds }, { storage }) {
    const leastSeconds = storage.config.accountingTtlSeconds
    if (accountingTtlSeconds !== undefined && accountingTtlSeconds < leastSeconds)
      yield {
        path: ['chihaya', 'consumer', 'accounting_ttl'],
        involves: [['chihaya', 'storage', 'config', 'accounting_ttl']],
        text: `${showSeconds(accountingTtlSeconds)} is below accounting_ttl of the storage, ${showSeconds(leastSeconds)}: bytes of a session that the tracker remembers could be credited twice`,
      }
  },
}

/** What `redswarm traffic consume` runs with; `database` is missing where neither flag nor file has it. */
export type ConsumeOptions = Omit<ConsumerConfig, 'accountingTtlSeconds'> & {
  readonly accountingTtlSeconds: number
}

/** A flag counts before the file, and the file before the default. `accounting_ttl` of the storage counts for both sides. */
export function consumeOptions(
  flags: { readonly [Name in keyof ConsumerConfig]?: ConsumerConfig[Name] },
  { consumer, swarm }: { readonly consumer: ConsumerConfig; readonly swarm: Config['swarm'] },
): ConsumeOptions {
  const given = Object.entries(flags).filter(([, flag]) => flag !== undefined)
  const [leastSeconds] = RULE_BOUNDS.accountingTtlSeconds
  const accountingTtlSeconds = Math.max(swarm.accountingTtlSeconds, leastSeconds)
  const file = {
    ...consumer,
    accountingTtlSeconds: consumer.accountingTtlSeconds ?? accountingTtlSeconds,
  }
  return { ...file, ...Object.fromEntries(given) }
}
