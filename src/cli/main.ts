#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { ConfigError, rootMessage, StoreUnavailable } from '../runtime/errors.ts'
import { ownVersion } from '../runtime/ownVersion.ts'
import { NoRedisServer } from '../runtime/redisServer.ts'
import { defaultConfigPath } from './configPath.ts'

const FAILED = 1
const USAGE = 2
const CONFIG_OPTION = ['--config <file>', 'YAML file; /etc/redswarm.yaml, else the packaged example'] as const

const out = (text: string) => void process.stdout.write(text)
const err = (text: string) => void process.stderr.write(text)

const program = new Command('redswarm')
  .description('Private BitTorrent tracker: stateless instances, all swarm state in Redis')
  .version(ownVersion(), '--version', 'print the version')
  .exitOverride()

program
  .command('serve')
  .description('run the tracker')
  .option(...CONFIG_OPTION)
  .option('--embedded-redis', 'start a private redis-server beside it, which keeps nothing on disk')
  .action(async ({ config, embeddedRedis }) => {
    const { serve } = await import('../tracker/process/serve.ts')
    const { loadSiteConfig } = await import('./loadSiteConfig.ts')
    return serve({
      configPath: config ?? defaultConfigPath(),
      env: process.env,
      load: loadSiteConfig,
      embeddedRedis: embeddedRedis === true,
    })
  })

program
  .command('worker', { hidden: true })
  .action(async () => (await import('../tracker/process/worker.ts')).runWorker())

program
  .command('check-config')
  .description(
    'print the effective configuration, secrets masked; exit 1 with the reasons when it would not start',
  )
  .option(...CONFIG_OPTION)
  .option('--json', 'one JSON document')
  .action(async ({ config, json }) => {
    const { checkConfig } = await import('./checkConfig.ts')
    process.exitCode = checkConfig({
      path: config ?? defaultConfigPath(),
      env: process.env,
      json: json === true,
      out,
      err,
    })
  })

program
  .command('doctor')
  .description(
    'look over the configuration, this machine and Redis, and say what to change; exit 1 with errors',
  )
  .option(...CONFIG_OPTION)
  .option(
    '--tracker-user <name>',
    'whose rights in Redis are looked at, where this user runs no scripts',
    'tracker',
  )
  .option('--json', 'one JSON object')
  .action(async ({ config, trackerUser, json }) => {
    const { doctor } = await import('./doctor.ts')
    const isFine = await doctor({
      path: config ?? defaultConfigPath(),
      givenPath: config,
      env: process.env,
      trackerUser,
      json: json === true,
      out,
    })
    if (!isFine) process.exitCode = FAILED
  })

/** Groups of commands, each in modules of its own; a command starts sooner without the others'. */
const GROUPS: Readonly<Record<string, () => Promise<void>>> = {
  passkeys: async () => (await import('./passkeys/commands.ts')).passkeysCommands(program, CONFIG_OPTION),
  load: async () => (await import('./load/commands.ts')).loadCommand(program),
  traffic: async () => (await import('./traffic/commands.ts')).trafficCommands(program, CONFIG_OPTION),
  risk: async () => (await import('./risk/commands.ts')).riskCommands(program, CONFIG_OPTION),
}
for (const addCommands of groupsFor(process.argv[2] ?? '')) await addCommands()

// `| head` has read enough: an end, and no fault. Logs are on stderr.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}

/** All of them for help, and for a word that may be near one of theirs. */
function groupsFor(first: string): (() => Promise<void>)[] {
  if (first === '--version' || program.commands.some((command) => command.name() === first)) return []
  return Object.hasOwn(GROUPS, first) ? [GROUPS[first]!] : Object.values(GROUPS)
}

/** Says why in one line (one a mistake for a configuration) and never shows a stack. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE // commander has said why
  if (error instanceof NoRedisServer) {
    err(`${error.message}\n`)
    return error.exitCode
  }
  if (error instanceof ConfigError) err(`the configuration does not start:\n${error.message}\n`)
  else if (error instanceof StoreUnavailable) err(`redswarm: Redis failed: ${rootMessage(error)}\n`)
  else err(`redswarm: ${error instanceof Error ? error.message : String(error)}\n`)
  return FAILED
}
