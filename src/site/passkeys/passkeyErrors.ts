/** What was asked of the whitelist was not done, and nothing has changed. The message is for people and holds no passkey. */
export class PasskeysRefused extends Error {
  override readonly name: string = 'PasskeysRefused'
}

/** A passkey that is not 1 to 128 of `A-Z a-z 0-9 - _`. The text is not part of the message: it may be a mistyped secret. */
export class MalformedPasskey extends PasskeysRefused {
  override readonly name = 'MalformedPasskey'

  constructor(position: number) {
    super(`passkey ${position} is not 1 to 128 characters of A-Z a-z 0-9 - _`)
  }
}

/** A line of an import that holds no passkey. */
export interface BadLine {
  /** From 1. */
  readonly line: number
  readonly reason: string
}

/** Lines of an import that hold no passkey. */
export class BadLines extends PasskeysRefused {
  override readonly name = 'BadLines'
  readonly count: number
  /** The first of them, in the order of the file. */
  readonly lines: readonly BadLine[]

  constructor(source: string, count: number, lines: readonly BadLine[]) {
    const shown = lines.map(({ line, reason }) => `${source}:${line}: ${reason}`)
    const hidden = count - lines.length
    const total = `${count} bad ${count === 1 ? 'line' : 'lines'}${hidden > 0 ? `, ${hidden} of them not shown` : ''}`
    super(`${total}; nothing was changed\n${shown.join('\n')}`)
    this.count = count
    this.lines = lines
  }
}

/** Another swap of the whole list is under way, or was killed a moment ago. */
export class ImportUnderWay extends PasskeysRefused {
  override readonly name = 'ImportUnderWay'
  readonly endsInMs: number

  constructor(holder: string, endsInMs: number) {
    const seconds = Math.max(1, Math.ceil(endsInMs / 1000))
    super(
      `another import replaces the list right now (${holder}); if it was killed, its lock ends within ${seconds} s`,
    )
    this.endsInMs = endsInMs
  }
}

/** Where the new list is to be built stands one that no import has left there. */
export class StagingTaken extends PasskeysRefused {
  override readonly name = 'StagingTaken'

  constructor(key: string) {
    super(
      `${key} holds a list that no import is known to have left; nothing was changed. An import builds its list there: ` +
        `put yours in place (RENAME ${key}) or remove it (UNLINK ${key}) first`,
    )
  }
}

/** The new list is much smaller than the old one, which is rather a broken export than what somebody wants. */
export class ShrinkRefused extends PasskeysRefused {
  override readonly name = 'ShrinkRefused'
}
