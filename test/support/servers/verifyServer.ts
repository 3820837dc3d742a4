import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { PrivateCa } from './privateCa.ts'

export interface VerifyServer {
  /** `https://127.0.0.1:<port>/verify` */
  readonly url: string
  /** Passkeys asked about, in order. */
  readonly asked: readonly string[]
  /** Headers of the last request. */
  lastHeaders(): IncomingMessage['headers']
  /** Connections taken so far. */
  connections(): number
  /** Requests not answered yet, at the highest. */
  mostAtOnce(): number
  /** From now on it answers so. */
  answer(respond: Respond): void
  /** The next request on a connection that has served one already finds it closed. */
  cutReusedConnections(): void
  close(): Promise<void>
}

export type Respond = (request: IncomingMessage, response: ServerResponse) => void

/** Answers with a status and a body, JSON unless it is text. */
export const says =
  (status: number, body: unknown, headers: Record<string, string> = {}): Respond =>
  (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body))
  }
export const VALID = says(200, { valid: true })
export const INVALID = says(200, { valid: false })
export const NEVER: Respond = () => undefined

/** A site's verify endpoint over HTTPS, with a certificate of this authority. */
export async function startVerifyServer(
  ca: PrivateCa,
  respond: Respond | RequestListener,
): Promise<VerifyServer> {
  const asked: string[] = []
  const served = new WeakMap<Socket, number>()
  const sockets = new Set<Socket>()
  let current = respond
  let headers: IncomingMessage['headers'] = {}
  let connections = 0
  let atOnce = 0
  let mostAtOnce = 0
  let cutsReused = false
  const server = createServer(ca.issue('IP:127.0.0.1'), (request, response) => {
    const before = served.get(request.socket) ?? 0
    served.set(request.socket, before + 1)
    if (cutsReused && before > 0) {
      cutsReused = false
      request.socket.destroy()
      return
    }
    asked.push(new URL(request.url!, 'https://site').searchParams.get('passkey') ?? '')
    headers = request.headers
    mostAtOnce = Math.max(mostAtOnce, ++atOnce)
    response.once('close', () => atOnce--)
    current(request, response)
  })
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/verify`,
    asked,
    lastHeaders: () => headers,
    connections: () => connections,
    mostAtOnce: () => mostAtOnce,
    answer(next) {
      current = next
    },
    cutReusedConnections() {
      cutsReused = true
    },
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
