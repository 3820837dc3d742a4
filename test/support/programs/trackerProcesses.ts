import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { boundToParent } from '../../../src/runtime/redisServer.ts'
import { noteSecretsOfCommand, watchOutput } from '../secretsWatch.ts'
import { programPath } from './programs.ts'

/** The programs of an end-to-end test: trackers, clients, the proxy. */
export interface StartedProcess {
  readonly name: string
  readonly pid: number
  /** All it has printed so far, stdout and stderr as they came. */
  output(): string
  /** The first match in the output, now or later. Rejects with the output when it ends or `timeoutMs` pass first. */
  says(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>
  readonly exited: Promise<Exit>
  hasExited(): boolean
  /** Sends the signal and goes on. */
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and waits for the end; one that lingers is killed after `timeoutMs` and the promise rejects. */
  end(signal: NodeJS.Signals, timeoutMs?: number): Promise<Exit>
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Command {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Lines in which our program shows a secret on purpose; there must be none in any other. */
  readonly shows?: RegExp
}

/** The program under test, as it is called in one place or another; not folders that are named after it. */
const OURS = /redswarm\.mjs|(^|[/ ])redswarm( |$)|\/cli\/main\.js|\/scripts\/start\.mjs/

const END_TIMEOUT_MS = 15_000
const LAST_PATIENCE_MS = 5_000
const POLL_MS = 25

const running = new Map<StartedProcess, ChildProcess>()
const pages = new WeakMap<StartedProcess, () => Promise<string>>()
const folders: string[] = []
process.on('exit', () => {
  for (const child of running.values()) child.kill('SIGKILL')
})

/** Starts a program that dies with the tests where the system can arrange it; `endProcesses` ends it in any case. */
export async function startProcess(options: Command): Promise<StartedProcess> {
  const { name, program, args, env, cwd, shows } = options
  const [command, ...rest] = await boundToParent([programPath(program) ?? program, ...args])
  const child = spawn(command!, rest, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  if ([program, ...args].some((word) => OURS.test(word))) {
    noteSecretsOfCommand(args, env ?? {})
    const isWatched = (line: string) => !shows?.test(line)
    watchOutput(name, () => printed.split('\n').filter(isWatched).join('\n'))
  }
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      for (const listener of listeners) listener()
    })
  }
  let isOver = false
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal })) // not 'exit': by now all output is here
  }).finally(() => {
    isOver = true
    running.delete(started)
    for (const listener of listeners) listener()
  })
  exited.catch(() => undefined) // whoever waits for it hears of it
  if (child.pid === undefined) throw new Error(`${name} could not be started: ${program}`)

  const started: StartedProcess = {
    name,
    pid: child.pid,
    output: () => printed,
    exited,
    hasExited: () => isOver,
    says(pattern, timeoutMs) {
      return new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          clearTimeout(timer)
          listeners.delete(look)
          act()
        }
        const look = () => {
          const match = pattern.exec(printed)
          if (match) settle(() => resolve(match))
          else if (isOver)
            settle(() => reject(new Error(`${name} ended before it said ${pattern}:\n${printed}`)))
        }
        const timer = setTimeout(
          () => settle(() => reject(new Error(`${name} did not say ${pattern} in time:\n${printed}`))),
          timeoutMs,
        )
        listeners.add(look)
        look()
      })
    },
    signal: (signal) => void child.kill(signal),
    async end(signal, timeoutMs = END_TIMEOUT_MS) {
      if (isOver) return exited
      child.kill(signal)
      let isLate = false
      const patience = setTimeout(() => {
        isLate = true
        child.kill('SIGKILL')
      }, timeoutMs)
      const exit = await exited
      clearTimeout(patience)
      if (isLate) throw new Error(`${name} did not end within ${timeoutMs} ms of ${signal}:\n${printed}`)
      return exit
    },
  }
  running.set(started, child)
  return started
}

/** What else it tells when asked, looked through for secrets before `endProcesses` ends it. */
export function watchPages(started: StartedProcess, ask: () => Promise<string>): void {
  pages.set(started, ask)
}

/**
 * For afterEach and afterAll: nothing that was started survives, and no folder of ours stays. SIGTERM first, so that a
 * program can end what it started itself.
 */
export async function endProcesses(): Promise<void> {
  const ending = [...running].map(async ([started, child]) => {
    const told = await pages
      .get(started)?.()
      .catch(() => undefined) // it may be past telling
    if (told !== undefined) watchOutput(`${started.name}'s pages`, () => told)
    child.kill('SIGTERM')
    const patience = setTimeout(() => child.kill('SIGKILL'), LAST_PATIENCE_MS)
    await started.exited
    clearTimeout(patience)
  })
  await Promise.allSettled(ending)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** An empty folder that `endProcesses` removes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'redswarm-e2e-'))
  folders.push(folder)
  return folder
}

/** Asks again and again until the answer is something. Rejects when `timeoutMs` pass, with what was waited for. */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (const deadline = Date.now() + timeoutMs; ; await delay(POLL_MS)) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
  }
}

/** The ids of a process' children, as Linux tells them; none elsewhere. */
export function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  return existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number) : []
}

/** Whether a process runs; one that ended and waits for its parent does not (Linux). */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) return false
    throw error
  }
}
