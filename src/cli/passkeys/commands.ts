import { type Command, InvalidArgumentError } from 'commander'
import { whitelistConfig } from '../../config/partialConfig.ts'
import { defaultConfigPath } from '../configPath.ts'
import { loadSiteConfig } from '../loadSiteConfig.ts'
import { addPasskeys, countPasskeys, hasPasskey, type PasskeyCommand, removePasskeys } from './change.ts'
import { exportPasskeys } from './export.ts'
import { importPasskeys } from './import.ts'

interface CommonOptions {
  readonly config?: string
  readonly json?: boolean
  readonly actor?: string
}

const NOT_LISTED = 1
const ACTOR_OPTION = ['--actor <name>', "who stands in the audit; the system's user unless told"] as const

/** `redswarm passkeys …`. */
export function passkeysCommands(program: Command, configOption: readonly [string, string]): void {
  const passkeys = program
    .command('passkeys')
    .description("the site's whitelist")
    .configureOutput({
      outputError: (text, write) => write(withoutPasskeys(text, 'passkeys has -- <passkey>')),
    })
  const onWhitelist = (name: string, description: string) =>
    passkeys
      .command(name)
      .description(description)
      .option(...configOption)
      .option('--json', 'one JSON object')

  onWhitelist('add', 'list passkeys')
    .argument('<passkey...>')
    .option(...ACTOR_OPTION)
    .action((texts, options) => addPasskeys(texts, commandOf(options)))
  onWhitelist('remove', 'take passkeys off the list')
    .argument('<passkey...>')
    .option(...ACTOR_OPTION)
    .action((texts, options) => removePasskeys(texts, commandOf(options)))
  onWhitelist('has', 'exit 0 when the passkey is listed, 1 when not')
    .argument('<passkey>')
    .action(async (text, options) => {
      if (!(await hasPasskey(text, commandOf(options)))) process.exitCode = NOT_LISTED
    })
  onWhitelist('count', 'how many are listed').action((options) => countPasskeys(commandOf(options)))

  onWhitelist('import', 'list every passkey of a file, or make it the whole list')
    .argument(
      '<file>',
      'one passkey a line (blank lines and lines that begin with # are skipped); - for stdin',
    )
    .option('--column <name>', 'a CSV file: the column with the passkeys, by its name in the first line')
    .option('--replace', 'the file becomes the list, in one moment')
    .option(
      '--max-shrink <percent>',
      'refuse to make the list smaller by more than this; 10 unless told',
      percent,
    )
    .option('--force', 'replace however much would be lost')
    .option('--dry-run', 'show what --replace would change')
    .option(...ACTOR_OPTION)
    .action(
      (file, { column, replace = false, maxShrink, force = false, dryRun = false, ...options }, command) => {
        if (!replace && (maxShrink !== undefined || force || dryRun))
          command.error('error: --max-shrink, --force and --dry-run go with --replace')
        const args = { file, column, replace, maxShrinkPercent: maxShrink, force, dryRun }
        return importPasskeys(args, commandOf(options))
      },
    )
  onWhitelist('export', 'write the whole list, one passkey a line, in no order')
    .option('--output <file>', 'into this file, readable by this user only, and not to stdout')
    .option(...ACTOR_OPTION)
    .action(({ output, ...options }, command) => {
      if (options.json && output === undefined) command.error('error: --json goes with --output')
      return exportPasskeys(output, commandOf(options))
    })
}

/** A passkey too many, one in the place of a command, or one that begins with a dash and is taken for an option: none is repeated. */
export function withoutPasskeys(error: string, example: string): string {
  if (error.includes('too many arguments')) return error.replace(/( but got \d+).*/s, '$1.\n')
  if (error.includes('unknown command')) return error.replace(/ '.*'/s, '')
  if (!error.includes('unknown option')) return error
  const hint = `a passkey that begins with - goes behind all options and --: ${example}`
  return error.includes("'--") ? `${error}${hint}\n` : `error: unknown option; ${hint}\n`
}

function percent(text: string): number {
  const value = Number(text.replace(/\s*%$/, ''))
  if (text.trim() === '' || !(value >= 0 && value <= 100)) throw new InvalidArgumentError('not 0 to 100.')
  return value
}

function commandOf({ config, json, actor }: CommonOptions): PasskeyCommand {
  const path = config ?? defaultConfigPath()
  return {
    config: loadSiteConfig(path, process.env, whitelistConfig).config,
    json: json === true,
    actor,
    out: (text) => void process.stdout.write(text),
  }
}
