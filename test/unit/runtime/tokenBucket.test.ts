import { expect, test } from 'vitest'
import { createTokenBucket } from '../../../src/runtime/tokenBucket.ts'

function aBucket(perSecond: number) {
  const clock = { ms: 5_000 }
  const bucket = createTokenBucket(perSecond, () => clock.ms)
  const takeAll = () => {
    let taken = 0
    while (bucket.take()) taken++
    return taken
  }
  return { clock, bucket, takeAll }
}

test("one second's worth is there at once, and no more", () => {
  expect(aBucket(50).takeAll()).toBe(50)
})

test('it fills with time, up to one second', () => {
  const { clock, takeAll } = aBucket(50)
  takeAll()
  clock.ms += 100
  expect(takeAll()).toBe(5)
  clock.ms += 60_000
  expect(takeAll()).toBe(50)
})

test('tokens come back one by one, also when it is asked in between', () => {
  const { clock, bucket, takeAll } = aBucket(1)
  takeAll()
  clock.ms += 600
  expect(bucket.take()).toBe(false)
  expect(bucket.waitSeconds()).toBeCloseTo(0.4)
  clock.ms += 400
  expect(bucket.waitSeconds()).toBe(0)
  expect(bucket.take()).toBe(true)
})

test('a clock that goes back takes nothing away', () => {
  const { clock, takeAll } = aBucket(10)
  clock.ms -= 3_600_000
  expect(takeAll()).toBe(10)
})
