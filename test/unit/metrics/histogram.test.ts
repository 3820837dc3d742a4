import fc from 'fast-check'
import { Histogram, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { FastHistogram } from '../../../src/metrics/histogram.ts'

const BUCKETS = [0.001, 0.01, 0.1, 1]
const someSeconds = fc.oneof(fc.double({ min: 0, max: 2, noNaN: true }), fc.constantFrom(...BUCKETS))

test('tells the same as the histogram of the library', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.record({ seconds: someSeconds, kind: fc.constantFrom('a', 'b') }), { maxLength: 50 }),
    async (observed) => {
      const [own, reference] = [new Registry(), new Registry()]
      const options = { name: 'test_seconds', help: 'help', labelNames: ['kind'], buckets: BUCKETS }
      const histogram = new FastHistogram({ ...options, registry: own })
      const library = new Histogram({ ...options, registers: [reference] })
      const series = new Map<string, ReturnType<typeof histogram.series>>()
      for (const { seconds, kind } of observed) {
        if (!series.has(kind)) series.set(kind, histogram.series(kind))
        series.get(kind)!.observe(seconds)
        library.observe({ kind }, seconds)
      }
      expect(await own.metrics()).toBe(await reference.metrics())
    },
  )
  await fc.assert(property)
})

test('without labels it is there before the first value', async () => {
  const registry = new Registry()
  new FastHistogram({ name: 'test_seconds', help: 'help', buckets: [1], registry })
  expect(await registry.metrics()).toContain('test_seconds_count 0')
})
