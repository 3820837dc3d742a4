import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parsePasskey } from '../../bittorrent/passkey.ts'
import type { Passkey } from '../../bittorrent/types.ts'
import { type BadLine, BadLines } from './passkeyErrors.ts'
import { type Field, fieldsOfColumn, fieldsOfLines } from './passkeyFields.ts'

/** Where many passkeys come from. Each is read once, from beginning to end, and never held as a whole. */
export type PasskeySource =
  /** A file with one passkey a line, or a CSV file with one in the named column. */
  | { readonly path: string; readonly column?: string | undefined }
  /** The same as a stream, for example stdin. `name` stands for it in messages. */
  | {
      readonly chunks: AsyncIterable<Uint8Array | string>
      readonly name: string
      readonly column?: string | undefined
    }
  /** The passkeys themselves, for example rows of a query. */
  | { readonly passkeys: Iterable<string> | AsyncIterable<string> }

/** At most this many at once, in every list below. */
export const BATCH = 1_000
const BAD_LINES_SHOWN = 20

/**
 * The passkeys of a source as the set holds them, in lists of at most BATCH.
 *
 * After the first bad line nothing more is handed out; the rest is read all the same, and at the end BadLines names the
 * first 20. So whoever got to the end has seen a source without mistakes. Throws what reading throws, and
 * PasskeysRefused for a column that is not there.
 */
export async function* readPasskeys(source: PasskeySource): AsyncGenerator<readonly Passkey[]> {
  const bad: BadLine[] = []
  let badCount = 0
  const note = (line: BadLine) => {
    if (++badCount <= BAD_LINES_SHOWN) bad.push(line)
  }
  let batch: Passkey[] = []
  for await (const fields of fieldsOf(source)) {
    for (const { text, line } of fields) {
      const passkey = text === undefined ? undefined : parsePasskey(text)
      if (passkey === undefined) note({ line, reason: whyBad(text, source) })
      else if (badCount === 0 && batch.push(passkey) === BATCH) {
        yield batch
        batch = []
      }
    }
  }
  if (badCount > 0) throw new BadLines(nameOf(source), badCount, bad)
  if (batch.length > 0) yield batch
}

/**
 * Reads a whole source and only then hands out its first passkey, so that one with mistakes changes nothing. In between
 * they are in a temporary file that only this process can open and that is gone with it, whatever ends it.
 */
export async function* readAllPasskeys(source: PasskeySource): AsyncGenerator<readonly Passkey[]> {
  const spool = await nameless()
  try {
    for await (const batch of readPasskeys(source)) await spool.appendFile(`${batch.join('\n')}\n`)
    const chunks = spool.createReadStream({ start: 0, autoClose: false })
    yield* readPasskeys({ chunks, name: 'temporary file' })
  } finally {
    await spool.close()
  }
}

export function nameOf(source: PasskeySource): string {
  if ('path' in source) return source.path
  return 'name' in source ? source.name : 'passkeys'
}

function whyBad(text: string | undefined, source: PasskeySource): string {
  if (text === undefined) return 'not CSV: a quote is missing or astray'
  const isCsv = !('column' in source && source.column !== undefined) && text.includes(',')
  const hint = isCsv ? '; of a CSV file the column must be named' : ''
  return `${text === '' ? 'empty, ' : ''}not 1 to 128 characters of A-Z a-z 0-9 - _${hint}`
}

function fieldsOf(source: PasskeySource): AsyncGenerator<readonly Field[]> {
  if ('passkeys' in source) return fieldsOfTexts(source.passkeys)
  const chunks = 'path' in source ? createReadStream(source.path) : source.chunks
  return source.column === undefined ? fieldsOfLines(chunks) : fieldsOfColumn(chunks, source.column)
}

async function* fieldsOfTexts(texts: Iterable<string> | AsyncIterable<string>) {
  let fields: Field[] = []
  let line = 0
  for await (const text of texts) {
    if (fields.push({ text, line: ++line }) < BATCH) continue
    yield fields
    fields = []
  }
  yield fields
}

async function nameless(): Promise<FileHandle> {
  const path = join(tmpdir(), `redswarm-passkeys-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await rm(path)
  return file
}
