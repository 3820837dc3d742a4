import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { listenAddress } from '../../config/values.ts'
import { RULE_BOUNDS } from '../../site/ledger/rules.ts'
import { CONSUMER_BOUNDS, isName, NAME_RULE } from '../../site/traffic/consumerOptions.ts'
import { riskPlace } from '../risk/commands.ts'
import { consumeTraffic } from './consume.ts'
import { consumeOptions, consumerSection } from './consumerSection.ts'
import { consumerPlace, dbOption, duration, wholeBetween } from './options.ts'

const DEFAULTS = z.encode(consumerSection, consumerSection.parse({})) as Readonly<Record<string, unknown>>
const DAY_SECONDS = 86_400
const MISSING_DATABASE = "error: required option '--db <url>' not specified"

/**
 * Options and action of `redswarm traffic consume`. An option that is not given takes its value from the section
 * `consumer` of the file.
 */
export function consumeCommand(command: Command): void {
  const windowDays = wholeBetween(...RULE_BOUNDS.windowDays)
  const journalDays = wholeBetween(...RULE_BOUNDS.journalDays)
  command
    .addOption(dbOption().makeOptionMandatory(false))
    .option(
      '--group <name>',
      withDefault('Redis consumer group; its consumers share the entries', 'group'),
      name,
    )
    .option(
      '--consumer <name>',
      'name of this consumer within the group (default: host and process id)',
      name,
    )
    .option(
      '--batch <entries>',
      withDefault('entries a transaction', 'batch'),
      wholeBetween(...CONSUMER_BOUNDS.batch),
    )
    .option(
      '--max-attempts <count>',
      withDefault('deliveries after which an entry is given up', 'max_attempts'),
      wholeBetween(...CONSUMER_BOUNDS.maxAttempts),
    )
    .option(
      '--claim-idle <duration>',
      withDefault('take over what another consumer did not finish for so long', 'claim_idle'),
      duration(1, DAY_SECONDS),
    )
    .option(
      '--metrics-addr <host:port>',
      '/metrics, /healthz, /readyz, /stats, /debug/pprof (default: none)',
      address,
    )
    .option('--trim', 'drop what every group has finished (default)')
    .option('--no-trim', 'leave the stream as it is')
    .option(
      '--keep <duration>',
      withDefault('how long settled entries stay in the stream', 'keep'),
      duration(...CONSUMER_BOUNDS.keepSeconds),
    )
    .option('--recover', 'credit bytes that Redis lost (default)')
    .option('--no-recover', 'count bytes that Redis lost, and do not credit them')
    .option(
      '--window <duration>',
      withDefault('length of the windows that sums and rates are kept in', 'window'),
      duration(...RULE_BOUNDS.windowSeconds),
    )
    .option(
      '--max-gap <duration>',
      withDefault('longest time between two announces that counts as seeding or leeching', 'max_gap'),
      duration(...RULE_BOUNDS.maxGapSeconds),
    )
    .option(
      '--accounting-ttl <duration>',
      "how long an ended session is remembered, at least the tracker's (default: accounting_ttl of the storage)",
      duration(...RULE_BOUNDS.accountingTtlSeconds),
    )
    .option('--window-days <days>', withDefault('how long windows are kept', 'window_days'), windowDays)
    .option(
      '--journal-days <days>',
      withDefault('how long what each entry credited is kept; 0: not at all', 'journal_days'),
      journalDays,
    )
    .action(({ config: configPath, ...flags }) => {
      const { place, config } = consumerPlace(configPath)
      const options = consumeOptions(valuesOf(flags), config)
      if (options.database === undefined) command.error(MISSING_DATABASE)
      return consumeTraffic(place, riskPlace(configPath), { ...options, database: options.database })
    })
}

const withDefault = (description: string, key: string) => `${description} (default: ${DEFAULTS[key]})`

/** Flags under the names of the section. */
function valuesOf({
  db,
  claimIdle,
  keep,
  window,
  maxGap,
  accountingTtl,
  ...flags
}: ReturnType<Command['opts']>): Parameters<typeof consumeOptions>[0] {
  return {
    ...flags,
    database: db,
    claimIdleMs: claimIdle === undefined ? undefined : claimIdle * 1000,
    keepSeconds: keep,
    windowSeconds: window,
    maxGapSeconds: maxGap,
    accountingTtlSeconds: accountingTtl,
  } as Parameters<typeof consumeOptions>[0]
}

function name(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError(`not ${NAME_RULE}.`)
  return text
}

function address(text: string) {
  const result = listenAddress.safeParse(text)
  if (!result.success) throw new InvalidArgumentError('not host:port, :port or [IPv6]:port.')
  return result.data
}
