/** The Redis servers under test, as the global set-up hands them to the workers. */
export interface RedisBackend {
  readonly kind: 'url' | 'container' | 'local'
  /** Of the server program, or the image's name. */
  readonly version: string
  /** Why this kind, for the report. */
  readonly why: string
  /** One server for each worker, so that files running at the same time do not share a keyspace. */
  readonly urls: readonly string[]
}

declare module 'vitest' {
  export interface ProvidedContext {
    redis: RedisBackend
    /** Whether servers that a test starts have the users of `dist/redis/users.acl`. */
    hasRedisUsers: boolean
  }
}
