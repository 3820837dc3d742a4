import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { compileNetworks } from '../../../bittorrent/address.ts'
import { httpLimitOptions } from '../../../runtime/httpLimits.ts'
import type { Tracker } from '../../core/tracker.ts'
import { AnswersInOrder } from './answersInOrder.ts'
import { createFetch } from './app.ts'
import { answerClientError, type ClientError } from './clientError.ts'
import type { HttpOptions, Observe, ReportFault } from './options.ts'
import { PipelineLimit } from './pipelineLimit.ts'
import { expectProxyHeaders, type ProxyRefusal } from './proxyProtocolListener.ts'
import { hasBody, setTargetAside } from './requestTarget.ts'

export interface HttpServer {
  /** Where it listens, once it does. Rejects with the system's error when it cannot. */
  listen(): Promise<{ host: string; port: number }>
  /**
   * Makes ready to serve otherwise, throwing when that cannot be. Nothing changes before the function it returns is called,
   * which never throws: from then on requests are served so, and new connections shown the certificate. Routes, parameters,
   * limits of an answer and proxies follow; timeouts, header size and keep-alive stay as they were.
   */
  prepare(options: HttpServing): () => void
  /** Goes on serving, but ends each connection with its next answer, so that clients and proxies open their next ones elsewhere. */
  drain(): void
  /** Stops accepting at once, finishes what is in flight, cuts off what is not done after `gracePeriodMs`. */
  close(gracePeriodMs: number): Promise<void>
}

/** Whom a server asks, how it reads and answers, and who it says it is. */
export interface HttpServing extends HttpOptions {
  readonly tracker: Tracker
  /** PEM, the certificate with its chain. A server without serves plain HTTP, and so does one that is given it later. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

export interface HttpServerOptions extends HttpServing {
  readonly listen: {
    /** Empty for every address of the machine; `::` serves IPv4 as well. */
    readonly host: string
    /** 0 takes a free one. */
    readonly port: number
  }
  /** Take each connection's client from its PROXY protocol header, and connections from `trustedProxies` only. */
  readonly proxyProtocol?: boolean
  readonly onProxyRefused?: ((reason: ProxyRefusal, peer: string) => void) | undefined
  readonly reportFault: ReportFault
  readonly observe?: Observe | undefined
  /** Other processes may listen on the same port, and share the connections that arrive there. */
  readonly reusePort?: boolean
}

const NO_TUNNEL =
  'HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'

/** How often a closing server looks for connections that have become idle. */
const IDLE_CHECK_MS = 20

/** @throws RangeError for a route or a trusted network that cannot be read, Error for a certificate that cannot be served */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { observe, reportFault, tls } = options
  let isDraining = false
  const inOrder = new AnswersInOrder()
  const pipelined = new PipelineLimit()
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (!inOrder.admit(incoming.socket, outgoing)) return
    pipelined.admit(incoming.socket, outgoing, () => serveNow(incoming, outgoing))
  }
  const serveNow = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    // What is asked here needs no body, and one need not be read to its end if the connection ends first.
    // Node's parser drops what follows a request with `Upgrade`.
    const endsConnection = hasBody(incoming) || incoming.headers.upgrade !== undefined
    if (isDraining || !options.enableKeepalive || endsConnection) outgoing.shouldKeepAlive = false
    setTargetAside(incoming)
    respond(incoming, outgoing)
  }
  const secured = tls && createTlsServer({ ...nodeOptions(options), ...pairOf(tls) }, serve)
  const server = secured ?? createServer(nodeOptions(options), serve)

  let isTrusted = compileNetworks(options.trustedProxies)
  const remoteAddressOf = options.proxyProtocol
    ? expectProxyHeaders(server, {
        isTrusted: (address) => isTrusted(address),
        timeoutMs: options.readTimeoutMs,
        onRefused: (reason, peer) => options.onProxyRefused?.(reason, peer),
      })
    : undefined
  const fetchFor = (serving: HttpServing) =>
    createFetch(serving.tracker, { ...serving, observe, reportFault }, remoteAddressOf)
  let fetch = fetchFor(options)
  const respond = getRequestListener((request, env) => fetch(request, env as HttpBindings))

  // An answer nobody reads moves no bytes; neither does the wait for the store, which has its own, shorter limit.
  if (options.writeTimeoutMs > 0) server.setTimeout(options.readTimeoutMs + options.writeTimeoutMs)
  server.on('clientError', (error: ClientError, socket) =>
    inOrder.afterAll(socket, () => answerClientError(error, socket, observe)),
  )
  server.on('connect', (_request, socket) => socket.end(NO_TUNNEL))
  Object.assign(server, { httpAllowHalfOpen: true }) // who has said all there is to say still waits for the answer
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })

  function closeIdle(): void {
    server.closeIdleConnections()
    // One that has not sent anything yet does not count as idle there.
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
  }

  return {
    listen: () => listen(server, options),
    prepare(next) {
      const nextFetch = fetchFor(next)
      const nextIsTrusted = compileNetworks(next.trustedProxies)
      const pair = secured && next.tls && pairOf(next.tls)
      if (pair) createSecureContext(pair) // throws here, not when it is needed
      return () => {
        fetch = nextFetch
        isTrusted = nextIsTrusted
        if (pair) secured.setSecureContext(pair)
      }
    },
    drain() {
      isDraining = true
    },
    async close(gracePeriodMs) {
      isDraining = true
      if (!server.listening) return
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const idleCheck = setInterval(closeIdle, IDLE_CHECK_MS)
      const deadline = setTimeout(() => {
        server.closeAllConnections()
        for (const socket of connections) socket.destroy() // those that have not come to HTTP yet
      }, gracePeriodMs)
      await closed
      clearInterval(idleCheck)
      clearTimeout(deadline)
    },
  }
}

function nodeOptions(options: HttpOptions) {
  return {
    ...httpLimitOptions(options),
    handshakeTimeout: options.readTimeoutMs || undefined,
    requireHostHeader: false, // HTTP/1.0 clients send none, and old HTTP/1.1 ones forget it
  }
}

/** No more than the two, whatever else comes along. */
function pairOf({ cert, key }: { readonly cert: string; readonly key: string }) {
  return { cert, key }
}

function listen(
  server: Server,
  { listen: { host, port }, reusePort = false }: HttpServerOptions,
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ipv6Only: false, reusePort, ...(host === '' ? {} : { host }) }, () => {
      server.off('error', reject)
      const at = server.address() as AddressInfo
      resolve({ host: at.address, port: at.port })
    })
  })
}
