import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { ACTIONS, TRANSACTION_ID_OFFSET } from '../../src/tracker/frontend/udp/packets.ts'
import { encodeConnectRequest } from '../../src/tracker/frontend/udp/requests.ts'

const TIMEOUT_MS = 3000
const TICK_MS = 100
/** How long a client may use a connection ID (BEP 15). */
const CONNECTION_ID_MS = 60_000
/** A transaction ID is the number of a lane and, above it, how often that lane has sent. */
const LANE_BITS = 8
const LANE_MASK = (1 << LANE_BITS) - 1
/** That of no lane: there are fewer than 255. */
const CONNECT_TRANSACTION = 0xffffffff
const ANSWER_HEADER_BYTES = 8

export interface ClosedLoop<Request extends { readonly packet: Buffer }> {
  /** 1 to 128. */
  readonly inFlight: number
  /** The next request, whose connection and transaction ID are filled in here; undefined: that was the last. */
  readonly next: () => Request | undefined
  /** @param answer to this request; undefined when none came in time */
  readonly onAnswer: (answer: Buffer | undefined, request: Request) => void
}

/** A client of one UDP tracker (BEP 15) on 127.0.0.1, with one socket. */
export interface UdpClient {
  /** Keeps `inFlight` requests under way until there are no more; each answer brings the next request about. */
  closedLoop<Request extends { readonly packet: Buffer }>(loop: ClosedLoop<Request>): Promise<void>
  close(): void
}

/** A request under way. */
interface Lane<Request> {
  request: Request | undefined
  transactionId: number
  sentMs: number
}

/** Connected in both senses. Rejects when the tracker gives no connection ID in time. */
export async function openUdpClient(port: number): Promise<UdpClient> {
  // A queue for every answer that may be under way.
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  try {
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const connection = await connectTracker(socket)
    return {
      closedLoop: (loop) => runLoop(socket, connection, loop),
      close: () => socket.close(),
    }
  } catch (cause) {
    socket.close()
    throw new Error('the tracker gives no connection ID', { cause })
  }
}

interface Connection {
  /** 8 bytes. */
  id: Buffer
  sinceMs: number
}

async function connectTracker(socket: Socket): Promise<Connection> {
  socket.send(encodeConnectRequest(CONNECT_TRANSACTION))
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [answer] = (await once(socket, 'message', { signal })) as [Buffer]
  const id = connectionIdOf(answer)
  if (!id) throw new Error('its answer is none to a connect request')
  return { id, sinceMs: performance.now() }
}

function connectionIdOf(answer: Buffer): Buffer | undefined {
  const isConnect = answer.length === 16 && answer.readUInt32BE(0) === ACTIONS.connect
  return isConnect && answer.readUInt32BE(4) === CONNECT_TRANSACTION ? answer.subarray(8) : undefined
}

function runLoop<Request extends { readonly packet: Buffer }>(
  socket: Socket,
  connection: Connection,
  { inFlight, next, onAnswer }: ClosedLoop<Request>,
): Promise<void> {
  const lanes: Lane<Request>[] = Array.from({ length: inFlight }, (_, lane) => ({
    request: undefined,
    transactionId: lane,
    sentMs: 0,
  }))
  let open = inFlight

  return new Promise((resolve, reject) => {
    function sendNext(lane: Lane<Request>): void {
      const request = next()
      lane.request = request
      if (!request) {
        if (--open === 0) finish()
        return
      }
      lane.transactionId = (lane.transactionId + LANE_MASK + 1) >>> 0
      lane.sentMs = performance.now()
      const { packet } = request
      packet.set(connection.id, 0)
      packet.writeUInt32BE(lane.transactionId, TRANSACTION_ID_OFFSET)
      socket.send(packet)
    }

    function receive(datagram: Buffer): void {
      if (datagram.length < ANSWER_HEADER_BYTES) return
      const transactionId = datagram.readUInt32BE(4)
      const lane = lanes[transactionId & LANE_MASK]
      const request = lane?.request
      if (lane && request && lane.transactionId === transactionId) {
        onAnswer(datagram, request)
        sendNext(lane)
        return
      }
      const id = connectionIdOf(datagram)
      if (id) Object.assign(connection, { id, sinceMs: performance.now() })
    }

    function tick(): void {
      const nowMs = performance.now()
      if (nowMs - connection.sinceMs > CONNECTION_ID_MS)
        socket.send(encodeConnectRequest(CONNECT_TRANSACTION))
      for (const lane of lanes) {
        if (!lane.request || nowMs - lane.sentMs < TIMEOUT_MS) continue
        onAnswer(undefined, lane.request)
        sendNext(lane)
      }
    }

    const timer = setInterval(tick, TICK_MS)
    function finish(error?: Error): void {
      clearInterval(timer)
      socket.off('message', receive).off('error', finish)
      if (error) reject(error)
      else resolve()
    }
    socket.on('message', receive).on('error', finish)
    for (const lane of lanes) sendNext(lane)
  })
}
