import { isAscii } from 'node:buffer'

/** An error that Redis answered with, as a value: within a transaction it is one reply among others. */
export class ReplyError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

export type Reply = string | number | null | ReplyError | Reply[]

const [LIST, TEXT, NUMBER, STATUS, ERROR] = [...'*$:+-'].map((sign) => sign.charCodeAt(0))
const CR = 13
const MINUS = 45
const ZERO = 48
const INCOMPLETE = -1

/**
 * Reads Redis' protocol (RESP2) as it comes in. A batch of entries is a hundred thousand short texts; the client's own
 * reader makes a Buffer of each and takes ten times as long as cutting them out of one string.
 */
export class ReplyReader {
  /** Bytes of a value that is not all there, and how many it takes at least to go on. */
  #rest: Buffer[] = []
  #restBytes = 0
  #wantedBytes = 0
  /** Lists that are being filled, outermost first, and how many values each still lacks. */
  readonly #lists: Reply[][] = []
  readonly #missing: number[] = []
  #bytes: Buffer = Buffer.alloc(0)
  #text: string | undefined = ''
  #at = 0
  /** Length or number on the line read last. */
  #number = 0

  /** @returns the replies that are complete with this chunk. Throws Error for what is not the protocol. */
  push(chunk: Buffer): Reply[] {
    this.#rest.push(chunk)
    this.#restBytes += chunk.length
    if (this.#restBytes < this.#wantedBytes) return []
    this.#bytes = this.#rest.length === 1 ? chunk : Buffer.concat(this.#rest)
    this.#text = isAscii(this.#bytes) ? this.#bytes.toString('latin1') : undefined
    this.#at = 0
    this.#wantedBytes = 0
    const replies: Reply[] = []
    while (this.#at < this.#bytes.length && this.#readOne(replies));
    const left = this.#bytes.subarray(this.#at)
    this.#rest = left.length > 0 ? [left] : []
    this.#restBytes = left.length
    return replies
  }

  /** @returns false, and is where it was, when the value is not all there */
  #readOne(replies: Reply[]): boolean {
    const bytes = this.#bytes
    const type = bytes[this.#at]
    const start = this.#at + 1
    const isLine = type === STATUS || type === ERROR
    const next = isLine ? this.#endOfLine(start) : this.#readNumber(start)
    if (next === INCOMPLETE) return false
    if (type === TEXT) return this.#readText(next, replies)
    this.#at = next
    if (type === LIST) {
      if (this.#number > 0) {
        this.#lists.push([])
        this.#missing.push(this.#number)
      } else this.#add(this.#number < 0 ? null : [], replies)
    } else if (type === NUMBER) this.#add(this.#number, replies)
    else if (type === STATUS) this.#add(this.#slice(start, next - 2), replies)
    else if (type === ERROR) this.#add(new ReplyError(this.#slice(start, next - 2)), replies)
    else throw new Error('Redis answered with something that is not its protocol')
    return true
  }

  #readText(start: number, replies: Reply[]): boolean {
    const length = this.#number
    if (length < 0) {
      this.#at = start
      this.#add(null, replies)
      return true
    }
    const end = start + length
    if (end + 2 > this.#bytes.length) {
      this.#wantedBytes = end + 2 - this.#at
      return false
    }
    this.#at = end + 2
    this.#add(this.#slice(start, end), replies)
    return true
  }

  #slice(start: number, end: number): string {
    return this.#text === undefined ? this.#bytes.toString('utf8', start, end) : this.#text.slice(start, end)
  }

  /** @returns where the next line begins */
  #readNumber(start: number): number {
    const bytes = this.#bytes
    let value = 0
    const isNegative = bytes[start] === MINUS
    for (let at = isNegative ? start + 1 : start; at + 1 < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte === CR) {
        this.#number = isNegative ? -value : value
        return at + 2
      }
      value = value * 10 + (byte - ZERO) // in this order it stays exact up to 2^53 - 1
    }
    return INCOMPLETE
  }

  #endOfLine(start: number): number {
    const end = this.#bytes.indexOf('\r\n', start, 'latin1')
    return end < 0 ? INCOMPLETE : end + 2
  }

  /** To the list that is being filled; that one, when it is full, to the list around it. */
  #add(reply: Reply, replies: Reply[]): void {
    let value = reply
    for (;;) {
      const depth = this.#lists.length - 1
      if (depth < 0) {
        replies.push(value)
        return
      }
      const list = this.#lists[depth]!
      list.push(value)
      if (--this.#missing[depth]! > 0) return
      this.#lists.pop()
      this.#missing.pop()
      value = list
    }
  }
}
