import { type Command, InvalidArgumentError, Option } from 'commander'
import { listenAddress } from '../config/values.ts'
import {
  DEFAULT_BATCH,
  DEFAULT_CLAIM_IDLE_MS,
  DEFAULT_GROUP,
  DEFAULT_KEEP_SECONDS,
  DEFAULT_MAX_ATTEMPTS,
  MOST_BATCH,
} from '../pt/traffic/consumerOptions.ts'
import { riskPlace } from './riskCommands.ts'
import { consumeTraffic } from './trafficConsume.ts'
import { listLetters, purgeLetters, replayByHand, showLetters } from './trafficDlq.ts'
import { showLag } from './trafficLag.ts'
import { dbOption, seconds, trafficPlace, wholeBetween } from './trafficOptions.ts'
import { tailTraffic } from './trafficTail.ts'
import { trimByHand } from './trafficTrim.ts'

/** `redswarm traffic …`. */
export function trafficCommands(program: Command, configOption: readonly [string, string]): void {
  const traffic = program
    .command('traffic')
    .description('the stream of traffic events: the site’s side of it')
  const onStream = (parent: Command, name: string, description: string) =>
    parent
      .command(name)
      .description(description)
      .option(...configOption)

  onStream(traffic, 'consume', 'settle the stream into SQL, each byte once, until SIGTERM')
    .addOption(dbOption())
    .option('--group <name>', 'those who share the work', DEFAULT_GROUP)
    .option('--consumer <name>', 'this one among them; host and process id unless told')
    .option('--batch <entries>', 'entries a transaction', wholeBetween(1, MOST_BATCH), DEFAULT_BATCH)
    .option(
      '--max-attempts <count>',
      'deliveries after which an entry is given up',
      wholeBetween(1, 1_000),
      DEFAULT_MAX_ATTEMPTS,
    )
    .addOption(
      new Option('--claim-idle <duration>', 'take over what another consumer did not finish for so long')
        .argParser(seconds)
        .default(DEFAULT_CLAIM_IDLE_MS / 1000, '30s'),
    )
    .option('--metrics-addr <host:port>', '/metrics, /healthz and /readyz; none unless told', address)
    .option('--trim', 'drop what every group has finished (the default)')
    .option('--no-trim', 'leave the stream as it is')
    .addOption(
      new Option('--keep <duration>', 'of what is finished, keep what is younger')
        .argParser(seconds)
        .default(DEFAULT_KEEP_SECONDS, '1h'),
    )
    .action(({ config, trim = true, ...options }) =>
      consumeTraffic(trafficPlace(config), riskPlace(config), { ...options, trim }),
    )

  onStream(traffic, 'tail', 'show entries as they come')
    .option('--lines <count>', 'begin with so many of the last ones', wholeBetween(0, 100_000), 10)
    .option('--no-follow', 'end after those')
    .option('--passkeys', 'show passkeys whole')
    .option('--json', 'one JSON object a line, the fields as they are')
    .action(({ config, passkeys = false, json = false, ...options }) =>
      tailTraffic(trafficPlace(config), { ...options, passkeys, json }),
    )

  onStream(traffic, 'lag', 'how far each group is behind')
    .option('--json', 'one JSON object')
    .action(({ config, json = false }) => showLag(trafficPlace(config), json))

  onStream(traffic, 'trim', 'say what every group has finished, and with --yes drop it')
    .option('--yes', 'do it')
    .option('--keep <duration>', 'keep what is younger', seconds, 0)
    .option('--json', 'one JSON object')
    .action(({ config, yes = false, json = false, keep }) =>
      trimByHand(trafficPlace(config), { yes, json, keep }),
    )

  dlqCommands(traffic, onStream)
}

function dlqCommands(
  traffic: Command,
  onStream: (parent: Command, name: string, description: string) => Command,
): void {
  const dlq = traffic.command('dlq').description('dead letters: entries that could not be settled')
  const onLetters = (name: string, description: string) =>
    onStream(dlq, name, description)
      .option('--failed', 'those given up after too many attempts')
      .option('--json', 'JSON')
  const ID = 'of the letter, or of the entry it stands for'

  onLetters('list', 'one line a letter, oldest first')
    .option('--limit <count>', 'at most so many', wholeBetween(1, 1_000_000), 50)
    .action(({ config, failed = false, json = false, limit }) =>
      listLetters(trafficPlace(config), { failed, json, limit }),
    )
  onLetters('show', 'all there is to a letter')
    .argument('<id...>', ID)
    .option('--passkeys', 'show passkeys whole')
    .action((ids, { config, failed = false, json = false, passkeys = false }) =>
      showLetters(trafficPlace(config), ids, { failed, json, passkeys }),
    )
  onLetters('replay', 'settle them into the ledger, each once, and remove them')
    .argument('[id...]', ID)
    .option('--all', 'every one that is there')
    .addOption(dbOption())
    .action((ids, { config, failed = false, json = false, all = false, db }, command) => {
      requireOneChoice(ids, all, command)
      return replayByHand(trafficPlace(config), ids, { failed, json, all, db })
    })
  onLetters('purge', 'remove them unsettled')
    .argument('[id...]', ID)
    .option('--all', 'every one that is there')
    .option('--yes', 'do it')
    .action((ids, { config, failed = false, json = false, all = false, yes = false }, command) => {
      requireOneChoice(ids, all, command)
      return purgeLetters(trafficPlace(config), ids, { failed, json, all, yes })
    })
}

function requireOneChoice(ids: readonly string[], all: boolean, command: Command): void {
  if (all === ids.length > 0) command.error('error: name letters, or say --all')
}

function address(text: string) {
  const result = listenAddress.safeParse(text)
  if (!result.success) throw new InvalidArgumentError('not host:port, :port or [IPv6]:port.')
  return result.data
}
