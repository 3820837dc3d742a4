/**
 * Bencoding (BEP 3), strictly: what is written is canonical, and only canonical text is read.
 *
 * A dictionary key is a binary string, one character (U+0000 to U+00FF) per byte, so that a raw infohash is a key as
 * well; text values are UTF-8.
 */
export type BencodeInput =
  | number
  | string
  | Uint8Array
  | readonly BencodeInput[]
  | ReadonlyMap<string, BencodeInput>
  | { readonly [key: string]: BencodeInput }

/** What reading gives: every string as its bytes. */
export type BencodeValue = number | Buffer | BencodeValue[] | Map<string, BencodeValue>

/** Bytes that are not one canonical bencoded value. */
export class BencodeError extends Error {
  override readonly name = 'BencodeError'
}

/** Deeper nesting than any tracker answer or torrent file has; it keeps hostile bytes off the end of the stack. */
const MAX_DEPTH = 100

/** Throws TypeError for anything that has no exact bencoding: fractions, integers beyond ±(2^53 - 1), null, … */
export function bencode(value: BencodeInput): Buffer {
  const pieces: Buffer[] = []
  write(value, pieces)
  return Buffer.concat(pieces)
}

function write(value: BencodeInput, pieces: Buffer[]): void {
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`no exact bencoding for the number ${value}`)
    pieces.push(Buffer.from(`i${value}e`)) // a template writes -0 as 0
  } else if (typeof value === 'string') {
    writeBytes(Buffer.from(value), pieces)
  } else if (value instanceof Uint8Array) {
    writeBytes(value, pieces)
  } else if (Array.isArray(value)) {
    pieces.push(Buffer.from('l'))
    for (const item of value as readonly BencodeInput[]) write(item, pieces)
    pieces.push(Buffer.from('e'))
  } else if (value instanceof Map) {
    writeDictionary([...(value as ReadonlyMap<string, BencodeInput>)], pieces)
  } else if (isPlainObject(value)) {
    writeDictionary(Object.entries(value), pieces)
  } else {
    throw new TypeError(`no bencoding for ${value === null ? 'null' : typeof value}`)
  }
}

function writeBytes(bytes: Uint8Array, pieces: Buffer[]): void {
  pieces.push(Buffer.from(`${bytes.length}:`), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function writeDictionary(entries: [string, BencodeInput][], pieces: Buffer[]): void {
  // Code units of binary strings are bytes, so comparing strings compares bytes.
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  pieces.push(Buffer.from('d'))
  for (const [key, value] of entries) {
    if (typeof key !== 'string' || /[^\0-\xff]/.test(key)) {
      throw new TypeError('a dictionary key is a binary string: one character per byte')
    }
    writeBytes(Buffer.from(key, 'latin1'), pieces)
    write(value, pieces)
  }
  pieces.push(Buffer.from('e'))
}

function isPlainObject(value: unknown): value is Record<string, BencodeInput> {
  if (typeof value !== 'object' || value === null) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/**
 * Reads one value that fills all of `bytes`.
 *
 * @throws BencodeError for leading zeros, -0, integers beyond ±(2^53 - 1), keys unsorted or twice, a string cut short,
 *   nesting deeper than 100, bytes left over
 */
export function bdecode(bytes: Uint8Array): BencodeValue {
  const reader = new Reader(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  const value = reader.value(0)
  if (reader.at !== bytes.length) throw new BencodeError(`bytes left over at ${reader.at}`)
  return value
}

class Reader {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  value(depth: number): BencodeValue {
    if (depth > MAX_DEPTH) throw new BencodeError(`nested deeper than ${MAX_DEPTH}`)
    switch (String.fromCharCode(this.#bytes[this.at] ?? 0)) {
      case 'i':
        this.at++
        return this.#integer('e')
      case 'l':
        return this.#list(depth)
      case 'd':
        return this.#dictionary(depth)
      default:
        return this.#string()
    }
  }

  #list(depth: number): BencodeValue[] {
    const list: BencodeValue[] = []
    this.at++
    while (!this.#ends()) list.push(this.value(depth + 1))
    return list
  }

  #dictionary(depth: number): Map<string, BencodeValue> {
    const dictionary = new Map<string, BencodeValue>()
    let previous: string | undefined
    this.at++
    while (!this.#ends()) {
      const key = this.#string().toString('latin1')
      if (previous !== undefined && key <= previous) throw new BencodeError(`key out of order at ${this.at}`)
      dictionary.set(key, this.value(depth + 1))
      previous = key
    }
    return dictionary
  }

  #ends(): boolean {
    if (this.#bytes[this.at] !== 101) return false
    this.at++
    return true
  }

  #string(): Buffer {
    const length = this.#integer(':')
    const start = this.at
    this.at += length
    if (length < 0 || this.at > this.#bytes.length) throw new BencodeError(`string cut short at ${start}`)
    return this.#bytes.subarray(start, this.at)
  }

  #integer(terminator: 'e' | ':'): number {
    const end = this.#bytes.indexOf(terminator, this.at)
    // 17 characters hold every safe integer with its sign; a longer text is not worth turning into a string.
    const text = end < 0 || end - this.at > 17 ? '' : this.#bytes.toString('latin1', this.at, end)
    const value = Number(text)
    if (!/^(?:0|-?[1-9][0-9]*)$/.test(text) || !Number.isSafeInteger(value)) {
      throw new BencodeError(`no integer at ${this.at}`)
    }
    this.at = end + 1
    return value
  }
}
