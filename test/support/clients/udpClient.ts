import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressFamily, Infohash } from '../../../src/bittorrent/types.ts'
import {
  type AnnouncePacket,
  encodeAnnouncePacket,
  encodeConnectRequest,
  encodeScrapePacket,
} from '../../../src/tracker/frontend/udp/requests.ts'
import { parseResponse, type UdpResponse } from '../../../src/tracker/frontend/udp/responses.ts'
import { encodeUrlData } from '../../../src/tracker/frontend/udp/urlData.ts'
import { anInfohash, aPeerId } from '../builders/builders.ts'
import { noteSecretsOfUrl } from '../secretsWatch.ts'

const LOOPBACK = { IPv4: '127.0.0.1', IPv6: '::1' } as const

/** The announce of an ordinary leecher, unless told otherwise. */
export function anAnnouncePacket(overrides: Partial<AnnouncePacket> = {}): AnnouncePacket {
  return {
    connectionId: new Uint8Array(8),
    transactionId: 1,
    infohash: anInfohash(),
    peerId: aPeerId(),
    downloadedBytes: 0,
    leftBytes: 1000,
    uploadedBytes: 0,
    eventId: 0,
    ip: new Uint8Array(4),
    key: 0,
    numwant: -1,
    port: 6881,
    options: new Uint8Array(),
    ...overrides,
  }
}

export type Announced = Partial<AnnouncePacket> & {
  /** Path and query of the announce URL (BEP 41). */
  readonly url?: string
}

/** A client of BEP 15 on a real socket; one request at a time. */
export class UdpClient {
  readonly family: AddressFamily
  readonly #socket: Socket
  readonly #port: number
  readonly #received: Buffer[] = []
  #transactionId = 100
  #connectionId: Uint8Array | undefined

  /** @param from the address to send from, where it is not the system's choice */
  constructor(port: number, family: AddressFamily = 'IPv4', from?: string) {
    this.family = family
    this.#port = port
    this.#socket = createSocket(family === 'IPv4' ? 'udp4' : 'udp6')
    this.#socket.on('message', (datagram) => this.#received.push(datagram))
    if (from !== undefined) this.#socket.bind({ address: from })
  }

  /** Resolves when the system has taken it. */
  send(datagram: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#socket.send(datagram, this.#port, LOOPBACK[this.family], (error) =>
        error ? reject(error) : resolve(),
      ),
    )
  }

  /** The oldest datagram not read yet; waits for it. */
  async receive(): Promise<Buffer> {
    while (this.#received.length === 0) await once(this.#socket, 'message')
    return this.#received.shift()!
  }

  async ask(datagram: Uint8Array): Promise<UdpResponse> {
    await this.send(datagram)
    const received = await this.receive()
    const response = parseResponse(received, this.family)
    if (!response) throw new Error(`no answer of BEP 15: ${received.toString('hex')}`)
    return response
  }

  /** What came back for all that was sent before: nothing but silence gives an empty list. */
  async receivedSoFar(): Promise<Buffer[]> {
    const transactionId = ++this.#transactionId
    await this.send(encodeConnectRequest(transactionId))
    const before: Buffer[] = []
    for (;;) {
      const datagram = await this.receive()
      if (datagram.length === 16 && datagram.readUInt32BE(4) === transactionId) return before
      before.push(datagram)
    }
  }

  async connect(): Promise<Uint8Array> {
    const response = await this.ask(encodeConnectRequest(++this.#transactionId))
    if (response.kind !== 'connect') throw new Error(`refused: ${JSON.stringify(response)}`)
    this.#connectionId = response.connectionId
    return response.connectionId
  }

  /** Connects first when it has not yet. */
  async announce({ url = '', ...announced }: Announced = {}): Promise<UdpResponse> {
    const connectionId = this.#connectionId ?? (await this.connect())
    const transactionId = ++this.#transactionId
    noteSecretsOfUrl(url)
    const options = encodeUrlData(url)
    return this.ask(
      encodeAnnouncePacket(anAnnouncePacket({ connectionId, transactionId, options, ...announced })),
    )
  }

  /** The same for a scrape. */
  async scrape(infohashes: readonly Infohash[]): Promise<UdpResponse> {
    const connectionId = this.#connectionId ?? (await this.connect())
    return this.ask(encodeScrapePacket({ connectionId, transactionId: ++this.#transactionId, infohashes }))
  }

  close(): void {
    this.#socket.close()
  }
}
