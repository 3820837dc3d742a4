import { type Command, InvalidArgumentError, Option } from 'commander'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import { riskConfig } from '../../config/partialConfig.ts'
import { FLAG_STATES } from '../../site/risk/flags.ts'
import { RULE_NAMES } from '../../site/risk/rules/list.ts'
import { defaultConfigPath } from '../configPath.ts'
import { loadSiteConfig } from '../loadSiteConfig.ts'
import { dbOption, wholeBetween } from '../traffic/options.ts'
import { decideFlags, listFlags, showFlags } from './flags.ts'
import { scanWindows } from './scan.ts'
import type { RiskPlace } from './watch.ts'

/** `redswarm risk …`. */
export function riskCommands(program: Command, configOption: readonly [string, string]): void {
  const risk = program
    .command('risk')
    .description('what the risk rules found, and what staff decide about it')
    .configureOutput({ outputError: (text, write) => write(withoutArguments(text)) })
  const onLedger = (name: string, description: string) =>
    risk
      .command(name)
      .description(description)
      .addOption(dbOption())
      .option('--passkeys', 'show passkeys whole')
      .option('--json', 'JSON')

  onLedger('list', 'flags, those seen last first')
    .addOption(
      new Option('--state <state>', 'only those in this state')
        .choices([...FLAG_STATES, 'all'])
        .default('open'),
    )
    .addOption(new Option('--rule <rule>', 'only those of this rule').choices([...RULE_NAMES]))
    .option('--passkey <passkey>', 'only those on this user')
    .option('--infohash <infohash>', 'only those on this torrent', infohash)
    .option('--limit <count>', 'at most so many', wholeBetween(1, 100_000), 50)
    .action(({ state, rule, passkey, infohash: torrent, limit, ...options }, command) => {
      const user = passkey === undefined ? undefined : parsePasskey(passkey)
      if (passkey !== undefined && user === undefined) command.error('error: --passkey: not a passkey')
      const filter = { state: state === 'all' ? undefined : state, rule, passkey: user, infohash: torrent }
      return listFlags({ ...filter, limit }, common(options))
    })
  onLedger('show', 'all there is to a flag, evidence included')
    .argument('<flag...>')
    .action((flags, options, command) => showFlags(namesOf(flags, command), common(options)))

  for (const [name, description] of [
    ['dismiss', 'nothing is wrong: close flags that hold no credit'],
    ['release', 'nothing is wrong: give back the credit that is on hold'],
    ['void', 'drop the uploads that are on hold; the downloads count'],
  ] as const)
    onLedger(name, description)
      .argument('<flag...>')
      .option('--note <text>', 'why, for the next one who looks', note)
      .option('--actor <name>', "who stands beside it; the system's user unless told", actor)
      .action((flags, { note: why, actor: who, ...options }, command) =>
        decideFlags(name, namesOf(flags, command), { ...common(options), note: why, actor: who }),
      )

  onLedger('scan', 'judge the windows of a time by hand')
    .option(...configOption)
    .option('--from <time>', 'Unix seconds or ISO 8601; a day before --to unless told', time)
    .option('--to <time>', 'the same; the last window that may be judged unless told', time)
    .option('--dry-run', 'say what the rules find, and write nothing')
    .action(({ config, from, to, dryRun = false, ...options }) =>
      scanWindows(riskPlace(config), { ...common(options), from, to, dryRun }),
    )
}

/** Mistakes in other parts of the file do not matter. Throws ConfigError. */
export function riskPlace(configPath: string | undefined): RiskPlace {
  return loadSiteConfig(configPath ?? defaultConfigPath(), process.env, riskConfig).config
}

function common({ db, json = false, passkeys = false }: { db: string; json?: boolean; passkeys?: boolean }) {
  return { db, json, passkeys }
}

/** Something else in the place of a flag may be a passkey, so it is not repeated. */
function namesOf(flags: readonly string[], command: Command): readonly string[] {
  if (!flags.every((flag) => /^[0-9a-f]{16}$/.test(flag))) command.error('error: a flag is 16 hex digits')
  return flags
}

function infohash(text: string): string {
  if (!/^[0-9a-f]{40}$/i.test(text)) throw new InvalidArgumentError('not 40 hex digits.')
  return text.toLowerCase()
}

function note(text: string): string {
  if (text.length > 1000) throw new InvalidArgumentError('longer than 1000 characters.')
  return text
}

function actor(text: string): string {
  if (text.trim() === '' || text.length > 128) throw new InvalidArgumentError('not 1 to 128 characters.')
  return text
}

/** For `Option.argParser`: Unix seconds, or a time as Date reads it. */
export function time(text: string): number {
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Date.parse(text) / 1000
  if (!Number.isFinite(seconds) || seconds < 0)
    throw new InvalidArgumentError('neither Unix seconds nor a time such as 2026-01-31T12:00Z.')
  return Math.floor(seconds)
}

/** What stands where no argument belongs may be a passkey: it is not repeated. */
function withoutArguments(error: string): string {
  if (error.includes('too many arguments')) return error.replace(/( but got \d+).*/s, '$1.\n')
  return error.includes('unknown command') ? error.replace(/ '.*'/s, '') : error
}
