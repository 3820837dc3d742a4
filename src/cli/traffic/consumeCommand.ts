import { type Command, InvalidArgumentError, Option } from 'commander'
import { listenAddress } from '../../config/values.ts'
import { BOOKS_BOUNDS, BOOKS_DEFAULTS } from '../../site/ledger/books.ts'
import {
  DEFAULT_BATCH,
  DEFAULT_CLAIM_IDLE_MS,
  DEFAULT_GROUP,
  DEFAULT_KEEP_SECONDS,
  DEFAULT_MAX_ATTEMPTS,
  isName,
  MOST_BATCH,
} from '../../site/traffic/consumerOptions.ts'
import { riskPlace } from '../risk/commands.ts'
import { consumeTraffic } from './consume.ts'
import { dbOption, duration, trafficPlace, wholeBetween } from './options.ts'

const DAY_SECONDS = 86_400

/** Options and action of `redswarm traffic consume`. */
export function consumeCommand(command: Command): void {
  const { windowSeconds, maxGapSeconds, accountingTtlSeconds, windowDays, journalDays } = BOOKS_DEFAULTS
  command
    .addOption(dbOption())
    .option('--group <name>', 'those who share the work', name, DEFAULT_GROUP)
    .option('--consumer <name>', 'this one among them; host and process id unless told', name)
    .option('--batch <entries>', 'entries a transaction', wholeBetween(1, MOST_BATCH), DEFAULT_BATCH)
    .option(
      '--max-attempts <count>',
      'deliveries after which an entry is given up',
      wholeBetween(1, 1_000),
      DEFAULT_MAX_ATTEMPTS,
    )
    .addOption(
      new Option('--claim-idle <duration>', 'take over what another consumer did not finish for so long')
        .argParser(duration(1, DAY_SECONDS))
        .default(DEFAULT_CLAIM_IDLE_MS / 1000, '30s'),
    )
    .option(
      '--metrics-addr <host:port>',
      '/metrics, /healthz, /readyz, /stats, /debug/pprof; none unless told',
      address,
    )
    .option('--trim', 'drop what every group has finished (the default)')
    .option('--no-trim', 'leave the stream as it is')
    .addOption(
      new Option('--keep <duration>', 'of what is finished, keep what is younger')
        .argParser(duration(0, 366 * DAY_SECONDS))
        .default(DEFAULT_KEEP_SECONDS, '1h'),
    )
    .option('--no-recover', 'count bytes that Redis lost, and do not credit them')
    .addOption(
      new Option('--window <duration>', 'length of the windows that sums and rates are kept in')
        .argParser(duration(...BOOKS_BOUNDS.windowSeconds))
        .default(windowSeconds, '10m'),
    )
    .addOption(
      new Option(
        '--max-gap <duration>',
        'longest time between two announces that counts as seeding or leeching',
      )
        .argParser(duration(...BOOKS_BOUNDS.maxGapSeconds))
        .default(maxGapSeconds, '90m'),
    )
    .addOption(
      new Option(
        '--accounting-ttl <duration>',
        "how long an ended session is remembered; at least the tracker's",
      )
        .argParser(duration(...BOOKS_BOUNDS.accountingTtlSeconds))
        .default(accountingTtlSeconds, '168h'),
    )
    .option(
      '--window-days <days>',
      'how long windows are kept',
      wholeBetween(...BOOKS_BOUNDS.windowDays),
      windowDays,
    )
    .option(
      '--journal-days <days>',
      'how long what each entry credited is kept; 0: not at all',
      wholeBetween(...BOOKS_BOUNDS.journalDays),
      journalDays,
    )
    .action(({ config, trim = true, ...options }) =>
      consumeTraffic(trafficPlace(config), riskPlace(config), { ...options, trim }),
    )
}

function name(text: string): string {
  if (!isName(text)) throw new InvalidArgumentError('not 1 to 128 printable ASCII characters without spaces.')
  return text
}

function address(text: string) {
  const result = listenAddress.safeParse(text)
  if (!result.success) throw new InvalidArgumentError('not host:port, :port or [IPv6]:port.')
  return result.data
}
