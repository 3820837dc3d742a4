/** The store did not answer, refused, or is past its bound of calls in flight. The client is asked to come back. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** What lies at the bottom of an error, in its own words: wrappers say where, people ask why. */
export function rootMessage(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  return root instanceof Error ? root.message : String(root)
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
