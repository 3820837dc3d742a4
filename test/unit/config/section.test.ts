import { expect, test } from 'vitest'
import { z } from 'zod'
import { keysAt, marksAt, section } from '../../../src/config/section.ts'
import { validate } from '../../../src/config/validate.ts'
import { emptyIsAbsent, flag, integer, list, seconds, text } from '../../../src/config/values.ts'

const inner = section({
  maxCount: ['max_count', integer(1, 9).prefault(3)],
  tokens: ['tokens', list(text()).prefault([]), 'secret'],
})
const outer = section(
  {
    intervalSeconds: ['interval', seconds('1s', '1h').prefault('90s'), 'restart'],
    password: ['password', emptyIsAbsent(text()), 'secret'],
    limits: ['limits', inner.prefault({})],
    extra: ['extra', inner.optional()],
  },
  { shard_count: 'there are no shards', timing: flag },
)

test('a section gives the names and units of the program, defaults filled in', () => {
  expect(outer.parse({ limits: { max_count: '7' }, shard_count: 'any', timing: 'no' })).toEqual({
    intervalSeconds: 90,
    password: undefined,
    limits: { maxCount: 7, tokens: [] },
    extra: undefined,
  })
})

test('it shows values under the names of the file, and no secret', () => {
  const values = outer.parse({ interval: '1h', password: 'hunter2', extra: { tokens: ['a', 'b'] } })
  expect(z.encode(outer, values)).toEqual({
    interval: '1h',
    password: '***',
    limits: { max_count: 3, tokens: [] },
    extra: { max_count: 3, tokens: ['***', '***'] },
  })
})

test('what it shows parses to the same values', () => {
  const values = outer.parse({ interval: '5m', limits: { max_count: 9 } })
  expect(outer.parse(z.encode(outer, values))).toEqual(values)
})

test('every mistake is named with key, value and bound, and no secret', () => {
  const raw = {
    interval: '2h',
    pasword: 'hunter2',
    password: ['hunter2'],
    limits: { max_count: 10, tokens: 'hunter2' },
    extra: 1,
    timing: 'soon',
  }
  const { value, problems } = validate(outer, raw, ['top'])
  expect(problems.map(({ path, text }) => `${path.join('.')}: ${text}`).toSorted()).toEqual([
    'top.extra: 1 is not a section of keys',
    'top.interval: 2h is above 1h',
    'top.limits.max_count: 10 is above 9',
    'top.limits.tokens: *** is not a list',
    'top.password: *** is not text',
    'top.pasword: unknown key; the nearest known key is password',
    'top.timing: soon is neither true nor false',
  ])
  expect(value).toEqual(outer.parse({}))
})

test('keys and marks are found at a path of the file, inside of defaults and optional sections', () => {
  expect(keysAt(outer, [])).toEqual(['interval', 'password', 'limits', 'extra', 'shard_count', 'timing'])
  expect(keysAt(outer, ['extra'])).toEqual(['max_count', 'tokens'])
  expect(keysAt(outer, ['nowhere', 'tokens'])).toEqual([])
  expect(marksAt(outer, ['interval'])).toEqual(['restart'])
  expect(marksAt(outer, ['limits', 'tokens', 0])).toEqual(['secret'])
})
