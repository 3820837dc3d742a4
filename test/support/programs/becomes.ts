import { expect, vi } from 'vitest'

/** Asks again and again until the answer is this one. Fails with the last answer when it takes too long. */
export function becomes<T>(read: () => T | Promise<T>, expected: T | RegExp): Promise<void> {
  const check = async () => {
    const value = await read()
    if (expected instanceof RegExp) expect(value).toMatch(expected)
    else expect(value).toEqual(expected)
  }
  return vi.waitFor(check, { timeout: 20_000, interval: 20 })
}
