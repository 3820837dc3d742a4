import { randomBytes } from 'node:crypto'

export const REQUEST_ID_HEADER = 'x-request-id'
/** What a proxy may have called the request; anything else is not repeated in a log or an answer. */
const WELL_FORMED = /^[\w.:/+=-]{1,64}$/

/** Tells the requests of this process from those of others. */
const prefix = randomBytes(4).toString('hex')
let count = 0

/** A name for one request that failed, the same in the answer and in the log: the one that a proxy gave it, else a new one. */
export function requestIdOf(given: string | readonly string[] | undefined): string {
  return typeof given === 'string' && WELL_FORMED.test(given) ? given : `${prefix}-${++count}`
}
