import { PasskeysRefused } from './passkeyErrors.ts'

/** What stands where a passkey should, and on which line (from 1). */
export interface Field {
  /** undefined: the line cannot be read as CSV. */
  readonly text: string | undefined
  readonly line: number
}

type Chunks = AsyncIterable<Uint8Array | string>

/** A line longer than this is cut, so that memory stays flat whatever the file is. */
const LONGEST_LINE = 65_536
/** A record in quotes that goes on for longer has lost its closing quote. */
const LONGEST_RECORD = 65_536

/** One a line. Blank lines and lines that begin with `#` are skipped, white space around a line is not part of it. */
export async function* fieldsOfLines(chunks: Chunks): AsyncGenerator<readonly Field[]> {
  let line = 0
  for await (const lines of linesOf(chunks)) {
    const fields: Field[] = []
    for (const each of lines) {
      line++
      const text = each.trim()
      if (text !== '' && !text.startsWith('#')) fields.push({ text, line })
    }
    yield fields
  }
}

/**
 * The named column of a CSV file whose first record has the names (RFC 4180: quotes, and line breaks within them). The
 * line of a record is its first one. An empty line is no record.
 *
 * @throws PasskeysRefused when there is no such column. It does not say which there are: a file without a first line of
 * names would show passkeys.
 */
export async function* fieldsOfColumn(chunks: Chunks, column: string): AsyncGenerator<readonly Field[]> {
  let position: number | undefined
  for await (const records of recordsOf(chunks)) {
    const fields: Field[] = []
    for (const { text, line } of records) {
      const cells = text === undefined ? undefined : cellsOf(text)
      if (position === undefined) position = positionOf(column, cells ?? [])
      else fields.push({ text: cells && (cells[position] ?? '').trim(), line })
    }
    yield fields
  }
  if (position === undefined)
    throw new PasskeysRefused('there is no first line with the names of the columns')
}

function positionOf(column: string, names: readonly string[]): number {
  const position = names.findIndex((name) => name.trim() === column)
  if (position >= 0) return position
  const count = `${names.length} ${names.length === 1 ? 'column' : 'columns'}`
  throw new PasskeysRefused(`the first line names ${count}, none of them ${column}`)
}

/** Lines joined for as long as a quote is open, that is, while their number is odd. No text: it never closed. */
async function* recordsOf(chunks: Chunks): AsyncGenerator<readonly { text?: string; line: number }[]> {
  let line = 0
  let open: { text: string; line: number } | undefined
  for await (const lines of linesOf(chunks)) {
    const records: { text?: string; line: number }[] = []
    for (const each of lines) {
      line++
      const record = open ? { text: `${open.text}\n${each}`, line: open.line } : { text: each, line }
      const isOpen = (open !== undefined) !== hasOddQuotes(each)
      open = undefined
      if (isOpen) {
        if (record.text.length <= LONGEST_RECORD) open = record
        else records.push({ line: record.line })
      } else if (record.text !== '') records.push(record)
    }
    yield records
  }
  if (open) yield [{ line: open.line }]
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOdd = !isOdd
  return isOdd
}

/** @returns undefined when a quote stands where none may */
function cellsOf(record: string): string[] | undefined {
  if (!record.includes('"')) return record.split(',')
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/gy
  const cells: string[] = []
  for (;;) {
    const match = cell.exec(record)
    if (!match) return undefined
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]!)
    if (match[3] === '') return cells
  }
}

/** UTF-8 without its byte order mark; lines end with LF or CRLF. What is cut of an overlong line ends in a `!`. */
async function* linesOf(chunks: Chunks): AsyncGenerator<string[]> {
  let rest = ''
  for await (const text of decoded(chunks)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    if (rest.length > LONGEST_LINE) rest = `${rest.slice(0, LONGEST_LINE)}!` // never turns into a passkey or a blank
    yield lines.map(withoutReturn)
  }
  if (rest !== '') yield [withoutReturn(rest)]
}

const withoutReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line)

async function* decoded(chunks: Chunks): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const chunk of chunks) {
    yield typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  }
  yield decoder.decode()
}
