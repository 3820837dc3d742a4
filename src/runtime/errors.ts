/** The store did not answer, refused, or is past its bound of calls in flight. The client is asked to come back. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** What lies at the bottom of an error, in its own words: wrappers say where, people ask why. */
export function rootMessage(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  if (!(root instanceof Error)) return String(root)
  return root.name === 'MaxRetriesPerRequestError' ? 'the connection was lost' : root.message
}

/** A configuration that must not start. One line per mistake, each naming key, value and bound. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** The site's database did not answer. Nothing was written; the same call may be made again. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
}

/** The database refuses this one entry, whatever else is in the batch. Nothing was written. */
export class EntryNotSettled extends Error {
  override readonly name = 'EntryNotSettled'
  /** The entry's stream ID. */
  readonly id: string

  constructor(id: string, options: ErrorOptions) {
    super(`entry ${id} is not settled`, options)
    this.id = id
  }
}
