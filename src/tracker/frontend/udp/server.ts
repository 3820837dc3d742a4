import { randomBytes } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { compileRoutes } from '../../../bittorrent/routePattern.ts'
import type { Tracker } from '../../core/tracker.ts'
import { createConnectionIds } from './connectionId.ts'
import { type Answer, createHandler, type HandlerOptions } from './handler.ts'
import type { Observe, ReportFault, UdpOptions } from './options.ts'

export interface UdpServer {
  /** Where it listens, once it does. Rejects with the system's error when it cannot. */
  listen(): Promise<{ host: string; port: number }>
  /**
   * Makes ready to serve otherwise, throwing when that cannot be. Nothing changes before the function it returns is called,
   * which never throws. Forms of the URL and limits of an answer follow; keys, bounds and the socket stay as they were.
   */
  prepare(options: UdpServing): () => void
  /** Takes nothing more in at once, finishes what is in flight, but no longer than `gracePeriodMs`. */
  close(gracePeriodMs: number): Promise<void>
}

/** Whom a server asks, and how it reads and answers. */
export type UdpServing = HandlerServing & Pick<UdpOptions, 'announceRoutes'>

type HandlerServing = Omit<HandlerOptions, 'matchRoute' | 'connectionIds' | 'observe' | 'reportFault'>

export interface UdpServerOptions extends UdpOptions {
  readonly tracker: Tracker
  readonly reportFault: ReportFault
  readonly observe?: Observe | undefined
  /** Told of every packet that went unread because `maxInFlight` were under way. */
  readonly onDropped?: (() => void) | undefined
  /** Told of what the system says against receiving or sending; the server goes on. */
  readonly onSocketError?: ((error: Error) => void) | undefined
  /** For tests that move time by hand: Unix seconds. */
  readonly nowSeconds?: () => number
}

const GENERATED_KEY_BYTES = 32

/** @throws RangeError for an announce route that cannot be read */
export function createUdpServer(options: UdpServerOptions): UdpServer {
  const { maxInFlight, onDropped, onSocketError, observe, reportFault } = options
  const connectionIds = createConnectionIds({
    privateKey: options.privateKey ?? randomBytes(GENERATED_KEY_BYTES),
    previousPrivateKeys: options.previousPrivateKeys,
    lifetimeSeconds: options.connectionIdLifetimeSeconds,
    maxClockSkewSeconds: options.maxClockSkewSeconds,
    nowSeconds: options.nowSeconds ?? (() => Date.now() / 1000),
  })
  const handlerFor = (serving: UdpServing) =>
    createHandler({
      ...serving,
      matchRoute: compileRoutes(serving.announceRoutes),
      connectionIds,
      observe,
      reportFault,
    })
  let handle = handlerFor(options)
  let socket: Socket | undefined
  /** Packets received whose answers are not with the system yet. */
  let inFlight = 0
  let onIdle: (() => void) | undefined

  function finished(): void {
    if (--inFlight === 0) onIdle?.()
  }

  function sent(error: Error | null): void {
    finished()
    if (error) onSocketError?.(error)
  }

  function send(answer: Answer, { port, address }: RemoteInfo): void {
    if (answer && socket) socket.send(answer, port, address, sent)
    else finished() // silence, or too late
  }

  function receive(datagram: Buffer, from: RemoteInfo): void {
    if (from.port === 0) return // forged, and nothing can be sent there
    if (inFlight >= maxInFlight) {
      onDropped?.()
      return
    }
    inFlight++
    const answer = handle(datagram, from.address)
    if (answer instanceof Promise) answer.then((ready) => send(ready, from))
    else send(answer, from)
  }

  return {
    async listen() {
      const { address, family } = await lookup(options.listen.host)
      const opened = openSocket(family, options)
      await bind(opened, address, options.listen.port)
      opened.on('error', (error) => onSocketError?.(error))
      opened.on('message', receive)
      socket = opened
      const at = opened.address()
      return { host: at.address, port: at.port }
    },

    prepare(next) {
      const nextHandle = handlerFor(next)
      return () => {
        handle = nextHandle
      }
    },

    async close(gracePeriodMs) {
      const closing = socket
      if (!closing) return
      closing.off('message', receive)
      if (inFlight > 0) {
        let deadline: NodeJS.Timeout | undefined
        await new Promise<void>((resolve) => {
          onIdle = resolve
          deadline = setTimeout(resolve, gracePeriodMs)
        })
        clearTimeout(deadline)
      }
      socket = undefined
      await new Promise<void>((resolve) => closing.close(resolve))
    },
  }
}

function openSocket(family: number, { receiveBufferBytes, reusePort }: UdpOptions): Socket {
  return createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: false,
    reusePort,
    ...(receiveBufferBytes === undefined ? {} : { recvBufferSize: receiveBufferBytes }),
    // Every address here is one already: the one to bind to was looked up, the others came with packets.
    lookup: (address, _options, callback) => callback(null, address, family),
  })
}

function bind(socket: Socket, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error) => {
      socket.close()
      reject(error)
    }
    socket.once('error', refused)
    socket.bind({ address, port }, () => {
      socket.off('error', refused)
      resolve()
    })
  })
}
