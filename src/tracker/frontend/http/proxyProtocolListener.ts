import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { parseAddress, withoutZone } from '../../../bittorrent/address.ts'
import type { IpAddress } from '../../../bittorrent/types.ts'
import { parseProxyHeader } from './proxyProtocol.ts'

/** Why a connection was closed before its first request. */
export type ProxyRefusal = 'not from a trusted proxy' | 'header missing' | 'header malformed' | 'header late'

export interface ProxyProtocolOptions {
  /** Asked anew for each connection. */
  readonly isTrusted: (address: IpAddress) => boolean
  /** From the connection to the end of its header; 0 means no limit. */
  readonly timeoutMs: number
  readonly onRefused: (reason: ProxyRefusal, peer: string) => void
}

/** Whose connection it is, as the header has it; else the other end of the socket; undefined when that is gone. */
export type RemoteAddressOf = (socket: Socket) => string | undefined

const REFUSALS = { missing: 'header missing', malformed: 'header malformed' } as const

/**
 * Puts itself before an HTTP or HTTPS server (for which the header comes before the TLS handshake): a connection gets to
 * it when its header has been read, with the bytes that came behind it. Connections that are not from a trusted proxy,
 * or do not bring a header, are closed unanswered; those that end by themselves before are no one's fault.
 */
export function expectProxyHeaders(
  server: Server,
  { isTrusted, timeoutMs, onRefused }: ProxyProtocolOptions,
): RemoteAddressOf {
  const serving = server.listeners('connection')
  server.removeAllListeners('connection')
  const clients = new WeakMap<Socket, string>()
  /** The same for connections whose TLS socket does not exist yet, by their two ends. */
  const handshaking = new Map<string, string>()

  function handOver(socket: Socket, client: string | undefined): void {
    if (client !== undefined) {
      const ends = endsOf(socket)
      clients.set(socket, client)
      handshaking.set(ends, client)
      socket.once('close', () => handshaking.delete(ends))
    }
    for (const listener of serving) listener.call(server, socket)
  }
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const client = handshaking.get(endsOf(socket))
    if (client !== undefined) clients.set(socket, client)
  })

  server.on('connection', (socket: Socket) => {
    const peer = socket.remoteAddress
    if (peer === undefined) {
      socket.on('error', onError).destroy() // reset before it was taken, as some health checks are
      return
    }
    const address = parseAddress(withoutZone(peer))
    if (address && isTrusted(address)) readHeader(socket, peer)
    else refuse(socket, 'not from a trusted proxy', peer)
  })

  function readHeader(socket: Socket, peer: string): void {
    let received: Buffer = Buffer.alloc(0)
    const timer = timeoutMs > 0 ? setTimeout(() => refuse(socket, 'header late', peer), timeoutMs) : undefined
    const onReadable = () => {
      for (let piece = socket.read(); piece !== null; piece = socket.read())
        received = Buffer.concat([received, piece])
      if (received.length === 0) return
      const header = parseProxyHeader(received)
      if (header.status === 'incomplete') return
      release()
      if (header.status !== 'complete') return refuse(socket, REFUSALS[header.status], peer)
      const rest = received.subarray(header.bytes)
      if (rest.length > 0) socket.unshift(rest)
      handOver(socket, header.client)
    }
    const onEnd = () => socket.destroy()
    const release = () => {
      clearTimeout(timer)
      socket.off('readable', onReadable).off('end', onEnd).off('close', release).off('error', onError)
    }
    socket.on('readable', onReadable).on('end', onEnd).on('close', release).on('error', onError)
  }

  function refuse(socket: Socket, reason: ProxyRefusal, peer: string): void {
    socket.on('error', onError).destroy()
    onRefused(reason, peer)
  }

  return (socket) => clients.get(socket) ?? socket.remoteAddress
}

/** A reset ends the connection, which 'close' tells as well. */
function onError(): void {}

/** No two connections that exist have the same ones. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
