import { type Command, InvalidArgumentError, Option } from 'commander'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import { formatDuration, parseDuration } from '../../config/durations.ts'
import type { LoadPlan } from '../../load/plan.ts'
import { load, readPasskeyFile } from './load.ts'

const FAILED = 1
const DAY_MS = 24 * 60 * 60 * 1000
const MOST_ANNOUNCES = 1_000_000_000
const CLOSED_LOOP_CONNECTIONS = 32
const OPEN_LOOP_CONNECTIONS = 256
/** Ids of peers have seven digits of base 36; memory ends sooner. */
const MOST_PEERS = 5_000_000

interface LoadOptions {
  readonly duration: number
  readonly announces: number
  readonly rate?: number
  readonly connections?: number
  readonly keepAlive: boolean
  readonly ramp: number
  readonly warmUp: number
  readonly timeout: number
  readonly swarms: number
  readonly peers: number
  readonly zipf: number
  readonly seeders: number
  readonly numwant: number
  readonly passkey?: string
  readonly passkeyFile?: string
  readonly client: string
  readonly seed: string
  readonly iOwnThisTarget?: boolean
  readonly json?: boolean
}

/** `redswarm load`. */
export function loadCommand(program: Command): void {
  program
    .command('load')
    .description('announce as many clients would, and print rate, latency and errors; for sizing a fleet')
    .argument('<url...>', 'announce URLs, all http(s):// or all udp://; {passkey} in them says where it goes')
    .addOption(time('--duration', 'how long it measures', [1, DAY_MS], 10_000))
    .addOption(
      new Option('--announces <n>', 'end after this many')
        .argParser(count(1, MOST_ANNOUNCES))
        .default(MOST_ANNOUNCES, 'a billion'),
    )
    .option(
      '--rate <per second>',
      'open loop: so many a second, whatever becomes of the answers',
      decimal(0.01, 1e6),
    )
    .option(
      '--connections <n>',
      `at most so many under way; ${CLOSED_LOOP_CONNECTIONS} unless told, ${OPEN_LOOP_CONNECTIONS} with --rate`,
      count(1, 10_000),
    )
    .option('--no-keep-alive', 'HTTP: a new connection for each announce')
    .addOption(time('--ramp', 'from nothing to the full rate, or to all connections', [0, DAY_MS], 0))
    .addOption(time('--warm-up', 'not counted, before it measures', [0, DAY_MS], 0))
    .addOption(time('--timeout', 'no answer for this long is a failure', [1, 600_000], 5_000))
    .option('--swarms <n>', 'torrents', count(1, 1_000_000), 100)
    .option('--peers <n>', 'in all swarms together', count(1, MOST_PEERS), 1_000)
    .option('--zipf <exponent>', 'how unequal swarms are; 0: all of one size', decimal(0, 5), 1)
    .option('--seeders <percent>', 'share of the peers that seed', decimal(0, 100), 90)
    .option('--numwant <n>', 'peers that each one asks for', count(0, 10_000), 50)
    .option('--passkey <passkey>', 'of all peers', passkey)
    .option('--passkey-file <file>', 'one a line, shared out among the peers; - for stdin')
    .option('--client <code>', 'the 8 characters that peer ids begin with', clientCode, '-RL0100-')
    .option('--seed <text>', 'other swarms and peers; generators side by side need different ones', '1')
    .option('--i-own-this-target', 'the target may be another machine: it is yours')
    .option('--json', 'one JSON object')
    .action(async (urls: string[], options: LoadOptions, command: Command) => {
      if (options.peers < options.swarms)
        command.error('error: --peers has to be at least --swarms: no swarm is empty')
      if (options.passkey !== undefined && options.passkeyFile !== undefined)
        command.error('error: --passkey and --passkey-file exclude each other')
      const isFine = await load({
        plan: await planOf(urls, options),
        json: options.json === true,
        out: (text) => void process.stdout.write(text),
        terminal: process.stderr,
      })
      if (!isFine) process.exitCode = FAILED
    })
    .configureOutput({ outputError: (text, write) => write(withoutPasskey(text)) })
}

async function planOf(urls: readonly string[], options: LoadOptions): Promise<LoadPlan> {
  const isOpenLoop = options.rate !== undefined
  return {
    urls,
    ownsTarget: options.iOwnThisTarget === true,
    ratePerSecond: options.rate,
    connections: options.connections ?? (isOpenLoop ? OPEN_LOOP_CONNECTIONS : CLOSED_LOOP_CONNECTIONS),
    keepAlive: options.keepAlive,
    rampMs: options.ramp,
    warmUpMs: options.warmUp,
    durationMs: options.duration,
    maxAnnounces: options.announces,
    timeoutMs: options.timeout,
    population: {
      swarms: options.swarms,
      peers: options.peers,
      zipf: options.zipf,
      seederPercent: options.seeders,
      numwant: options.numwant,
      passkeys: await passkeysOf(options),
      seed: options.seed,
      clientCode: options.client,
      firstRound: 0,
    },
  }
}

async function passkeysOf({ passkey, passkeyFile }: LoadOptions): Promise<string[]> {
  if (passkeyFile === '-') return readPasskeyFile({ chunks: process.stdin, name: 'stdin' })
  if (passkeyFile !== undefined) return readPasskeyFile({ path: passkeyFile })
  return passkey === undefined ? [] : [passkey]
}

/** A mistyped passkey is close to the right one, so the message does not repeat it. */
function withoutPasskey(error: string): string {
  return error.includes('--passkey <')
    ? error.replace(/ argument '.*' is invalid\./s, ' argument is invalid.')
    : error
}

function passkey(text: string): string {
  const parsed = parsePasskey(text)
  if (parsed === undefined) throw new InvalidArgumentError('Not 1 to 128 characters of A-Z a-z 0-9 - _')
  return parsed
}

function clientCode(text: string): string {
  if (!/^[A-Za-z0-9\-._~]{8}$/.test(text)) throw new InvalidArgumentError('Not 8 of A-Z a-z 0-9 - . _ ~')
  return text
}

function count(least: number, most: number): (text: string) => number {
  const parse = decimal(least, most)
  return (text) => {
    if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Not a whole number.')
    return parse(text)
  }
}

function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`Not ${least} to ${most}.`)
    return value
  }
}

/** An option that takes a time as Go writes it and hands on milliseconds; so are its bounds. */
function time(
  flag: string,
  description: string,
  [leastMs, mostMs]: readonly [number, number],
  defaultMs: number,
) {
  return new Option(`${flag} <time>`, description)
    .default(defaultMs, formatDuration(defaultMs))
    .argParser((text) => {
      const nanoseconds = parseDuration(text)
      const ms = nanoseconds === undefined ? Number.NaN : Number(nanoseconds) / 1e6
      if (!(ms >= leastMs && ms <= mostMs))
        throw new InvalidArgumentError(
          `Not ${formatDuration(leastMs)} to ${formatDuration(mostMs)}, as in 1m30s.`,
        )
      return ms
    })
}
