import { expect, test } from 'vitest'
import { ConfigError, rootMessage, StoreUnavailable } from '../../../src/runtime/errors.ts'

test('a failed store call keeps its cause for the log', () => {
  const cause = new Error('OOM command not allowed')
  const error = new StoreUnavailable('announce.lua', { cause })
  expect(error).toMatchObject({ name: 'StoreUnavailable', message: 'announce.lua', cause })
})

test('the reason of an error is what lies at its bottom', () => {
  const store = new StoreUnavailable('announce.lua', { cause: new Error('Connection is closed.') })
  expect(rootMessage(new Error('outer', { cause: store }))).toBe('Connection is closed.')
  expect(rootMessage(new Error('alone'))).toBe('alone')
  expect(rootMessage('thrown')).toBe('thrown')
})

test('a configuration error has one line for each problem', () => {
  const error = new ConfigError(['a: too small', 'b: unknown'])
  expect(error).toMatchObject({ name: 'ConfigError', message: 'a: too small\nb: unknown' })
  expect(error.problems).toEqual(['a: too small', 'b: unknown'])
})
