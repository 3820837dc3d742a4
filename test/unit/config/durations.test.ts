import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import { formatDuration, parseDuration } from '../../../src/config/durations.ts'

test.each([
  ['1h30m', 5_400_000_000_000n],
  ['1.5s', 1_500_000_000n],
  ['500ms', 500_000_000n],
  ['0', 0n],
  ['.5s', 500_000_000n],
  ['1.s', 1_000_000_000n],
  ['-2m', -120_000_000_000n],
  ['3µs', 3_000n],
  ['0.1s', 100_000_000n],
  ['0.123456789s', 123_456_789n],
  ['2562047h47m16.854775807s', 9_223_372_036_854_775_807n],
])('%s is read as Go reads it', (text, nanoseconds) => {
  assert.equal(parseDuration(text), nanoseconds)
})

test.each(['', '30', '30 m', '1d', 'm', '.s', '1h-1m', '1e3s', '30m foo', '2562047h47m16.854775808s'])(
  '%j is no duration',
  (text) => {
    assert.equal(parseDuration(text), undefined)
  },
)

test('whole milliseconds survive being written and read', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 12 }), (milliseconds) => {
      assert.equal(parseDuration(formatDuration(milliseconds)), BigInt(milliseconds) * 1_000_000n)
    }),
  )
})
