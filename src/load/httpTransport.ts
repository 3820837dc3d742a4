import { type NetConnectOpts, connect as openTcp, type Socket } from 'node:net'
import { connect as openTls } from 'node:tls'
import { type HttpAnswer, HttpAnswerError, HttpAnswerReader } from './httpAnswer.ts'
import { type Fault, type Lane, type OnAnswer, TIMED_OUT, TIMEOUT_CHECK_MS, type Transport } from './lane.ts'
import type { Announce } from './population.ts'
import type { Target } from './target.ts'

const USER_AGENT = 'redswarm-load'
const FAILURE = Buffer.from('14:failure reason')
const [DICTIONARY, END, COLON] = [100, 101, 58] // d, e, :
const MALFORMED: Fault = { kind: 'error', text: 'answer that is not bencoded', isAnswer: true }
const BROKEN: Fault = { kind: 'connection', text: 'closed before the answer', isAnswer: false }

export interface HttpTransportOptions {
  readonly target: Target
  /** Checked; the name is not looked up again. */
  readonly address: string
  readonly passkeys: readonly string[]
  readonly keepAlive: boolean
  readonly timeoutMs: number
}

export function createHttpTransport(options: HttpTransportOptions): Transport {
  const { target, passkeys, keepAlive, timeoutMs } = options
  const host = target.origin.slice(target.origin.indexOf('//') + 2)
  const tail =
    ` HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${USER_AGENT}\r\n` +
    `${keepAlive ? '' : 'Connection: close\r\n'}\r\n`
  const lanes: HttpLane[] = []
  let opened = 0
  const dependencies: LaneDependencies = {
    keepAlive,
    open: () => openSocket(options).once('connect', () => opened++),
    requestOf: (announce) => announceRequest(target.path(passkeys[announce.passkeyIndex]), announce) + tail,
  }
  const timer = setInterval(() => {
    const sentBeforeMs = performance.now() - timeoutMs
    for (const lane of lanes) lane.expire(sentBeforeMs)
  }, TIMEOUT_CHECK_MS)
  return {
    createLane() {
      const lane = new HttpLane(dependencies)
      lanes.push(lane)
      return lane
    },
    connectionsOpened: () => opened,
    close() {
      clearInterval(timer)
      for (const lane of lanes) lane.abandon()
    },
  }
}

/** What a common client sends (BEP 3, 23). */
function announceRequest(path: string, announce: Announce): string {
  return (
    `GET ${path}${path.includes('?') ? '&' : '?'}info_hash=${announce.infohashInUrl}&peer_id=${announce.peerId}` +
    `&port=${announce.port}&uploaded=${announce.uploadedBytes}&downloaded=${announce.downloadedBytes}` +
    `&left=${announce.leftBytes}&numwant=${announce.numwant}&compact=1${announce.isStarted ? '&event=started' : ''}`
  )
}

export function openSocket({ target, address }: Pick<HttpTransportOptions, 'target' | 'address'>): Socket {
  const way: NetConnectOpts = { host: address, port: target.port, noDelay: true }
  // The certificate is that of the name; SNI takes no addresses.
  return target.protocol === 'https'
    ? openTls({ ...way, ...(target.host === address ? {} : { servername: target.host }) })
    : openTcp(way)
}

interface LaneDependencies {
  readonly keepAlive: boolean
  readonly open: () => Socket
  readonly requestOf: (announce: Announce) => string
}

/** One connection at a time, made when it is needed. */
class HttpLane implements Lane {
  readonly #dependencies: LaneDependencies
  #socket: Socket | undefined
  #reader = new HttpAnswerReader()
  #onAnswer: OnAnswer | undefined
  #sentMs = 0

  constructor(dependencies: LaneDependencies) {
    this.#dependencies = dependencies
  }

  send(announce: Announce, onAnswer: OnAnswer): void {
    this.#onAnswer = onAnswer
    this.#sentMs = performance.now()
    this.#socket ??= this.#open()
    this.#socket.write(this.#dependencies.requestOf(announce), 'latin1')
  }

  /** What was sent before this moment and has no answer has failed. */
  expire(sentBeforeMs: number): void {
    if (this.#onAnswer && this.#sentMs < sentBeforeMs) this.#finish(TIMED_OUT, 0)
  }

  abandon(): void {
    this.#onAnswer = undefined
    this.#drop()
  }

  #open(): Socket {
    const socket = this.#dependencies.open()
    this.#reader = new HttpAnswerReader()
    const isOurs = () => this.#socket === socket
    socket.on('data', (chunk) => {
      if (isOurs()) this.#read(() => this.#reader.push(chunk))
    })
    socket.on('end', () => {
      if (isOurs()) this.#read(() => this.#reader.end())
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (isOurs()) this.#break({ kind: 'connection', text: error.code ?? error.message, isAnswer: false })
    })
    socket.on('close', () => {
      if (isOurs()) this.#break(BROKEN)
    })
    return socket
  }

  #read(read: () => HttpAnswer | undefined): void {
    if (!this.#onAnswer) {
      this.#drop() // bytes that nobody asked for, or the end of an idle connection
      return
    }
    try {
      const answer = read()
      if (!answer) return
      if (!answer.keepsAlive || !this.#dependencies.keepAlive) this.#drop()
      this.#answered(faultOf(answer), answer.bytes)
    } catch (error) {
      if (!(error instanceof HttpAnswerError)) throw error
      this.#finish({ kind: 'error', text: error.message, isAnswer: true }, 0)
    }
  }

  /** An idle connection may be closed by the other end: that is no fault, the next announce opens another. */
  #break(fault: Fault): void {
    if (this.#onAnswer) this.#finish(fault, 0)
    else this.#drop()
  }

  /** After this the connection cannot be used. */
  #finish(fault: Fault, receivedBytes: number): void {
    this.#drop()
    this.#answered(fault, receivedBytes)
  }

  #answered(fault: Fault | undefined, receivedBytes: number): void {
    const onAnswer = this.#onAnswer
    this.#onAnswer = undefined
    onAnswer?.(fault, receivedBytes)
  }

  #drop(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }
}

/** @returns undefined for an answer with peers */
export function faultOf({ status, body }: Pick<HttpAnswer, 'status' | 'body'>): Fault | undefined {
  if (status !== 200) return { kind: 'error', text: `HTTP ${status}`, isAnswer: true }
  if (body[0] !== DICTIONARY || body.at(-1) !== END) return MALFORMED
  const at = body.indexOf(FAILURE)
  if (at < 0) return undefined
  const textStart = body.indexOf(COLON, at + FAILURE.length) + 1
  const length = Number(body.toString('latin1', at + FAILURE.length, textStart - 1))
  return { kind: 'refused', text: body.toString('utf8', textStart, textStart + length), isAnswer: true }
}
