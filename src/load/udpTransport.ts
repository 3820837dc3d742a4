import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { peerIdOf } from '../bittorrent/bytes20.ts'
import { ACTIONS } from '../tracker/frontend/udp/packets.ts'
import { encodeAnnouncePacket, encodeConnectRequest } from '../tracker/frontend/udp/requests.ts'
import { encodeUrlData } from '../tracker/frontend/udp/urlData.ts'
import { type Fault, type Lane, type OnAnswer, TIMED_OUT, TIMEOUT_CHECK_MS, type Transport } from './lane.ts'
import type { Announce } from './population.ts'
import type { Target } from './target.ts'

/** How long a client may use a connection ID (BEP 15). */
const CONNECTION_ID_MS = 60_000
const CONNECT_TRANSACTION = 0xffffffff
const STARTED = 2
const NO_EVENT = 0
const ANSWER_HEADER_BYTES = 8
const ANNOUNCE_ANSWER_BYTES = 20
const CONNECT_ANSWER_BYTES = 16
const RECEIVE_BUFFER_BYTES = 2 ** 20
const NO_ADDRESS = new Uint8Array(4)
const MALFORMED: Fault = { kind: 'error', text: 'malformed answer', isAnswer: true }

export interface UdpTransportOptions {
  readonly target: Target
  readonly address: string
  readonly passkeys: readonly string[]
  readonly timeoutMs: number
}

/** One socket for all of a target, with a connection ID. Rejects when the target gives none in time. */
export async function openUdpTransport(options: UdpTransportOptions): Promise<Transport> {
  const { target, address, passkeys, timeoutMs } = options
  const type = isIPv6(address) ? 'udp6' : 'udp4'
  const socket = createSocket({ type, recvBufferSize: RECEIVE_BUFFER_BYTES }) // answers come in bursts
  try {
    socket.connect(target.port, address)
    await once(socket, 'connect')
    const connectionId = await askConnectionId(socket, timeoutMs)
    return new UdpTransport({
      socket,
      connectionId,
      timeoutMs,
      urlDataOf: urlDataOf(target, passkeys),
    })
  } catch (error) {
    socket.close()
    throw error
  }
}

function urlDataOf(target: Target, passkeys: readonly string[]): (passkeyIndex: number) => Uint8Array {
  const encoded: Uint8Array[] = []
  return (index) => {
    encoded[index] ??= encodeUrlData(target.path(passkeys[index]))
    return encoded[index]
  }
}

async function askConnectionId(socket: Socket, timeoutMs: number): Promise<Buffer> {
  const signal = AbortSignal.timeout(timeoutMs)
  const answered = once(socket, 'message', { signal }) as Promise<[Buffer]>
  socket.send(encodeConnectRequest(CONNECT_TRANSACTION))
  const [answer] = await answered.catch((error: NodeJS.ErrnoException) => {
    throw error.name === 'AbortError' ? new Error('no answer', { cause: error }) : error
  })
  const id = connectionIdIn(answer)
  if (!id) throw new Error('its answer is none to a connect request')
  return id
}

function connectionIdIn(answer: Buffer): Buffer | undefined {
  const isConnect = answer.length === CONNECT_ANSWER_BYTES && answer.readUInt32BE(0) === ACTIONS.connect
  return isConnect && answer.readUInt32BE(4) === CONNECT_TRANSACTION
    ? answer.subarray(ANSWER_HEADER_BYTES)
    : undefined
}

interface UdpParts {
  readonly socket: Socket
  readonly connectionId: Buffer
  readonly timeoutMs: number
  readonly urlDataOf: (passkeyIndex: number) => Uint8Array
}

class UdpTransport implements Transport {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #urlDataOf: UdpParts['urlDataOf']
  readonly #timer: NodeJS.Timeout
  /** By transaction ID, the oldest first. */
  readonly #underWay = new Map<number, { readonly onAnswer: OnAnswer; readonly sentMs: number }>()
  #connectionId: Buffer
  #connectedMs = performance.now()
  #askedMs = 0
  #transactionId = 0
  /** What the system said last: most of all that nobody listens there. It does not say to which packet. */
  #socketFault: Fault | undefined

  constructor({ socket, connectionId, timeoutMs, urlDataOf }: UdpParts) {
    this.#socket = socket
    this.#connectionId = connectionId
    this.#timeoutMs = timeoutMs
    this.#urlDataOf = urlDataOf
    this.#timer = setInterval(() => this.#tick(), TIMEOUT_CHECK_MS)
    socket.on('message', (datagram) => this.#receive(datagram))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#socketFault = { kind: 'connection', text: error.code ?? error.message, isAnswer: false }
    })
  }

  createLane(): Lane {
    return { send: (announce, onAnswer) => this.#send(announce, onAnswer) }
  }

  connectionsOpened(): number {
    return 0
  }

  close(): void {
    clearInterval(this.#timer)
    this.#underWay.clear()
    this.#socket.close()
  }

  #send(announce: Announce, onAnswer: OnAnswer): void {
    this.#transactionId = (this.#transactionId + 1) % CONNECT_TRANSACTION
    const transactionId = this.#transactionId
    this.#underWay.set(transactionId, { onAnswer, sentMs: performance.now() })
    const packet = encodeAnnouncePacket({
      connectionId: this.#connectionId,
      transactionId,
      infohash: announce.infohash,
      peerId: peerIdOf(Buffer.from(announce.peerId, 'latin1'))!,
      downloadedBytes: announce.downloadedBytes,
      leftBytes: announce.leftBytes,
      uploadedBytes: announce.uploadedBytes,
      eventId: announce.isStarted ? STARTED : NO_EVENT,
      ip: NO_ADDRESS,
      key: 0,
      numwant: announce.numwant,
      port: announce.port,
      options: this.#urlDataOf(announce.passkeyIndex),
    })
    this.#socket.send(packet)
  }

  #receive(datagram: Buffer): void {
    if (datagram.length < ANSWER_HEADER_BYTES) return
    const transactionId = datagram.readUInt32BE(4)
    const request = this.#underWay.get(transactionId)
    if (request) {
      this.#underWay.delete(transactionId)
      this.#socketFault = undefined
      request.onAnswer(faultOf(datagram), datagram.length)
      return
    }
    const id = connectionIdIn(datagram)
    if (!id) return // to one that has timed out
    this.#connectionId = id
    this.#connectedMs = performance.now()
  }

  #tick(): void {
    const nowMs = performance.now()
    if (nowMs - this.#connectedMs > CONNECTION_ID_MS && nowMs - this.#askedMs > this.#timeoutMs) {
      this.#askedMs = nowMs
      this.#socket.send(encodeConnectRequest(CONNECT_TRANSACTION))
    }
    for (const [transactionId, { onAnswer, sentMs }] of this.#underWay) {
      if (nowMs - sentMs < this.#timeoutMs) break
      this.#underWay.delete(transactionId)
      onAnswer(this.#socketFault ?? TIMED_OUT, 0)
    }
  }
}

/** @returns undefined for an answer with peers */
export function faultOf(datagram: Buffer): Fault | undefined {
  const action = datagram.readUInt32BE(0)
  if (action === ACTIONS.announce) return datagram.length < ANNOUNCE_ANSWER_BYTES ? MALFORMED : undefined
  if (action !== ACTIONS.error) return MALFORMED
  return {
    kind: 'refused',
    text: datagram.toString('utf8', ANSWER_HEADER_BYTES).replace(/\0+$/, ''),
    isAnswer: true,
  }
}
