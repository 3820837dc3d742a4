import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'vitest'
import {
  compareStreamIds,
  parseStreamId,
  streamIdAfter,
  streamIdBefore,
} from '../../../src/contract/streamId.ts'

const id = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat()).map(([ms, seq]) => `${ms}-${seq}`)

test('before and after are next to an ID, and undo each other', () => {
  fc.assert(
    fc.property(id, (text) => {
      fc.pre(parseStreamId(text).ms < Number.MAX_SAFE_INTEGER)
      assert(compareStreamIds(streamIdAfter(text), text) > 0)
      assert.equal(streamIdBefore(streamIdAfter(text)), text)
    }),
  )
})

test('IDs compare by their numbers and not by their text', () => {
  assert(compareStreamIds('9-0', '10-0') < 0)
  assert(compareStreamIds('10-9', '10-10') < 0)
  assert.equal(compareStreamIds('5-5', '5-5'), 0)
  assert(compareStreamIds('5-18446744073709551614', '5-18446744073709551615') < 0)
  assert.equal(streamIdBefore('5-0'), '4-9007199254740991')
  assert.equal(streamIdBefore('0-0'), '0-0')
})

test.each(['', '5', '5-', '-5', '5-5-5', '5-18446744073709551615', 'a-b', ' 5-5'])('%o is no ID', (text) => {
  assert.throws(() => parseStreamId(text), RangeError)
})
