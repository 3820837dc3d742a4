import { StoreUnavailable } from '../runtime/errors.ts'

/** What stands at the beginning of Redis' own errors, and our word for it. */
const REPLIES = {
  OOM: 'out of memory',
  WRONGTYPE: 'wrong type',
  READONLY: 'read only',
  LOADING: 'loading',
  BUSY: 'busy',
  MISCONF: 'cannot save',
  NOREPLICAS: 'no replicas',
  MASTERDOWN: 'master down',
  NOPERM: 'not permitted',
  NOAUTH: 'not permitted',
  WRONGPASS: 'not permitted',
  CROSSSLOT: 'cluster',
  MOVED: 'cluster',
  CLUSTERDOWN: 'cluster',
  LATE: 'too late',
  ERR: 'script',
} as const

/** Why a call of a script failed; values of the metric label `kind`. `overload`: it was not made, too many were under way. */
export const STORE_ERROR_KINDS = [
  ...new Set(Object.values(REPLIES)),
  'timeout',
  'connection',
  'overload',
  'other',
] as const
export type StoreErrorKind = (typeof STORE_ERROR_KINDS)[number]

const CONNECTION =
  /^Connection is closed|^Command aborted|^Stream isn't writeable|^Socket (?:timeout|closed)|max retries per request|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND/

/** @param error as a script's wrapper throws it, or what lies under it */
export function storeErrorKind(error: unknown): StoreErrorKind {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  if (!(root instanceof Error)) return 'other'
  if (root instanceof StoreUnavailable) return 'overload'
  if (root.message === 'Command timed out') return 'timeout'
  if (CONNECTION.test(root.message)) return 'connection'
  const word = /^[A-Z]+(?= )/.exec(root.message)?.[0]
  return word !== undefined && word in REPLIES ? REPLIES[word as keyof typeof REPLIES] : 'other'
}
