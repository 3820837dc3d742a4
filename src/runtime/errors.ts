/** The store did not answer, refused, or is past its bound of calls in flight. The client is asked to come back. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
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
