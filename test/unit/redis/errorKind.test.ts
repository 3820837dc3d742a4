import { expect, test } from 'vitest'
import { STORE_ERROR_KINDS, storeErrorKind } from '../../../src/redis/errorKind.ts'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'

const under = (message: string) => new StoreUnavailable('announce.lua', { cause: new Error(message) })

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", 'out of memory'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value script: f3', 'wrong type'],
  ['LOADING Redis is loading the dataset in memory', 'loading'],
  ["NOPERM this user has no permissions to run the 'xadd' command", 'not permitted'],
  ['ERR user_script:12: left is no number script: f3', 'script'],
  ['Command timed out', 'timeout'],
  ['Connection is closed.', 'connection'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'connection'],
  ['connect ECONNREFUSED 127.0.0.1:6379', 'connection'],
  ['NEWWORD of a server to come', 'other'],
  ['a reply of another shape', 'other'],
])('%s', (message, kind) => {
  expect(storeErrorKind(under(message))).toBe(kind)
  expect(STORE_ERROR_KINDS).toContain(kind)
})

test('a call that was not made is an overload, and anything at all has a kind', () => {
  expect(storeErrorKind(new StoreUnavailable('more than 10 calls in flight'))).toBe('overload')
  expect(storeErrorKind('what')).toBe('other')
})
