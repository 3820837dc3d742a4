import { connect, type Socket } from 'node:net'
import type { HttpTransport } from './scenario.ts'

export interface RequestRun {
  readonly port: number
  readonly count: number
  readonly connections: number
  readonly transport: HttpTransport
  /** The whole request, by its number from 0 to count - 1. */
  readonly requestOf: (index: number) => string
  /** Sees each body once, in no particular order; what it throws ends the run. */
  readonly onBody: (body: Buffer, index: number) => void
}

/**
 * Sends every request exactly once, one at a time on each connection. Small on purpose: it shares the machine with
 * the tracker it feeds. Rejects on a broken connection, an answer that is not 200, or one without Content-Length.
 */
export async function sendAll(run: RequestRun): Promise<void> {
  let next = 0
  const takeNext = () => (next < run.count ? next++ : undefined)
  const workers = Array.from({ length: Math.min(run.connections, run.count) }, () => worker(run, takeNext))
  try {
    await Promise.all(workers)
  } catch (cause) {
    next = run.count
    await Promise.allSettled(workers)
    throw cause
  }
}

async function worker(run: RequestRun, takeNext: () => number | undefined): Promise<void> {
  let socket: Socket | undefined
  try {
    for (let index = takeNext(); index !== undefined; index = takeNext()) {
      socket ??= connect({ port: run.port, host: '127.0.0.1', noDelay: true })
      run.onBody(await exchange(socket, run.requestOf(index)), index)
      if (run.transport === 'close') {
        socket.destroy()
        socket = undefined
      }
    }
  } finally {
    socket?.destroy()
  }
}

function exchange(socket: Socket, request: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const finish = () => {
      socket.off('data', onData).off('error', onError).off('close', onClose)
      // A socket that fails between two exchanges fails the next one; until then nobody listens.
      socket.on('error', ignoreUntilNextExchange)
    }
    const onData = (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      try {
        const body = completeBody(received)
        if (body === undefined) return
        finish()
        resolve(body)
      } catch (cause) {
        onError(cause)
      }
    }
    const onError = (cause: unknown) => {
      finish()
      reject(cause)
    }
    const onClose = () => onError(new Error('the tracker closed the connection in the middle of an answer'))
    socket.off('error', ignoreUntilNextExchange)
    socket.on('data', onData).on('error', onError).on('close', onClose)
    socket.write(request, 'latin1')
  })
}

function ignoreUntilNextExchange(): void {}

/** @returns undefined while bytes are missing */
function completeBody(received: Buffer): Buffer | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = received.toString('latin1', 0, headEnd)
  if (!/^HTTP\/1\.[01] 200 /.test(head)) throw new Error(`the tracker answered ${head.split('\r\n')[0]}`)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error('the tracker answered without Content-Length')
  const bodyEnd = headEnd + 4 + Number(length)
  return received.length < bodyEnd ? undefined : received.subarray(headEnd + 4, bodyEnd)
}
