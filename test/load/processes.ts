import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A program the run needs and this machine lacks. The message says how to get it. */
export class MissingProgram extends Error {
  override readonly name = 'MissingProgram'
}

export interface StartedProcess {
  readonly name: string
  readonly pid: number
  stop(): Promise<void>
  /** What it wrote to stderr and stdout lately. */
  output(): string
  hasEnded(): boolean
  /** The exit code, or null after a signal. */
  readonly ended: Promise<number | null>
}

export interface Command {
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly cwd?: string
}

/** Everything the run has started, so that all of it can be stopped from one place. */
export class Processes {
  readonly #children = new Map<number, ChildProcess>()

  start(command: Command): StartedProcess {
    const { program, args } = dyingWithParent(command)
    const child = spawn(program, args, { cwd: command.cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const pid = child.pid
    // Without a pid the spawn failed; its 'error' event would only repeat that.
    child.on('error', () => undefined)
    if (pid === undefined) throw new Error(`${command.name} could not be started`)
    this.#children.set(pid, child)
    let output = ''
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('latin1')).slice(-2000)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    const ended = new Promise<number | null>((resolve) => {
      // 'close' and not 'exit': by then the whole output is here.
      child.once('close', (code) => {
        this.#children.delete(pid)
        resolve(code)
      })
    })
    return {
      name: command.name,
      pid,
      output: () => output.trim(),
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      ended,
      stop: async () => {
        if (!this.#children.has(pid)) return
        child.kill('SIGTERM')
        const patience = setTimeout(() => child.kill('SIGKILL'), 3000)
        await ended
        clearTimeout(patience)
      },
    }
  }

  /** For the way out: nothing that was started survives. */
  killAll(): void {
    for (const child of this.#children.values()) child.kill('SIGKILL')
  }
}

/** Runs a short program to its end and gives the last 2,000 characters it wrote. Rejects with them when it fails. */
export async function runToEnd(processes: Processes, command: Command): Promise<string> {
  const started = processes.start(command)
  const code = await started.ended
  if (code !== 0) throw new Error(`${command.name} ended with ${code}: ${started.output()}`)
  return started.output()
}

/** Polls; rejects when `timeoutMs` have passed or `process` has ended first, with what that process said. */
export async function waitUntil(
  isTrue: () => Promise<boolean>,
  { what, timeoutMs, process }: { what: string; timeoutMs: number; process?: StartedProcess },
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await isTrue())) {
    if (process?.hasEnded()) throw new Error(`${process.name} ended at once: ${process.output()}`)
    if (Date.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms for ${what} ${process?.output() ?? ''}`)
    await delay(50)
  }
}

/** A TCP port of the loopback that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject()))
    })
  })
}

function hasProgram(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0
}

/** @throws MissingProgram naming the Debian package */
export function needProgram(program: string, debianPackage: string): void {
  if (!hasProgram(program))
    throw new MissingProgram(`${program} is missing: apt-get install ${debianPackage}`)
}

/** A killed run must not leave servers behind, so the kernel ends them where util-linux can arrange it. */
function dyingWithParent({ program, args }: Command): { program: string; args: string[] } {
  canTieToParent ??= hasProgram('setpriv')
  return canTieToParent
    ? { program: 'setpriv', args: ['--pdeathsig', 'KILL', '--', program, ...args] }
    : { program, args: [...args] }
}
let canTieToParent: boolean | undefined
