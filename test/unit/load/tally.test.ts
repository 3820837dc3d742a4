import { describe, expect, test } from 'vitest'
import type { Fault } from '../../../src/load/lane.ts'
import { createTally } from '../../../src/load/tally.ts'
import { createTextCounts } from '../../../src/load/texts.ts'

const refused = (text: string): Fault => ({ kind: 'refused', text, isAnswer: true })
const timedOut: Fault = { kind: 'error', text: 'no answer in time', isAnswer: false }
const nobody = new Set<string>()

describe('a tally', () => {
  test('takes latency from when an announce was to be sent, over those that were answered', () => {
    const tally = createTally(0, nobody)
    for (let i = 1; i <= 100; i++) tally.record(1000, 1000 + i, undefined, 100)
    tally.record(0, 5000, timedOut, 0)
    const { answered, failed, latencyMs, receivedBytes, errors } = tally.counts()
    expect({ answered, failed, receivedBytes, errors }).toEqual({
      answered: 100,
      failed: 1,
      receivedBytes: 10_000,
      errors: { 'no answer in time': 1 },
    })
    expect(latencyMs.p50).toBeCloseTo(50, 0)
    expect(latencyMs.p99).toBeCloseTo(99, 0)
    expect(latencyMs.max).toBeCloseTo(100, 0)
    expect(latencyMs.mean).toBeCloseTo(50.5, 0)
  })

  test('knows three kinds of failure by their texts, the most frequent first; a refusal is an answer', () => {
    const tally = createTally(0, nobody)
    tally.record(0, 1, refused('invalid port'), 10)
    for (let i = 0; i < 2; i++) tally.record(0, 1, refused('unapproved passkey'), 10)
    tally.record(0, 1, { kind: 'connection', text: 'ECONNRESET', isAnswer: false }, 0)
    const { answered, failed, failureReasons, connectionErrors } = tally.counts()
    expect({ answered, failed, connectionErrors }).toEqual({
      answered: 3,
      failed: 4,
      connectionErrors: { ECONNRESET: 1 },
    })
    expect(Object.entries(failureReasons)).toEqual([
      ['unapproved passkey', 2],
      ['invalid port', 1],
    ])
  })

  test('keeps the warm-up apart, also what was meant to be sent in it and came later', () => {
    const tally = createTally(1000, nobody)
    tally.record(999, 3000, undefined, 10)
    tally.record(500, 900, timedOut, 0)
    tally.record(1000, 1010, undefined, 10)
    const { answered, failed, warmUp, latencyMs } = tally.counts()
    expect({ answered, failed, warmUp }).toEqual({
      answered: 1,
      failed: 0,
      warmUp: { answered: 1, failed: 1 },
    })
    expect(latencyMs.max).toBeCloseTo(10, 0)
    expect(tally.failed()).toBe(1)
  })

  test('tells each second apart, those in which nothing came as well', () => {
    const tally = createTally(1000, nobody)
    tally.record(1000, 1500, undefined, 0)
    tally.record(3100, 3200, refused('invalid port'), 0)
    expect(tally.counts().series).toMatchObject([
      { second: 1, answered: 1, failed: 0, p50: expect.closeTo(500, -1) },
      { second: 2, answered: 0, failed: 0, p50: 0 },
      { second: 3, answered: 1, failed: 1, p50: expect.closeTo(100, -1) },
    ])
  })

  test('tells what is new since it was last asked', () => {
    const tally = createTally(0, nobody)
    tally.record(0, 1, undefined, 0)
    expect(tally.sinceLast().answered).toBe(1)
    expect(tally.sinceLast()).toEqual({ answered: 0, p50Ms: 0, p99Ms: 0 })
  })
})

describe('texts of a tracker', () => {
  const counted = (...texts: string[]) => {
    const counts = createTextCounts(new Set(['secretkey']))
    for (const text of texts) counts.add(text)
    return counts.counts()
  }

  test('never show a passkey that it repeats', () => {
    expect(counted('unknown passkey secretkey', 'secretkey?')).toEqual({
      'unknown passkey ***': 1,
      '***?': 1,
    })
  })

  test('cannot steer a terminal, and are cut', () => {
    expect(counted('\u001b[31mred\n')).toEqual({ '?[31mred?': 1 })
    expect(Object.keys(counted('x'.repeat(500)))[0]).toHaveLength(120)
  })

  test('are at most fifty and the rest', () => {
    const counts = counted(...Array.from({ length: 80 }, (_, i) => `text ${i}`), 'text 0')
    expect(Object.keys(counts)).toHaveLength(51)
    expect(counts).toMatchObject({ 'everything else': 30, 'text 0': 2 })
  })
})
