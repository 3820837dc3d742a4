import { expect, test } from 'vitest'
import { createStallWatch } from '../../../../src/tracker/process/stallWatch.ts'

function aWatch(limitMs: number) {
  const clock = { monotonic: 5_000, wall: 1_700_000_000_000 }
  const stalls: number[] = []
  let beat = () => {}
  const watch = createStallWatch({
    limitMs,
    onStall: (stalledMs) => stalls.push(stalledMs),
    monotonicMs: () => clock.monotonic,
    wallMs: () => clock.wall,
    every(each) {
      beat = each
      return () => {}
    },
  })
  const pass = (ms: number) => {
    clock.monotonic += ms
    clock.wall += ms
  }
  return { watch, clock, stalls, pass, beat: () => beat() }
}

test('beats in time are no stall', () => {
  const { watch, stalls, pass, beat } = aWatch(1_000)
  for (let i = 0; i < 10; i++) {
    pass(1_000)
    expect(watch.isStalled()).toBe(false)
    beat()
    expect(watch.isStalled()).toBe(false)
  }
  expect(stalls).toEqual([])
})

test.each(['monotonic', 'wall'] as const)(
  'a stall by the %s clock alone lasts until the beat after the late one',
  (name) => {
    const { watch, clock, stalls, pass, beat } = aWatch(1_000)
    clock[name] += 1_001
    expect(watch.isStalled()).toBe(true)
    beat()
    expect(watch.isStalled()).toBe(true)
    expect(stalls).toEqual([1_001])
    pass(250)
    beat()
    expect(watch.isStalled()).toBe(false)
    expect(stalls).toEqual([1_001])
  },
)

test('a wall clock that is set back is no stall', () => {
  const { watch, clock, beat } = aWatch(1_000)
  clock.wall -= 3_600_000
  expect(watch.isStalled()).toBe(false)
  beat()
  expect(watch.isStalled()).toBe(false)
})

test('a limit below two beats counts as two beats', () => {
  const { watch, pass } = aWatch(10)
  pass(500)
  expect(watch.isStalled()).toBe(false)
  pass(1)
  expect(watch.isStalled()).toBe(true)
})
