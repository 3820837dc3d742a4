#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { loadConfigFile } from '../config/load.ts'
import { ConfigError } from '../runtime/errors.ts'
import { NoRedisServer } from '../runtime/redisServer.ts'
import { checkConfig } from './checkConfig.ts'
import { addPasskeys, countPasskeys, hasPasskey, type PasskeyCommand, removePasskeys } from './passkeys.ts'
import { defaultConfigPath, serve } from './serve.ts'

const FAILED = 1
const USAGE = 2
const CONFIG_OPTION = ['--config <file>', 'YAML file; /etc/redswarm.yaml, else the packaged example'] as const

const out = (text: string) => void process.stdout.write(text)
const err = (text: string) => void process.stderr.write(text)

const program = new Command('redswarm')
  .description('Private BitTorrent tracker: stateless instances, all swarm state in Redis')
  .exitOverride()

program
  .command('serve')
  .description('run the tracker')
  .option(...CONFIG_OPTION)
  .option('--embedded-redis', 'start a private redis-server beside it, which keeps nothing on disk')
  .action(({ config, embeddedRedis }) =>
    serve({
      configPath: config ?? defaultConfigPath(),
      env: process.env,
      embeddedRedis: embeddedRedis === true,
    }),
  )

program
  .command('check-config')
  .description(
    'print the effective configuration, secrets masked; exit 1 with the reasons when it would not start',
  )
  .option(...CONFIG_OPTION)
  .option('--json', 'one JSON document')
  .action(({ config, json }) => {
    process.exitCode = checkConfig({
      path: config ?? defaultConfigPath(),
      env: process.env,
      json: json === true,
      out,
      err,
    })
  })

const passkeys = program.command('passkeys').description("the site's whitelist")
const onWhitelist = (name: string, description: string) =>
  passkeys
    .command(name)
    .description(description)
    .option(...CONFIG_OPTION)
    .option('--json', 'one JSON object')

onWhitelist('add', 'list passkeys')
  .argument('<passkey...>')
  .action((texts, options) => addPasskeys(texts, commandOf(options)))
onWhitelist('remove', 'take passkeys off the list')
  .argument('<passkey...>')
  .action((texts, options) => removePasskeys(texts, commandOf(options)))
onWhitelist('has', 'exit 0 when the passkey is listed, 1 when not')
  .argument('<passkey>')
  .action(async (text, options) => {
    if (!(await hasPasskey(text, commandOf(options)))) process.exitCode = FAILED
  })
onWhitelist('count', 'how many are listed').action((options) => countPasskeys(commandOf(options)))

function commandOf({ config, json }: { config?: string; json?: boolean }): PasskeyCommand {
  const path = config ?? defaultConfigPath()
  return { config: loadConfigFile(path, process.env).config, json: json === true, out }
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** Says why in one line (one a mistake for a configuration) and never shows a stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE // commander has said why
  if (error instanceof NoRedisServer) {
    err(`${error.message}\n`)
    return error.exitCode
  }
  if (error instanceof ConfigError) err(`the configuration does not start:\n${error.message}\n`)
  else err(`redswarm: ${error instanceof Error ? error.message : String(error)}\n`)
  return FAILED
}
