import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Passkey } from '../../bittorrent/types.ts'
import { type PasskeyCommand, print, withPasskeys } from './change.ts'

/**
 * `redswarm passkeys export`: one passkey a line, on stdout or into a file that only this user can read. The file
 * appears, or is replaced, when it is complete.
 */
export function exportPasskeys(output: string | undefined, command: PasskeyCommand): Promise<void> {
  return withPasskeys(command, async (list) => {
    if (output === undefined) return toStdout(list.export())
    const unfinished = `${output}.part`
    await rm(unfinished, { force: true })
    let exported = 0
    try {
      const file = createWriteStream(unfinished, { flags: 'wx', mode: 0o600 })
      await pipeline(list.export(), linesOf, file)
      await rename(unfinished, output)
    } catch (error) {
      await rm(unfinished, { force: true })
      throw error
    }
    print(command, { exported }, `exported ${exported.toLocaleString('en')}`)

    async function* linesOf(batches: AsyncIterable<readonly Passkey[]>) {
      for await (const batch of batches) {
        exported += batch.length
        yield `${batch.join('\n')}\n`
      }
    }
  })
}

async function toStdout(batches: AsyncIterable<readonly Passkey[]>): Promise<void> {
  async function* lines() {
    for await (const batch of batches) yield `${batch.join('\n')}\n`
  }
  try {
    await pipeline(lines, process.stdout, { end: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error // `| head` has read enough
  }
}
