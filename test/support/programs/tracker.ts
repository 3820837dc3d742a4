import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Overrides, writeExampleConfig } from '../builders/trackerConfig.ts'
import { noteSecrets, noteSecretsOfCommand, watchOutput } from '../secretsWatch.ts'
import { type RedisUser, urlAs } from '../servers/redisUsers.ts'
import {
  type Exit,
  eventually,
  type StartedProcess,
  startProcess,
  temporaryFolder,
  watchPages,
} from './trackerProcesses.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const PROGRAM = `${root}bin/redswarm.mjs`
const READY_WITHIN_MS = 15_000
const PAGES_WITHIN_MS = 2_000
const COMMAND_WITHIN_MS = 15_000

export interface RunningTracker {
  /** Without a passkey: `http://127.0.0.1:<port>/announce`. */
  readonly announceUrl: string
  /** `http://127.0.0.1:<port>`, for /metrics and /readyz. */
  readonly metricsUrl: string
  readonly port: number
  readonly metricsPort: number
  /** 0 without HTTPS. */
  readonly httpsPort: number
  readonly pid: number
  /** Writes its file anew, with these keys; what it makes of that is its own business. */
  configure(config: Overrides): void
  /** All that it has printed. */
  output(): string
  /** SIGTERM; resolves with how it ended. */
  stop(): Promise<Exit>
  /** SIGKILL. */
  kill(): Promise<Exit>
  readonly process: StartedProcess
}

export interface TrackerOptions {
  /** Without one the file's own broker, or the embedded one. The tracker is the user `tracker` there. */
  readonly redisUrl?: string | undefined
  /** Keys under `chihaya` that differ from the example configuration. */
  readonly config?: Overrides
  /** Further arguments of `serve`. */
  readonly args?: readonly string[]
}

export interface RunningConsumer {
  /** For /metrics and /readyz. */
  readonly metricsUrl: string
  readonly process: StartedProcess
  /** SIGTERM; resolves with how it ended. */
  stop(): Promise<Exit>
  /** SIGKILL. */
  kill(): Promise<Exit>
}

let isBuilt = false

/** Compiles the program when a source is newer, as `npm start` does; looked at once for each test file. */
function buildProgram(): void {
  if (isBuilt) return
  const { status, stderr } = spawnSync(process.execPath, [`${root}scripts/setup.mjs`], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the program does not compile:\n${stderr}`)
  isBuilt = true
}

/**
 * Runs the built program on `dist/example_config.yaml`, on ports of the system's choice and saying all it has to say,
 * and waits until it is ready. `endProcesses` ends it when nobody else does.
 */
export async function startTracker(options: TrackerOptions = {}): Promise<RunningTracker> {
  const tracker = await launchTracker(options)
  await eventually('the tracker is ready', READY_WITHIN_MS, async () => {
    if (tracker.process.hasExited()) throw new Error(`the tracker ended:\n${tracker.output()}`)
    return (await isReady(tracker)) || undefined
  })
  return tracker
}

export async function isReady({ metricsUrl }: RunningTracker): Promise<boolean> {
  const response = await fetch(`${metricsUrl}/readyz`)
  await response.arrayBuffer()
  return response.status === 200
}

const PAGES = ['/metrics', '/stats', '/readyz', '/debug/pprof/cmdline']

/** All that is said on a metrics address. */
async function pagesOf(metricsUrl: string): Promise<string> {
  const signal = AbortSignal.timeout(PAGES_WITHIN_MS)
  const answers = PAGES.map(async (path) => (await fetch(metricsUrl + path, { signal })).text())
  return (await Promise.all(answers)).join('\n')
}

async function launchTracker({ redisUrl, config = {}, args = [] }: TrackerOptions): Promise<RunningTracker> {
  buildProgram()
  const write = (config: Overrides, path?: string) =>
    writeExampleConfig(
      {
        log_level: 'debug',
        shutdown_delay: '0s',
        metrics_addr: '127.0.0.1:0',
        ...config,
        http: { addr: '[::]:0', ...(config.http as Overrides | undefined) },
      },
      path,
    )
  const path = write(config)
  const child = await startProcess({
    name: 'tracker',
    program: process.execPath,
    args: [PROGRAM, 'serve', '--config', path, ...args],
    env: { REDIS_URL: redisUrl && urlAs('tracker', redisUrl), TMPDIR: temporaryFolder() },
  })
  const [line] = await child.says(/^\{.*"msg":"serving"\}$/m, READY_WITHIN_MS)
  const { http, https, metricsPort } = JSON.parse(line) as {
    http: { port: number }
    https?: { port: number }
    metricsPort: number
  }
  watchPages(child, () => pagesOf(`http://127.0.0.1:${metricsPort}`))
  return {
    announceUrl: `http://127.0.0.1:${http.port}/announce`,
    metricsUrl: `http://127.0.0.1:${metricsPort}`,
    port: http.port,
    metricsPort,
    httpsPort: https?.port ?? 0,
    pid: child.pid,
    configure: (next) => void write(next, path),
    output: child.output,
    stop: () => child.end('SIGTERM'),
    kill: () => child.end('SIGKILL'),
    process: child,
  }
}

/**
 * Runs the built `redswarm traffic consume` as the user `consumer` of that Redis, and waits until it settles.
 * `endProcesses` ends it when nobody else does.
 */
export async function startConsumer(
  redisUrl: string,
  db: string,
  args: readonly string[] = [],
): Promise<RunningConsumer> {
  buildProgram()
  const child = await startProcess({
    name: 'consumer',
    program: process.execPath,
    args: [PROGRAM, 'traffic', 'consume', '--db', db, '--metrics-addr', '127.0.0.1:0', ...args],
    env: { REDIS_URL: urlAs('consumer', redisUrl) },
  })
  const [, port] = await child.says(/"port":(\d+),"msg":"metrics"/, READY_WITHIN_MS)
  const metricsUrl = `http://127.0.0.1:${port}`
  watchPages(child, () => pagesOf(metricsUrl))
  await eventually('the consumer settles', READY_WITHIN_MS, async () => {
    if (child.hasExited()) throw new Error(`the consumer ended:\n${child.output()}`)
    const response = await fetch(`${metricsUrl}/readyz`)
    await response.arrayBuffer()
    return response.status === 200 || undefined
  })
  return {
    metricsUrl,
    process: child,
    stop: () => child.end('SIGTERM'),
    kill: () => child.end('SIGKILL'),
  }
}

/** What `npm start` runs, on the ports of the example configuration and with a Redis of its own. */
export interface RunningDemo {
  /** With the demo passkey. */
  readonly announceUrl: string
  readonly redisUrl: string
  readonly passkey: string
  readonly pid: number
  /** All that was printed but the lines that show the announce URL to the user. */
  log(): string
  stop(): Promise<Exit>
}

/** Rejects with the program's own words, for example when its ports are in use. */
export async function startDemo(): Promise<RunningDemo> {
  buildProgram()
  const demo = await startProcess({
    name: 'npm start',
    program: process.execPath,
    args: [`${root}scripts/start.mjs`],
    env: { REDIS_URL: undefined, TMPDIR: temporaryFolder() },
    cwd: root,
    shows: /\/announce\//,
  })
  const readyWithinMs = 30_000
  const [, announceUrl, passkey] = await demo.says(/announce URL +(\S+\/announce\/(\w+))$/m, readyWithinMs)
  noteSecrets(passkey)
  const [, redisUrl] = await demo.says(/^ +export REDIS_URL=(\S+)$/m, readyWithinMs)
  return {
    announceUrl: announceUrl!,
    redisUrl: redisUrl!,
    passkey: passkey!,
    pid: demo.pid,
    log: () =>
      demo
        .output()
        .split('\n')
        .filter((line) => !line.includes(announceUrl!))
        .join('\n'),
    stop: () => demo.end('SIGTERM', 20_000),
  }
}

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** As whom a command of the program works on Redis. */
const USER_OF_COMMAND: Readonly<Record<string, RedisUser>> = {
  serve: 'tracker',
  passkeys: 'site',
  traffic: 'consumer',
  risk: 'consumer',
  doctor: 'operator',
}

/** `REDIS_URL` for a command line of the program: that of its user, where the server has users. */
export function redisUrlFor(args: readonly string[], url: string): string {
  const user = USER_OF_COMMAND[args[0] ?? '']
  return user ? urlAs(user, url) : url
}

/** Starts a command of the program that runs until it is ended, as the user of Redis that it is meant for. */
export function startProgram(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<StartedProcess> {
  buildProgram()
  const { REDIS_URL: url } = env
  const redis = url === undefined ? {} : { REDIS_URL: redisUrlFor(args, url) }
  const name = args.slice(0, 2).join(' ')
  return startProcess({
    name,
    program: process.execPath,
    args: [PROGRAM, ...args],
    env: { ...env, ...redis },
  })
}

/** Runs the built command line to its end, as the user of Redis that the command is meant for. */
export function redswarm(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<CommandResult> {
  buildProgram()
  const { REDIS_URL: url } = env
  const redis = url === undefined ? {} : { REDIS_URL: redisUrlFor(args, url) }
  noteSecretsOfCommand(args, { ...env, ...redis })
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, ...env, ...redis }, timeout: COMMAND_WITHIN_MS }
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      const code = error ? error.code : 0
      const isExport = args.includes('export') // what it is for
      watchOutput(`redswarm ${args[0]}`, () => (isExport ? stderr : stdout + stderr))
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(new Error(`redswarm ${args.join(' ')} did not end by itself: ${stderr}`, { cause: error }))
    })
  })
}
