import type { Duplex } from 'node:stream'
import { bencode } from '../../../bittorrent/bencode.ts'
import { FAILURE_REASONS } from '../../../bittorrent/failure.ts'
import type { Observe } from './options.ts'

/** What node's HTTP server says of bytes that never become a request. */
export interface ClientError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

interface ErrorAnswer {
  readonly status: string
  readonly body: string
  /** Value of the metric label `error`. */
  readonly label: string
}

const plain = (status: string, text: string): ErrorAnswer => ({ status, body: `${text}\n`, label: text })
const ANSWERS = {
  // Bytes in the target that should have been escaped: node's parser stops there, the client reads why.
  unescaped: {
    status: '200 OK',
    body: bencode({ 'failure reason': FAILURE_REASONS.invalidQueryEscape }).toString(),
    label: FAILURE_REASONS.invalidQueryEscape,
  },
  longTarget: plain('414 URI Too Long', 'uri too long'),
  longHeaders: plain('431 Request Header Fields Too Large', 'request header fields too large'),
  slow: plain('408 Request Timeout', 'request timeout'),
  broken: plain('400 Bad Request', 'bad request'),
}

/** How long the client may go on sending after its answer: closing at once could take the answer back on the way. */
const LINGER_MS = 1_000

/** Answers in short, counts it under no action, and ends the connection. */
export function answerClientError(error: ClientError, socket: Duplex, observe: Observe | undefined): void {
  const isHandshake = /^ERR_(SSL|TLS)_/.test(error.code ?? '')
  if (error.code === 'ECONNRESET' || isHandshake || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, body, label } = answerTo(error)
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  )
  const cutOff = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(cutOff))
  observe?.('', 'Unknown', label, performance.now())
}

function answerTo({ code, rawPacket, bytesParsed }: ClientError): ErrorAnswer {
  switch (code) {
    case 'HPE_INVALID_URL':
      return ANSWERS.unescaped
    case 'HPE_HEADER_OVERFLOW': {
      // Too long before its first line ends: then it is the target.
      const isTarget = rawPacket !== undefined && !rawPacket.subarray(0, bytesParsed).includes('\n')
      return isTarget ? ANSWERS.longTarget : ANSWERS.longHeaders
    }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ANSWERS.slow
    default:
      return ANSWERS.broken
  }
}
