import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bottomOf,
  type Coverage,
  cover,
  holesIn,
  topOf,
  withoutHoles,
} from '../../../../../src/site/ledger/accounting/coverage.ts'

const span = fc.tuple(fc.nat(60), fc.nat(20)).map(([from, length]) => [from, from + length] as const)
const spans = fc.array(span, { minLength: 1, maxLength: 12 })

/** The model: every byte by its number. */
function bytesOf(list: readonly (readonly [number, number])[]): Set<number> {
  const bytes = new Set<number>()
  for (const [from, to] of list) for (let byte = from + 1; byte <= to; byte++) bytes.add(byte)
  return bytes
}

function coverAll(list: readonly (readonly [number, number])[]): { coverage: Coverage; added: number } {
  let coverage: Coverage = []
  let added = 0
  for (const [from, to] of list) {
    const step = cover(coverage, from, to)
    coverage = step.coverage
    added += step.added
  }
  return { coverage, added }
}

describe('coverage', () => {
  test('each byte is added once, whatever the spans are', () => {
    fc.assert(
      fc.property(spans, (list) => {
        expect(coverAll(list).added).toBe(bytesOf(list).size)
      }),
    )
  })

  test('spans stay disjoint, in rising order and apart', () => {
    fc.assert(
      fc.property(spans, (list) => {
        const { coverage } = coverAll(list)
        for (let at = 0; at < coverage.length; at += 2) {
          expect(coverage[at]).toBeLessThanOrEqual(coverage[at + 1]!)
          if (at > 0) expect(coverage[at]).toBeGreaterThan(coverage[at - 1]!)
        }
      }),
    )
  })

  test('the order does not matter, and neither does covering again', () => {
    fc.assert(
      fc.property(spans, fc.infiniteStream(fc.nat()), (list, order) => {
        const again = [...list, ...list].map((each) => ({ each, at: order.next().value }))
        const shuffled = again.sort((a, b) => a.at - b.at).map(({ each }) => each)
        expect(coverAll(shuffled)).toEqual(coverAll(list))
      }),
    )
  })

  test('holes are what lies between bottom and top and is not covered', () => {
    fc.assert(
      fc.property(spans, (list) => {
        const { coverage, added } = coverAll(list)
        expect(holesIn(coverage)).toBe(topOf(coverage) - bottomOf(coverage) - added)
        expect(withoutHoles(coverage)).toEqual([bottomOf(coverage), topOf(coverage)])
      }),
    )
  })

  test('a claim of nothing leaves the point where the counter stands', () => {
    expect(cover([], 7, 7)).toEqual({ coverage: [7, 7], added: 0 })
    expect(cover([7, 7], 9, 9)).toEqual({ coverage: [7, 7, 9, 9], added: 0 })
  })

  test('positions up to 2^53 - 1 are exact', () => {
    const top = Number.MAX_SAFE_INTEGER
    expect(cover([0, top - 3], top - 2, top)).toEqual({ coverage: [0, top - 3, top - 2, top], added: 2 })
  })
})
