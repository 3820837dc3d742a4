import { ReplyError } from 'ioredis'
import type { RefusedQuestion } from '../facts.ts'

/** Asks Redis, and remembers what it would not answer. */
export interface Asker {
  /**
   * @param command as people write it: `CONFIG GET`
   * @returns undefined when Redis refuses. Throws when it does not answer
   */
  ask<T>(command: string, run: () => Promise<T>): Promise<T | undefined>
  /** The same for a command that reads a key. */
  askKey<T>(command: string, run: () => Promise<T>): Promise<T | undefined>
  readonly refused: readonly RefusedQuestion[]
}

export function createAsker(): Asker {
  const refused = new Map<string, RefusedQuestion>()
  const asking =
    (hasKeys: boolean) =>
    async <T>(command: string, run: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await run()
      } catch (error) {
        if (!isReply(error)) throw error
        // WRONGTYPE: the check of key types says so, and about which key.
        if (!error.message.startsWith('WRONGTYPE'))
          refused.set(command, { command, hasKeys, why: whyOf(error.message), text: error.message })
        return undefined
      }
    }
  return {
    ask: asking(false),
    askKey: asking(true),
    get refused() {
      return [...refused.values()]
    },
  }
}

/** The client's class has no type of its own. */
function isReply(error: unknown): error is Error {
  return error instanceof ReplyError
}

function whyOf(message: string): RefusedQuestion['why'] {
  if (message.startsWith('NOPERM')) return 'permission'
  return /unknown (sub)?command/i.test(message) ? 'unknown' : 'other'
}
