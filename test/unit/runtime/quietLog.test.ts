import { expect, test } from 'vitest'
import { createQuietLog } from '../../../src/runtime/quietLog.ts'

/** A quiet log on a clock moved by hand, and what it said. */
function aQuietLog(everyMs: number) {
  const clock = { nowMs: 0 }
  const said: string[] = []
  const quiet = createQuietLog(everyMs, () => clock.nowMs)
  const report = (kind: string) => quiet.report(kind, (repeated) => said.push(`${kind} ${repeated}`))
  return { clock, said, report }
}

test('a fault is said at once, also at the time zero of the clock', () => {
  const { said, report } = aQuietLog(1000)
  report('oom')
  expect(said).toEqual(['oom 0'])
})

test('its repetitions are not said, and counted in the next line after the pause', () => {
  const { clock, said, report } = aQuietLog(1000)
  for (let i = 0; i < 500; i++) {
    report('oom')
    clock.nowMs += 1
  }
  expect(said).toEqual(['oom 0'])
  clock.nowMs = 999
  report('oom')
  expect(said).toHaveLength(1)
  clock.nowMs = 1000
  report('oom')
  expect(said).toEqual(['oom 0', 'oom 500'])
  clock.nowMs = 2000
  report('oom')
  expect(said.at(-1)).toBe('oom 0') // counted anew
})

test('kinds are quiet each for itself', () => {
  const { clock, said, report } = aQuietLog(1000)
  report('oom')
  clock.nowMs = 600
  report('loading')
  report('oom')
  clock.nowMs = 1100
  report('loading')
  report('oom')
  expect(said).toEqual(['oom 0', 'loading 0', 'oom 1'])
})
