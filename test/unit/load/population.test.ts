import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PopulationPlan } from '../../../src/load/plan.ts'
import { createPopulation, zipfSizes } from '../../../src/load/population.ts'

const plan = (overrides: Partial<PopulationPlan> = {}): PopulationPlan => ({
  swarms: 10,
  peers: 200,
  zipf: 1,
  seederPercent: 75,
  numwant: 50,
  passkeys: [],
  seed: '1',
  clientCode: '-RL0100-',
  firstRound: 0,
  ...overrides,
})
const round = (population: ReturnType<typeof createPopulation>, count: number) =>
  Array.from({ length: count }, () => population.next())

describe('swarm sizes', () => {
  test('no swarm is empty, none is larger than the one before, and together they hold every peer', () => {
    const shapes = fc.record({
      swarms: fc.integer({ min: 1, max: 300 }),
      more: fc.nat(5_000),
      zipf: fc.double({ min: 0, max: 5, noNaN: true }),
    })
    fc.assert(
      fc.property(shapes, ({ swarms, more, zipf }) => {
        const sizes = zipfSizes({ swarms, peers: swarms + more, zipf })
        expect(sizes).toHaveLength(swarms)
        expect(sizes.reduce((a, b) => a + b, 0)).toBe(swarms + more)
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1)
        expect(sizes).toEqual([...sizes].sort((a, b) => b - a))
      }),
    )
  })

  test('follow the law: the second is half of the first, the fourth a quarter', () => {
    const sizes = zipfSizes({ swarms: 100, peers: 1_000_000, zipf: 1 })
    expect(sizes[0]! / sizes[1]!).toBeCloseTo(2, 2)
    expect(sizes[0]! / sizes[3]!).toBeCloseTo(4, 2)
  })

  test('with an exponent of 0 all are equal', () => {
    expect(zipfSizes({ swarms: 4, peers: 22, zipf: 0 })).toEqual([6, 6, 5, 5])
  })
})

describe('announces', () => {
  test('every peer has its turn before any has its second, whatever their number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), (peers) => {
        const population = createPopulation(plan({ swarms: 1, peers }))
        expect(new Set(round(population, peers).map(({ peerId }) => peerId)).size).toBe(peers)
        expect(round(population, peers).every(({ isStarted }) => !isStarted)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  test('the first of a peer is started, with totals of 0 that grow from then on', () => {
    const population = createPopulation(plan())
    const first = round(population, 200)
    expect(first.every((each) => each.isStarted && each.uploadedBytes === 0)).toBe(true)
    const [second, third] = [round(population, 200), round(population, 200)]
    const leecher = third.findIndex(({ leftBytes }) => leftBytes > 0)
    expect(third[leecher]!.uploadedBytes).toBeGreaterThan(second[leecher]!.uploadedBytes)
    expect(third[leecher]!.downloadedBytes).toBeGreaterThan(second[leecher]!.downloadedBytes)
    expect(third[leecher]!.leftBytes).toBeLessThan(second[leecher]!.leftBytes)
  })

  test('a peer stays in its swarm, and swarms have their sizes and the share of seeders', () => {
    const population = createPopulation(plan())
    const announces = round(population, 200)
    const sizes = Map.groupBy(announces, ({ infohash }) => infohash)
    expect([...sizes.values()].map((peers) => peers.length).sort((a, b) => b - a)).toEqual(zipfSizes(plan()))
    expect(announces.filter(({ leftBytes }) => leftBytes === 0)).toHaveLength(150)
    expect(population.seeders).toBe(150)
    const again = round(population, 200)
    expect(again.map(({ infohash }) => infohash)).toEqual(announces.map(({ infohash }) => infohash))
  })

  test('a swarm says its infohash and how many seed', () => {
    const population = createPopulation(plan({ seederPercent: 30 }))
    const announced = Map.groupBy(round(population, 200), ({ infohash }) => infohash)
    for (let index = 0; index < 10; index++) {
      const { infohash, ...counts } = population.swarm(index)
      const [seeders, leechers] = [0, 1].map(
        (role) => announced.get(infohash)!.filter(({ leftBytes }) => Math.sign(leftBytes) === role).length,
      )
      expect(counts).toEqual({ seeders, leechers })
    }
  })

  test('a later run goes on where an earlier one ended', () => {
    const [whole, later] = [createPopulation(plan()), createPopulation(plan({ firstRound: 2 }))]
    round(whole, 400)
    expect(round(later, 200)).toEqual(round(whole, 200))
  })

  test('swarms of one peer have their share of seeders too', () => {
    const announces = round(createPopulation(plan({ swarms: 100, peers: 100, seederPercent: 30 })), 100)
    expect(announces.filter(({ leftBytes }) => leftBytes === 0)).toHaveLength(30)
  })

  test('ids have 20 bytes that need no escape, and infohashes are 40 hex digits', () => {
    for (const { peerId, infohash } of round(createPopulation(plan({ swarms: 2, peers: 50 })), 50)) {
      expect(peerId).toMatch(/^-RL0100-[a-z0-9]{12}$/)
      expect(infohash).toMatch(/^[0-9a-f]{40}$/)
    }
  })

  test('passkeys go round, so that each is used', () => {
    const announces = round(createPopulation(plan({ passkeys: ['a', 'b', 'c'] })), 200)
    expect(new Set(announces.map(({ passkeyIndex }) => passkeyIndex))).toEqual(new Set([0, 1, 2]))
  })

  test('the same seed gives the same, another seed shares neither swarms nor peers', () => {
    const ids = (seed: string) =>
      round(createPopulation(plan({ seed })), 200).flatMap(({ peerId, infohash }) => [peerId, infohash])
    expect(ids('1')).toEqual(ids('1'))
    const others = new Set(ids('2'))
    expect(ids('1').filter((id) => others.has(id))).toEqual([])
  })
})
