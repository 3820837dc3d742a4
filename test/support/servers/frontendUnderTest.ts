import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { AnnounceRequest, AnnounceResponse, ScrapeRequest } from '../../../src/bittorrent/types.ts'
import type { Tracker } from '../../../src/tracker/core/tracker.ts'
import { createHttpServer, type HttpServerOptions } from '../../../src/tracker/frontend/http/server.ts'

const IDS = 'info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-TR3000-abcdefghijkl'
const TARGETS = {
  announce: `/announce?${IDS}&port=6881&uploaded=0&downloaded=0&left=1`,
  scrape: '/scrape?info_hash=aaaaaaaaaaaaaaaaaaaa',
}
export type Action = keyof typeof TARGETS

/** A request as bytes; `headers` are whole lines. */
export const requestOf = (action: Action, headers = '') =>
  `GET ${TARGETS[action]} HTTP/1.1\r\nHost: tracker\r\n${headers}Connection: close\r\n\r\n`

/** Answers everything at once and remembers which clients it was asked for. */
export class RecordingTracker implements Tracker {
  readonly clients: string[] = []

  async announce(request: AnnounceRequest): Promise<AnnounceResponse> {
    this.clients.push(request.address.text)
    return {
      seeders: 1,
      leechers: 0,
      snatches: 0,
      intervalSeconds: 1800,
      minIntervalSeconds: 900,
      peers: new Uint8Array(),
      externalIp: request.address,
      warning: undefined,
    }
  }

  async scrape(request: ScrapeRequest) {
    this.clients.push(request.address.text)
    return { files: [] }
  }
}

/** The options of an HTTP server, ready to be changed. */
export const SERVING = {
  announceRoutes: ['/announce'],
  scrapeRoutes: ['/scrape'],
  passkeyParams: ['passkey'],
  defaultNumwant: 50,
  maxNumwant: 100,
  maxScrapeInfohashes: 50,
  allowIpSpoofing: false,
  realIpHeader: undefined,
  trustedProxies: [] as string[],
  readTimeoutMs: 5000,
  writeTimeoutMs: 5000,
  idleTimeoutMs: 30_000,
  enableKeepalive: true,
  maxHeaderBytes: 8192,
  retryInMinutes: 1,
  retryIntervalSeconds: 60,
}

/** An HTTP server alone, on a free port of both loopback addresses. */
export async function startFrontend(options: Partial<HttpServerOptions> = {}) {
  const tracker = new RecordingTracker()
  const refused: string[] = []
  const faults: unknown[] = []
  const server = createHttpServer({
    ...SERVING,
    tracker,
    listen: { host: '::', port: 0 },
    onProxyRefused: (reason, peer) => refused.push(`${reason}: ${peer}`),
    reportFault: (error) => faults.push(error),
    ...options,
  })
  const { port } = await server.listen()
  return { server, port, tracker, refused, faults }
}

export interface Way {
  readonly port: number
  /** Where to, default 127.0.0.1; and where from, for another loopback address. */
  readonly host?: string
  readonly localAddress?: string
  /** TLS from the first byte, or behind what `before` says; trusting this authority. */
  readonly ca?: string
}

/** Opens a connection, sends these bytes on it (inside TLS, with `before` in front of it), and gives what comes back until the other end closes. */
export async function exchange(way: Way, bytes: string | Buffer, before?: Buffer): Promise<string> {
  const socket = await open(way)
  const talking =
    way.ca === undefined
      ? socket
      : connectTls({
          socket: before ? beginningWith(before, socket) : socket,
          ca: way.ca,
          servername: 'localhost',
        })
  talking.on('error', () => undefined) // a connection that is refused may be reset
  talking.write(bytes)
  let received = ''
  talking.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  await new Promise((resolve) => talking.once('close', resolve))
  return received
}

/** The socket as TLS sees it, with the first bytes of TLS sent in one piece with these. */
function beginningWith(before: Buffer, socket: Socket): Duplex {
  let unsent = before
  const through = new Duplex({
    read: () => undefined,
    write(piece: Buffer, _encoding, done) {
      socket.write(Buffer.concat([unsent, piece]), done)
      unsent = Buffer.alloc(0)
    },
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (piece: Buffer) => through.push(piece))
  socket.on('end', () => through.push(null)).on('close', () => through.destroy())
  return through
}

export async function open({ port, host = '127.0.0.1', localAddress }: Way): Promise<Socket> {
  const socket = connect({ port, host, ...(localAddress === undefined ? {} : { localAddress }) })
  await once(socket, 'connect')
  return socket.on('error', () => undefined)
}
