import { createReadStream, statSync } from 'node:fs'
import { addAbortSignal, type Readable } from 'node:stream'
import { PasskeysRefused } from '../../site/passkeys/passkeyErrors.ts'
import type { PasskeySource } from '../../site/passkeys/passkeyImport.ts'
import type { Difference } from '../../site/passkeys/passkeySwapOptions.ts'
import { createProgress, type Progress } from '../progress.ts'
import { type PasskeyCommand, print, withPasskeys } from './change.ts'

export interface ImportArguments {
  /** A path, or `-` for stdin. */
  readonly file: string
  /** Of a CSV file; undefined: one passkey a line. */
  readonly column: string | undefined
  readonly replace: boolean
  readonly maxShrinkPercent: number | undefined
  readonly force: boolean
  readonly dryRun: boolean
}

/** `redswarm passkeys import`: adds all of a file, or with `replace` makes it the list. Prints what has changed. */
export async function importPasskeys(args: ImportArguments, command: PasskeyCommand): Promise<void> {
  const progress = createProgress(process.stderr)
  const stop = new AbortController()
  const interrupt = () => stop.abort(new PasskeysRefused('interrupted'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  const source = openSource(args, progress, stop.signal)
  try {
    if (args.replace) await replaceAll(source, args, command, { progress, signal: stop.signal })
    else await addAll(source, command, { progress, signal: stop.signal })
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    progress.clear()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}

interface Running {
  readonly progress: Progress
  readonly signal: AbortSignal
}

function addAll(
  source: PasskeySource,
  command: PasskeyCommand,
  { progress, signal }: Running,
): Promise<void> {
  return withPasskeys(command, async (list) => {
    const outcome = await list.import(source, { signal })
    progress.clear()
    const total = outcome.added + outcome.alreadyListed
    print(command, outcome, `added ${number(outcome.added)} of ${number(total)}`)
  })
}

function replaceAll(
  source: PasskeySource,
  { maxShrinkPercent, force, dryRun }: ImportArguments,
  command: PasskeyCommand,
  { progress, signal }: Running,
): Promise<void> {
  let isShown = false
  return withPasskeys(command, async (list) => {
    const outcome = await list.replace(source, {
      maxShrinkPercent,
      force,
      dryRun,
      signal,
      onProgress: ({ stage, done, total }) => {
        if (total !== undefined) progress.show(stage, done, total) // while reading, the bytes of the file are shown
      },
      onDifference(difference) {
        progress.clear()
        if (!command.json && !isShown) command.out(`${inWords(difference)}\n`)
        isShown = true // once; how it ended is printed at the end
      },
    })
    progress.clear()
    const { swapped, after, duplicates, changedMeanwhile } = outcome
    const result = swapped ? `swapped: ${number(after)} listed` : 'dry run: nothing was changed'
    print(
      command,
      outcome,
      `${result}; ${number(duplicates)} duplicates in the file, ${number(changedMeanwhile)} changed by others meanwhile`,
    )
  })
}

function openSource(
  { file, column }: ImportArguments,
  progress: Progress,
  signal: AbortSignal,
): PasskeySource {
  const isStdin = file === '-'
  const stream: Readable = isStdin ? process.stdin : createReadStream(file)
  addAbortSignal(signal, stream)
  const size = isStdin ? 0 : (statSync(file, { throwIfNoEntry: false })?.size ?? 0)
  return {
    chunks: size > 0 ? counted(stream, size, progress) : stream,
    name: isStdin ? 'stdin' : file,
    column,
  }
}

async function* counted(stream: Readable, size: number, progress: Progress) {
  let done = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    done += chunk.length
    progress.show('reading', done, size)
    yield chunk
  }
}

function inWords({ before, after, added, removed, kept }: Difference): string {
  return `${number(before)} listed, ${number(after)} in the new list: ${number(added)} added, ${number(removed)} removed, ${number(kept)} kept`
}

const number = (count: number) => count.toLocaleString('en')
