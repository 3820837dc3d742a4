import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { bencode } from '../../bittorrent/bencode.ts'
import { FAILURE_REASONS } from '../../bittorrent/failure.ts'
import type { Tracker } from '../../tracker/tracker.ts'
import { createFetch } from './app.ts'
import type { HttpOptions, Observe, ReportFault } from './options.ts'
import { setTargetAside } from './requestTarget.ts'

export interface HttpServer {
  /** Where it listens, once it does. Rejects with the system's error when it cannot. */
  listen(): Promise<{ host: string; port: number }>
  /** Stops accepting at once, finishes what is in flight, cuts off what is not done after `gracePeriodMs`. */
  close(gracePeriodMs: number): Promise<void>
}

export interface HttpServerOptions extends HttpOptions {
  readonly tracker: Tracker
  readonly reportFault: ReportFault
  readonly observe?: Observe | undefined
  /** Other processes may listen on the same port, and share the connections that arrive there. */
  readonly reusePort?: boolean
}

/** How often a closing server looks for connections that have become idle. */
const IDLE_CHECK_MS = 20
/** The longest and shortest time between two looks for connections past `readTimeoutMs`. */
const TIMEOUT_CHECK_MS = { min: 100, max: 5_000 }

/** @throws RangeError for a route or a trusted network that cannot be read */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const fetch = createFetch(options.tracker, { ...options, observe: options.observe })
  const respond = getRequestListener((request, env) => fetch(request, env as HttpBindings))
  let isClosing = false

  const server = createServer(nodeOptions(options), (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (isClosing || !options.enableKeepalive) outgoing.shouldKeepAlive = false
    setTargetAside(incoming)
    respond(incoming, outgoing)
  })
  // An answer nobody reads moves no bytes; neither does the wait for the store, which has its own, shorter limit.
  if (options.writeTimeoutMs > 0) server.setTimeout(options.readTimeoutMs + options.writeTimeoutMs)
  server.on('clientError', answerClientError)
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
    async close(gracePeriodMs) {
      isClosing = true
      if (!server.listening) return
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const idleCheck = setInterval(closeIdle, IDLE_CHECK_MS)
      const deadline = setTimeout(() => server.closeAllConnections(), gracePeriodMs)
      await closed
      clearInterval(idleCheck)
      clearTimeout(deadline)
    },
  }
}

function nodeOptions({ readTimeoutMs, idleTimeoutMs, maxHeaderBytes }: HttpOptions) {
  const { min, max } = TIMEOUT_CHECK_MS
  return {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: readTimeoutMs,
    requestTimeout: readTimeoutMs,
    connectionsCheckingInterval: Math.min(Math.max(readTimeoutMs / 4, min), max),
    keepAliveTimeout: idleTimeoutMs,
    requireHostHeader: false, // HTTP/1.0 clients send none, and old HTTP/1.1 ones forget it
  }
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

interface ClientError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

/** Requests that never become one: answered in short, then the connection is closed. */
function answerClientError(error: ClientError, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, body } = clientErrorAnswer(error)
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function clientErrorAnswer({ code, rawPacket, bytesParsed }: ClientError): { status: string; body: string } {
  switch (code) {
    case 'HPE_INVALID_URL':
      // Bytes in the target that should have been escaped: node's parser stops there, the client reads why.
      return {
        status: '200 OK',
        body: bencode({ 'failure reason': FAILURE_REASONS.invalidQueryEscape }).toString(),
      }
    case 'HPE_HEADER_OVERFLOW': {
      // Too long before its first line ends: then it is the target.
      const isTarget = rawPacket !== undefined && !rawPacket.subarray(0, bytesParsed).includes('\n')
      return isTarget
        ? { status: '414 URI Too Long', body: 'uri too long\n' }
        : { status: '431 Request Header Fields Too Large', body: 'request header fields too large\n' }
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: '408 Request Timeout', body: 'request timeout\n' }
    default:
      return { status: '400 Bad Request', body: 'bad request\n' }
  }
}
