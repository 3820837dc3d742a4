import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ListensAt } from './frontends.ts'
import type { Answers, Asked, FromWorker, Question, StartOrder, ToWorker } from './worker.ts'

/** How much longer than a call to Redis a worker may take to answer its supervisor. */
const ANSWER_SLACK_MS = 1_000
/** The program itself, compiled or not. */
const PROGRAM = fileURLToPath(new URL(`../../cli/main${extname(import.meta.url)}`, import.meta.url))

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly livedMs: number
}

/** A worker as its supervisor sees it. */
export interface WorkerProcess {
  readonly pid: number
  /** Resolves when it serves. Rejects with its reason when it cannot, or with how it ended. */
  readonly serving: Promise<ListensAt>
  readonly ended: Promise<Ending>
  /** undefined when there is no answer in time, because it is busy or gone. @param takesMs how long the answer takes by itself */
  ask<Q extends Question>(
    asked: Asked & { readonly question: Q },
    takesMs?: number,
  ): Promise<Answers[Q] | undefined>
  /** Asks it to drain and end, and to serve on for so long. */
  stop(delayMs: number): void
  setDebugging(isOn: boolean): void
  kill(): void
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * Starts the program once more. The configuration goes over the channel alone, since it has secrets in it.
 * @param startNow asked when the worker has come up, so that it is the newest
 */
export function startWorker(startNow: () => StartOrder): WorkerProcess {
  const startedMs = performance.now()
  const child = fork(PROGRAM, ['worker'], {
    serialization: 'advanced', // the plain one forgets keys that are undefined
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(child)
  const send = (message: ToWorker) => {
    if (child.connected) child.send(message, () => undefined) // its end is heard of elsewhere
  }
  const answered = new Map<number, (answer: Answers[Question] | undefined) => void>()
  let questions = 0

  const ended = new Promise<Ending>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      running.delete(child)
      for (const settle of answered.values()) settle(undefined)
      resolve({ code, signal, livedMs: performance.now() - startedMs })
    }
    child.once('exit', end)
    child.on('error', () => {
      if (child.pid === undefined) end(null, null) // it never was
    })
  })
  const serving = new Promise<ListensAt>((resolve, reject) => {
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'hello') send({ kind: 'start', ...startNow() })
      else if (message.kind === 'serving') resolve(message.at)
      else if (message.kind === 'failed') reject(new Error(message.reason))
      else answered.get(message.id)?.(message.answer)
    })
    ended.then(({ code, signal }) =>
      reject(new Error(`a worker ended at its start (${signal ?? `exit ${code}`})`)),
    )
  })
  serving.catch(() => undefined) // whoever waits for it hears of it

  return {
    pid: child.pid ?? 0,
    serving,
    ended,
    ask<Q extends Question>(
      asked: Asked & { readonly question: Q },
      takesMs = startNow().config.redis.storeTimeoutMs,
    ) {
      const id = ++questions
      return new Promise<Answers[Q] | undefined>((resolve) => {
        const settle = (answer: Answers[Question] | undefined) => {
          clearTimeout(timer)
          answered.delete(id)
          resolve(answer as Answers[Q] | undefined)
        }
        const timer = setTimeout(() => settle(undefined), takesMs + ANSWER_SLACK_MS)
        answered.set(id, settle)
        if (child.connected) send({ kind: 'ask', id, asked })
        else settle(undefined)
      })
    },
    stop: (delayMs) => send({ kind: 'stop', delayMs }),
    setDebugging: (isOn) => send({ kind: 'debug', isOn }),
    kill: () => void child.kill('SIGKILL'),
  }
}
