import { expect, test } from 'vitest'
import { RestartPause } from '../../../../src/tracker/process/restartPause.ts'

const LONG_MS = 60_000
const SHORT_MS = 100

test('the first death is mended at once, and one after a long life always', () => {
  const pause = new RestartPause()
  expect([LONG_MS, LONG_MS, LONG_MS].map((livedMs) => pause.afterMs(livedMs))).toEqual([0, 0, 0])
  expect(new RestartPause().afterMs(SHORT_MS)).toBe(0)
})

test('short lives in a row make pauses that double up to a bound', () => {
  const pause = new RestartPause()
  const pauses = Array.from({ length: 10 }, () => pause.afterMs(SHORT_MS))
  expect(pauses).toEqual([0, 250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
})

test('a long life makes up for the short ones before it', () => {
  const pause = new RestartPause()
  for (let i = 0; i < 5; i++) pause.afterMs(SHORT_MS)
  expect([LONG_MS, SHORT_MS, SHORT_MS].map((livedMs) => pause.afterMs(livedMs))).toEqual([0, 250, 500])
})
