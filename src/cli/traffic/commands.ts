import type { Command } from 'commander'
import { withoutPasskeys } from '../passkeys/commands.ts'
import { time } from '../risk/commands.ts'
import { consumeCommand } from './consumeCommand.ts'
import { listDeadLetters, purgeDeadLetters, replayByHand, showDeadLetters } from './dlq.ts'
import { explainTraffic } from './explain.ts'
import { showLag } from './lag.ts'
import { dbOption, duration, streamId, trafficPlace, wholeBetween } from './options.ts'
import { recomputeTraffic } from './recompute.ts'
import { tailTraffic } from './tail.ts'
import { trimByHand } from './trim.ts'

const LONGEST_KEEP_SECONDS = 366 * 86_400

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

  consumeCommand(onStream(traffic, 'consume', 'settle the stream into SQL, each byte once, until SIGTERM'))

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
    .option('--keep <duration>', 'keep what is younger', duration(0, LONGEST_KEEP_SECONDS), 0)
    .option('--json', 'one JSON object')
    .action(({ config, yes = false, json = false, keep }) =>
      trimByHand(trafficPlace(config), { yes, json, keepSeconds: keep }),
    )

  onStream(traffic, 'recompute', 'compute totals anew, and report where the ledger differs')
    .addOption(dbOption())
    .option('--journal', 'from the ledger’s journal, for entries that the stream has no more')
    .option('--from <time>', 'windows from then; all unless told', time)
    .option('--until <time>', 'and before that', time)
    .option('--limit <count>', 'name at most so many users', wholeBetween(1, 1_000_000), 100)
    .option('--passkeys', 'show passkeys whole')
    .option('--json', 'one JSON object')
    .action(({ config, journal = false, passkeys = false, json = false, ...options }) =>
      recomputeTraffic(trafficPlace(config), { ...options, journal, passkeys, json }),
    )

  traffic
    .command('explain')
    .description('what was credited to a user, entry by entry, and why')
    .argument('<passkey>')
    .argument('[infohash]', 'one torrent; all unless told')
    .addOption(dbOption())
    .option('--json', 'one JSON object')
    .configureOutput({
      outputError: (text, write) => write(withoutPasskeys(text, 'traffic explain -- <passkey>')),
    })
    .action((passkey, infohash, { db, json = false }) => explainTraffic(passkey, infohash, { db, json }))

  dlqCommands(traffic, onStream)
}

function dlqCommands(
  traffic: Command,
  onStream: (parent: Command, name: string, description: string) => Command,
): void {
  const dlq = traffic.command('dlq').description('dead letters: entries that could not be settled')
  const onDeadLetters = (name: string, description: string) =>
    onStream(dlq, name, description)
      .option('--failed', 'those given up after too many attempts')
      .option('--json', 'JSON')
  const ID = 'of the dead letter, or of the entry it stands for'
  const ids = (text: string, before: readonly string[] = []) => [...before, streamId(text)]

  onDeadLetters('list', 'one line per dead letter, oldest first')
    .option('--limit <count>', 'at most so many', wholeBetween(1, 1_000_000), 50)
    .action(({ config, failed = false, json = false, limit }) =>
      listDeadLetters(trafficPlace(config), { failed, json, limit }),
    )
  onDeadLetters('show', 'everything about a dead letter')
    .argument('<id...>', ID, ids)
    .option('--passkeys', 'show passkeys whole')
    .action((deadLetters, { config, failed = false, json = false, passkeys = false }) =>
      showDeadLetters(trafficPlace(config), deadLetters, { failed, json, passkeys }),
    )
  onDeadLetters('replay', 'settle them into the ledger, each once, and remove them')
    .argument('[id...]', ID, ids, [])
    .option('--all', 'every one that is there')
    .addOption(dbOption())
    .action((deadLetters, { config, failed = false, json = false, all = false, db }, command) => {
      requireOneChoice(deadLetters, all, command)
      return replayByHand(trafficPlace(config), deadLetters, { failed, json, all, db })
    })
  onDeadLetters('purge', 'remove them unsettled')
    .argument('[id...]', ID, ids, [])
    .option('--all', 'every one that is there')
    .option('--yes', 'do it')
    .action((deadLetters, { config, failed = false, json = false, all = false, yes = false }, command) => {
      requireOneChoice(deadLetters, all, command)
      return purgeDeadLetters(trafficPlace(config), deadLetters, { failed, json, all, yes })
    })
}

function requireOneChoice(ids: readonly string[], all: boolean, command: Command): void {
  if (all === ids.length > 0) command.error('error: name dead letters, or say --all')
}
