import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { PASSKEYS_KEY } from '../src/contract/redisKeys.ts'
import {
  boundToParent,
  findRedisServer,
  NoRedisServer,
  type PrivateRedis,
  startPrivateRedis,
} from '../src/runtime/redisServer.ts'

/**
 * `npm start`: one tracker on the example configuration with a Redis of its own, ready to be tried. Ends with everything
 * it started on Ctrl-C, on SIGTERM, and when npm dies without passing the signal on.
 */

// As dist/example_config.yaml has them.
const CONFIG = 'dist/example_config.yaml'
const HTTP_PORT = 6969
const METRICS_PORT = 6880

const DEMO_PASSKEY = 'd0d0cafe0123456789abcdef01234567'
const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 15_000
const POLL_MS = 100
const SAME_REQUEST_MS = 500

const say = (text: string) => void process.stdout.write(`${text}\n`)

class StartFailed extends Error {
  override readonly name = 'StartFailed'
}

let tracker: ChildProcess | undefined
let redis: PrivateRedis | undefined
let stopping: Promise<never> | undefined

/** Tracker first, so that it can finish what is in flight; then its Redis. */
async function stop(exitCode: number): Promise<never> {
  await endTracker()
  await redis?.stop()
  process.exit(exitCode)
}

function endTracker(): Promise<void> {
  const child = tracker
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGINT') // no load balancer has to notice first
  })
}

/** One Ctrl-C arrives more than once: from the terminal, from npm, as npm's death. A later one is meant: end at once. */
let firstRequestMs: number | undefined
function onStopRequest(): void {
  if (firstRequestMs !== undefined) {
    if (Date.now() - firstRequestMs > SAME_REQUEST_MS) process.exit(1) // both children die with us
    return
  }
  firstRequestMs = Date.now()
  if (stopping) return
  say('\nStopping ...')
  stopping = stop(0)
}

function watchStopRequests(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onStopRequest)
  process.on('exit', () => tracker?.kill('SIGKILL'))
  const parent = process.ppid // npm, which dies of SIGTERM without passing it on
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    if (firstRequestMs === undefined) onStopRequest()
  }, POLL_MS)
}

/** Throws when another program listens there: its answers would be taken for the tracker's. */
async function requireFreePort(port: number, host: string, what: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = createServer().once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    probe.listen(port, host, () => probe.close(() => resolve(undefined)))
  })
  if (code !== 'EADDRINUSE') return // anything else is for the tracker to report
  throw new StartFailed(
    `Port ${port} (${what}) is in use by another program: end it, or change the port in ${CONFIG}.`,
  )
}

async function privateRedisWithPasskey(): Promise<PrivateRedis> {
  const program = await findRedisServer(process.env, say)
  const server = await startPrivateRedis({ program })
  const client = new Redis(server.url)
  await client.sadd(PASSKEYS_KEY, DEMO_PASSKEY)
  client.disconnect()
  say(`Started a private Redis ${program.version} on 127.0.0.1:${server.port} (${program.path})`)
  return server
}

async function startTracker(redisUrl: string): Promise<ChildProcess> {
  const main = fileURLToPath(new URL('../build/cli/main.js', import.meta.url))
  const [command, ...args] = await boundToParent([process.execPath, main, 'serve', '--config', CONFIG])
  return spawn(command!, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, REDIS_URL: redisUrl },
    detached: true, // Ctrl-C reaches us alone, and we end it before its Redis
  })
}

/** Resolves when the tracker says it is ready; false when it is up but not ready in time, as with a Redis that is down. */
async function becomesReady(child: ChildProcess): Promise<boolean> {
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (error) =>
      reject(new StartFailed(`The tracker could not be started: ${error.message}`)),
    )
    child.once('exit', (code, signal) =>
      reject(new StartFailed(`The tracker ended (${signal ?? `exit ${code}`}).`)),
    )
  })
  ended.catch(() => {}) // later it is the main program's business
  for (const deadline = Date.now() + READY_TIMEOUT_MS; Date.now() < deadline; ) {
    const answer = fetch(`http://127.0.0.1:${METRICS_PORT}/readyz`).then(
      (response) => response.ok,
      () => false, // not listening yet
    )
    if (await Promise.race([answer, ended])) return true
    await Promise.race([new Promise((resolve) => setTimeout(resolve, POLL_MS)), ended])
  }
  return false
}

function announceUrl(passkey: string): string {
  return `http://127.0.0.1:${HTTP_PORT}/announce/${passkey}`
}

function welcome(): string {
  const passkey = redis ? DEMO_PASSKEY : '<passkey>'
  const query =
    'info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-000000000001&port=6881&uploaded=0&downloaded=0&left=1000&compact=1'
  return [
    '',
    '  Redswarm is running.',
    '',
    `  announce URL   ${announceUrl(passkey)}`,
    `  metrics        http://127.0.0.1:${METRICS_PORT}/metrics`,
    ...(redis
      ? [
          '  data           in a private Redis in memory; gone when this stops. In another terminal, for',
          '                 redis-cli -u $REDIS_URL and npm run redswarm -- passkeys ...',
          `                 export REDIS_URL=${redis.url}`,
        ]
      : [
          '  data           in the Redis of REDIS_URL; no demo passkey was added there. Add one with',
          '                 npm run redswarm -- passkeys add <passkey>',
        ]),
    '  stop           Ctrl-C',
    '',
    '  A first announce:',
    `  curl -s '${announceUrl(passkey)}?${query}&event=started' | cat -v`,
    '',
  ].join('\n')
}

async function main(): Promise<void> {
  watchStopRequests()
  await requireFreePort(HTTP_PORT, '::', 'announces')
  await requireFreePort(HTTP_PORT, '0.0.0.0', 'announces')
  await requireFreePort(METRICS_PORT, '127.0.0.1', 'metrics')
  const givenUrl = process.env.REDIS_URL
  if (!givenUrl) redis = await privateRedisWithPasskey()
  tracker = await startTracker(givenUrl || redis!.url)
  const isReady = await becomesReady(tracker)
  if (stopping) return
  say(
    isReady
      ? welcome()
      : `\nThe tracker runs but is not ready after ${READY_TIMEOUT_MS / 1000} s; it keeps trying.\n${welcome()}`,
  )
  tracker.once('exit', (code, signal) => {
    if (!stopping) fail(new StartFailed(`The tracker ended (${signal ?? `exit ${code}`}).`))
  })
  redis?.exited.then(() => {
    if (!stopping) fail(new StartFailed('The private Redis ended.'))
  })
}

function fail(error: unknown): void {
  if (stopping) return
  const isExpected = error instanceof StartFailed || error instanceof NoRedisServer
  process.stderr.write(`${isExpected ? error.message : (error as Error).stack}\n`)
  stopping = stop(error instanceof NoRedisServer ? error.exitCode : 1)
}

main().catch(fail)
