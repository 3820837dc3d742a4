const HEAD_END = Buffer.from('\r\n\r\n')
const LONGEST_HEAD_BYTES = 16_384
const LONGEST_BODY_BYTES = 2 ** 20

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
  /** Head and body. */
  readonly bytes: number
  readonly keepsAlive: boolean
}

/** Bytes that are no HTTP answer, or one longer than any tracker's. */
export class HttpAnswerError extends Error {
  override readonly name = 'HttpAnswerError'
}

interface Head {
  readonly status: number
  readonly bodyStart: number
  readonly keepsAlive: boolean
  /** Undefined: until the connection ends, or in chunks. */
  readonly bodyBytes: number | undefined
  readonly isChunked: boolean
}

/** Reads the answers of one connection, one after the other. Small: it shares a core with everything else the generator does. */
export class HttpAnswerReader {
  #received: Buffer = Buffer.alloc(0)
  #head: Head | undefined

  /** @returns undefined while bytes are missing. @throws HttpAnswerError */
  push(chunk: Buffer): HttpAnswer | undefined {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    this.#head ??= parseHead(this.#received)
    const head = this.#head
    if (!head) return undefined
    const received = this.#received.length - head.bodyStart
    if (received > LONGEST_BODY_BYTES) throw new HttpAnswerError('answer longer than 1 MiB')
    if (head.isChunked) {
      const body = dechunk(this.#received.subarray(head.bodyStart))
      return body && this.#finish(head, body)
    }
    if (head.bodyBytes === undefined || received < head.bodyBytes) return undefined
    return this.#finish(head, this.#received.subarray(head.bodyStart, head.bodyStart + head.bodyBytes))
  }

  /** The other end has closed. @returns the answer that ends with this, if one does */
  end(): HttpAnswer | undefined {
    const head = this.#head
    if (!head || head.isChunked || head.bodyBytes !== undefined) return undefined
    return this.#finish({ ...head, keepsAlive: false }, this.#received.subarray(head.bodyStart))
  }

  #finish({ status, keepsAlive }: Head, body: Buffer): HttpAnswer {
    const bytes = this.#received.length
    this.#received = Buffer.alloc(0) // nothing follows: the next request has not been sent
    this.#head = undefined
    return { status, body, bytes, keepsAlive }
  }
}

function parseHead(received: Buffer): Head | undefined {
  const end = received.indexOf(HEAD_END)
  if (end < 0) {
    if (received.length > LONGEST_HEAD_BYTES) throw new HttpAnswerError('not an HTTP answer')
    return undefined
  }
  const text = received.toString('latin1', 0, end)
  const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})/.exec(text) ?? []
  if (status === undefined) throw new HttpAnswerError('not an HTTP answer')
  const length = /\r\ncontent-length: *(\d{1,15})/i.exec(text)?.[1]
  const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text)
  const connection = /\r\nconnection: *([^\r]*)/i.exec(text)?.[1]?.toLowerCase() ?? ''
  return {
    status: Number(status),
    bodyStart: end + HEAD_END.length,
    keepsAlive: minor === '1' ? !connection.includes('close') : connection.includes('keep-alive'),
    bodyBytes: isChunked || length === undefined ? undefined : Number(length),
    isChunked,
  }
}

/** @returns undefined while the last chunk is missing */
function dechunk(bytes: Buffer): Buffer | undefined {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = /^[0-9a-f]{1,6}(?=$|;)/i.exec(bytes.toString('latin1', at, lineEnd))?.[0]
    if (size === undefined) throw new HttpAnswerError('not an HTTP answer')
    const start = lineEnd + 2
    const end = start + Number.parseInt(size, 16)
    if (bytes.length < end + 2) return undefined
    if (end === start) return Buffer.concat(pieces)
    pieces.push(bytes.subarray(start, end))
    at = end + 2
  }
}
