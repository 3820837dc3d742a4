import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import {
  BadLines,
  ImportUnderWay,
  PasskeysRefused,
  ShrinkRefused,
  StagingTaken,
} from '../../../src/site/passkeys/passkeyErrors.ts'
import type { SwapOptions } from '../../../src/site/passkeys/passkeySwapOptions.ts'
import { createPasskeys } from '../../../src/site/passkeys/passkeys.ts'
import { keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const keys = keysUnder(keyPrefix)
const list = createPasskeys({ redis, keyPrefix })
afterAll(() => redis.disconnect())
beforeEach(async () => {
  const left = await redis.keys(`${keyPrefix}*`)
  if (left.length > 0) await redis.unlink(left)
})

const passkey = (n: number) => `user-${n}`
const passkeys = (count: number, first = 0) => Array.from({ length: count }, (_, i) => passkey(first + i))
const members = async () => (await redis.smembers(keys.passkeys)).sort()
const sorted = (texts: Iterable<string>) => [...texts].sort()
const onlyTheList = async () => expect(await redis.keys(`${keyPrefix}*`)).toEqual([keys.passkeys])

async function has(...texts: string[]) {
  return Promise.all(texts.map((text) => list.has(text)))
}

/** The texts, with something happening in the middle of reading them. */
async function* interrupted(texts: readonly string[], happens: () => Promise<unknown>) {
  const middle = texts.length >> 1
  yield* texts.slice(0, middle)
  await happens()
  yield* texts.slice(middle)
}

const SIZE = 200_000

describe('changes in the middle of a swap', () => {
  test('of 200,000: what is removed stays out and what is added stays in, by SREM and SADD or by the library', async () => {
    for (let first = 0; first < SIZE; first += 10_000)
      await redis.sadd(keys.passkeys, ...passkeys(10_000, first))
    const file = interrupted(passkeys(SIZE, 10), async () => {
      await redis.srem(keys.passkeys, passkey(20), passkey(SIZE - 1))
      await list.remove([passkey(21), passkey(SIZE + 5)]) // the second is in the new list only
      await redis.sadd(keys.passkeys, 'new-by-sadd')
      await list.add(['new-by-library', passkey(3)]) // the second is in the old list only
    })
    const outcome = await list.replace({ passkeys: file })
    const after = SIZE - 4 + 3
    expect(outcome).toMatchObject({ swapped: true, after, changedMeanwhile: 7, duplicates: 0 })
    expect(await list.count()).toBe(after)
    expect(await has(passkey(20), passkey(SIZE - 1), passkey(21), passkey(SIZE + 5))).toEqual(
      Array(4).fill(false),
    )
    expect(await has('new-by-sadd', 'new-by-library', passkey(3))).toEqual(Array(3).fill(true))
    expect(await has(passkey(2), passkey(10), passkey(SIZE + 9))).toEqual([false, true, true])
    await onlyTheList()
  })

  test('in the last moment before the swap are seen too', async () => {
    await list.add(passkeys(50))
    let tries = 0
    const outcome = await list.replace(
      { passkeys: passkeys(60) },
      {
        async onDifference() {
          if (++tries === 1) await redis.srem(keys.passkeys, passkey(7))
          if (tries === 2) await list.remove([passkey(55)]) // not in the list: only remembered
        },
      },
    )
    expect(tries).toBe(3)
    expect(outcome).toMatchObject({ after: 58, changedMeanwhile: 2 })
    expect(await has(passkey(7), passkey(55), passkey(8))).toEqual([false, false, true])
  })

  test('without end do not keep it from ending, and the very last one counts', async () => {
    await list.add(passkeys(50))
    let tries = 0
    await list.replace(
      { passkeys: passkeys(60) },
      { onDifference: async () => void (await redis.srem(keys.passkeys, passkey(tries++))) },
    )
    expect(tries).toBe(5)
    expect(await members()).toEqual(sorted(passkeys(55, 5)))
    await onlyTheList()
  })

  test('whoever changes what and when: the list decides about what changed, the file about the rest', async () => {
    const one = fc.nat({ max: 7 }).map((n) => String.fromCharCode(97 + n))
    const change = fc.record({ how: fc.constantFrom('sadd', 'srem', 'add', 'remove'), passkey: one })
    const changes = fc.array(change, { maxLength: 3 })
    const scenario = fc.record({
      old: fc.uniqueArray(one, { minLength: 1 }),
      file: fc.array(one, { minLength: 1, maxLength: 12 }),
      building: changes,
      tries: fc.array(changes, { maxLength: 6 }),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ old, file, building, tries }) => {
        await redis.del(keys.passkeys)
        const model = new Model(['always', ...old], ['always', ...file])
        await redis.sadd(keys.passkeys, 'always', ...old)
        const happen = async (each: typeof building) => {
          for (const { how, passkey } of each) {
            if (how === 'sadd') await redis.sadd(keys.passkeys, passkey)
            else if (how === 'srem') await redis.srem(keys.passkeys, passkey)
            else await list[how as 'add' | 'remove']([passkey])
            model.change(how, passkey)
          }
        }
        let pass = 0
        await list.replace(
          { passkeys: interrupted(['always', ...file], () => happen(building)) },
          {
            force: true,
            async onDifference() {
              model.look()
              await happen(tries[pass++] ?? [])
            },
          },
        )
        model.look()
        expect(await members()).toEqual(model.result())
      }),
      { numRuns: 150 },
    )
  })
})

/** The rule of passkeySwap.ts, on plain sets. */
class Model {
  readonly #list: Set<string>
  readonly #file: Set<string>
  readonly #decided = new Set<string>()
  #before: Set<string>

  constructor(list: string[], file: string[]) {
    this.#list = new Set(list)
    this.#before = new Set(list)
    this.#file = new Set(file)
  }

  change(how: string, passkey: string): void {
    if (how === 'sadd' || how === 'add') this.#list.add(passkey)
    else this.#list.delete(passkey)
    if (how === 'add' || how === 'remove') this.#decided.add(passkey)
  }

  /** What differs from the last look has changed. */
  look(): void {
    for (const each of [...this.#list, ...this.#before])
      if (this.#list.has(each) !== this.#before.has(each)) this.#decided.add(each)
    this.#before = new Set(this.#list)
  }

  result(): string[] {
    const fromFile = [...this.#file].filter((each) => !this.#decided.has(each))
    const fromList = [...this.#decided].filter((each) => this.#list.has(each))
    return sorted([...fromFile, ...fromList])
  }
}

describe('what is refused changes nothing', () => {
  const refused = async (texts: readonly string[], options: SwapOptions = {}) => {
    const before = await members()
    const error = await list.replace({ passkeys: texts }, options).catch((thrown: unknown) => thrown)
    expect(await members()).toEqual(before)
    await onlyTheList()
    return error
  }

  test('a list that shrinks by more than it may', async () => {
    await list.add(passkeys(100))
    expect(await refused(passkeys(89))).toBeInstanceOf(ShrinkRefused)
    expect(await refused(passkeys(98), { maxShrinkPercent: 1 })).toBeInstanceOf(ShrinkRefused)
    expect(await list.replace({ passkeys: passkeys(90) })).toMatchObject({
      swapped: true,
      removed: 10,
      kept: 90,
    })
    expect(await list.replace({ passkeys: passkeys(1) }, { force: true })).toMatchObject({ after: 1 })
  })

  test('a list of the same size in which nobody is left', async () => {
    await list.add(passkeys(100))
    expect(await refused(passkeys(100, 100))).toBeInstanceOf(ShrinkRefused)
    expect(await list.replace({ passkeys: passkeys(100, 100) }, { force: true })).toMatchObject({ kept: 0 })
  })

  test('an empty list, also with force', async () => {
    await list.add(passkeys(1))
    expect(await refused([], { force: true })).toBeInstanceOf(PasskeysRefused)
  })

  test('a bad line', async () => {
    await list.add(passkeys(3))
    expect(await refused([...passkeys(5_000), 'a b'])).toBeInstanceOf(BadLines)
  })

  test('a dry run, which says what would happen', async () => {
    await list.add(passkeys(3))
    expect(await refused(passkeys(4, 1), { dryRun: true })).toEqual({
      swapped: false,
      ...{ before: 3, after: 4, added: 2, removed: 1, kept: 2 },
      ...{ duplicates: 0, changedMeanwhile: 0 },
    })
  })

  test('a new list that somebody filled by hand, which stays', async () => {
    await list.add(passkeys(3))
    await redis.sadd(keys.passkeysStaged, 'by-hand')
    for (const dryRun of [true, false]) {
      const why = await list.replace({ passkeys: passkeys(4) }, { dryRun }).catch((error: unknown) => error)
      expect(why).toBeInstanceOf(StagingTaken)
      expect(why).toMatchObject({ message: expect.stringContaining(`UNLINK ${keys.passkeysStaged}`) })
      expect(sorted(await redis.keys(`${keyPrefix}*`))).toEqual([keys.passkeys, keys.passkeysStaged])
      expect(await redis.smembers(keys.passkeysStaged)).toEqual(['by-hand'])
    }
    expect(await members()).toEqual(passkeys(3))
  })

  test('a bound that would bound nothing', async () => {
    await list.add(passkeys(100))
    for (const maxShrinkPercent of [Number.NaN, -1, 101])
      expect(await refused(passkeys(1), { maxShrinkPercent })).toBeInstanceOf(RangeError)
  })

  test('one that was called off', async () => {
    await list.add(passkeys(3))
    const stop = new AbortController()
    const options = { signal: stop.signal, onDifference: () => stop.abort(new Error('called off')) }
    expect(await refused(passkeys(4), options)).toMatchObject({ message: 'called off' })
  })

  test('a list that disappeared meanwhile stays away', async () => {
    await list.add(passkeys(3))
    const file = interrupted(passkeys(4), () => redis.del(keys.passkeys))
    await expect(list.replace({ passkeys: file })).rejects.toThrow('disappeared')
    expect(await redis.keys(`${keyPrefix}*`)).toEqual([])
  })

  test('somebody else writing to the set that is being built', async () => {
    await list.add(passkeys(3))
    const file = interrupted(passkeys(4), () => redis.sadd(keys.passkeysStaged, 'stranger'))
    await expect(list.replace({ passkeys: file })).rejects.toThrow('somebody else')
    expect(await members()).toEqual(passkeys(3))
  })
})

test('the first import makes the list, with whom others listed meanwhile', async () => {
  const file = interrupted(passkeys(4), () => redis.sadd(keys.passkeys, 'early'))
  expect(await list.replace({ passkeys: file })).toMatchObject({ swapped: true, after: 5 })
  expect(await members()).toEqual(['early', ...passkeys(4)])
  await onlyTheList()
})

test('duplicates are counted, in whatever case hex is', async () => {
  const outcome = await list.replace({ passkeys: ['abcd', 'ABCD', 'one', 'one', 'One'] })
  expect(outcome).toMatchObject({ after: 3, duplicates: 2 })
})

test('an expiry that somebody put on the list does not outlive the swap', async () => {
  await list.add(passkeys(3))
  await redis.expire(keys.passkeys, 1_000)
  await list.replace({ passkeys: passkeys(3) })
  expect(await redis.ttl(keys.passkeys)).toBe(-1)
})

describe('one at a time', () => {
  let nextImport: Promise<unknown> | undefined

  test('a second import is refused and does not disturb the first', async () => {
    await list.add(passkeys(3))
    const file = interrupted(passkeys(4), async () => {
      await expect(list.replace({ passkeys: passkeys(9) })).rejects.toThrow(ImportUnderWay)
    })
    expect(await list.replace({ passkeys: file })).toMatchObject({ swapped: true, after: 4 })
  })

  test('one that lost its lock writes nothing any more, and leaves the next one alone', async () => {
    await list.add(passkeys(3))
    const late = list.replace({
      passkeys: interrupted(passkeys(4_000, 50), async () => {
        await redis.del(keys.passkeysImporting) // as when it slept for longer than the lock lasts
        const next = interrupted(passkeys(5), () => lateIsOver)
        nextImport = list.replace({ passkeys: next })
        await becomes(() => redis.exists(keys.passkeysImporting), 1)
      }),
    })
    const lateIsOver = late.catch((error: unknown) => error)
    expect(await lateIsOver).toMatchObject({ message: expect.stringContaining('lock has ended') })
    expect(await nextImport).toMatchObject({ swapped: true, after: 5 })
    expect(await members()).toEqual(passkeys(5))
  })

  test('what a killed one left behind is gone with the next', async () => {
    await redis.sadd(keys.passkeysStaged, 'stale')
    await redis.sadd(keys.passkeysBefore, 'stale')
    await redis.sadd(keys.passkeysTouched, 'stale')
    await list.replace({ passkeys: passkeys(2) })
    expect(await members()).toEqual(passkeys(2))
    await onlyTheList()
  })
})
