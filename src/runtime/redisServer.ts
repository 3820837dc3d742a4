import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RedisProgram } from './findRedisServer.ts'

export { findRedisServer, NoRedisServer, type RedisProgram } from './findRedisServer.ts'

export interface PrivateRedisOptions {
  readonly program: RedisProgram
  /** Working folder of the server, kept afterwards. Without one a temporary folder is made, and removed by `stop`. */
  readonly dir?: string
  /** 1 to 65535 on 127.0.0.1; without one a free port is chosen. */
  readonly port?: number
  /** Come after our own and win over them, e.g. `['--appendonly', 'yes']`. */
  readonly args?: readonly string[]
  /** Every line the server prints. */
  readonly onLog?: (line: string) => void
}

export interface PrivateRedis {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process is gone, whatever ended it. */
  readonly exited: Promise<void>
  /** Ends the server in an orderly way, and for good when it lingers. Safe to call twice. */
  stop(): Promise<void>
  /** Ends the server as a crash would, with no chance to write anything. */
  kill(): Promise<void>
}

const READY_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 5_000
const PORT_ATTEMPTS = 5

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts a server of our own on a free loopback port, keeping nothing on disk unless `args` say otherwise, and waits
 * until it accepts connections. It does not outlive this process: where the system can tie a child's life to its
 * parent's (`setpriv`), not even when this process is killed.
 *
 * It runs in a session of its own, so that Ctrl-C reaches its owner first, who stops it last.
 * @throws Error with the server's last lines when it does not come up.
 */
export async function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'redswarm-redis-')))
  const cleanUp = async () => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
  }
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    try {
      return await launch(options, dir, port, cleanUp)
    } catch (error) {
      // Between finding a port free and the server's bind, another process may have taken it.
      const isRace = options.port === undefined && /Address already in use/i.test(String(error))
      if (isRace && attempt < PORT_ATTEMPTS) continue
      await cleanUp()
      throw error
    }
  }
}

async function launch(
  { program, args = [], onLog }: PrivateRedisOptions,
  dir: string,
  port: number,
  cleanUp: () => Promise<void>,
): Promise<PrivateRedis> {
  const own = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    dir,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const [command, ...rest] = await boundToParent([program.path, ...own, ...args])
  const child = spawn(command!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...program.env },
    detached: true,
  })
  running.add(child)
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  }).finally(() => running.delete(child))
  await acceptsConnections(child, program.path, onLog)

  const end = async (signal: NodeJS.Signals) => {
    if (!child.kill(signal)) return exited.then(cleanUp)
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(force)
    await cleanUp()
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid!,
    exited,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** Resolves on the server's own "ready" line, which it prints after loading its files. */
function acceptsConnections(
  child: ChildProcess,
  path: string,
  onLog?: (line: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const lastLines: string[] = []
    const fail = (what: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error([`${path} ${what}`, ...lastLines].join('\n  ')))
    }
    const timer = setTimeout(() => fail(`was not ready within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS)
    const onLine = (line: string) => {
      onLog?.(line)
      if (lastLines.push(line) > 8) lastLines.shift()
      if (!line.includes('Ready to accept connections')) return
      clearTimeout(timer)
      resolve()
    }
    for (const stream of [child.stdout!, child.stderr!]) eachLine(stream, onLine)
    child.once('error', (error) => fail(`could not be started: ${error.message}`))
    child.once('close', (code, signal) => fail(`ended before it was ready (${signal ?? `exit ${code}`})`))
  })
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) if (line.trim() !== '') onLine(line)
  })
}

let setprivWorks: Promise<boolean> | undefined

/** The same command, ended by SIGTERM when this process dies, on systems that have a `setpriv` able to do so. */
export async function boundToParent(command: readonly string[]): Promise<readonly string[]> {
  const prefix = ['setpriv', '--pdeathsig', 'TERM']
  setprivWorks ??= promisify(execFile)('setpriv', [...prefix.slice(1), 'true']).then(
    () => true,
    () => false, // not Linux, or a setpriv without this option
  )
  return (await setprivWorks) ? [...prefix, ...command] : command
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
