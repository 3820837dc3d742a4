import { expect, test } from 'vitest'
import { maskPasskey, parsePasskey } from '../../../src/bittorrent/passkey.ts'

test('a hex passkey is lowercased, any other keeps its case', () => {
  expect(parsePasskey('0123456789ABCDEF0123456789abcdef')).toBe('0123456789abcdef0123456789abcdef')
  expect(parsePasskey('DEADBEEF')).toBe('deadbeef')
  expect(parsePasskey('DEADBEEG')).toBe('DEADBEEG')
  expect(parsePasskey('AB-CD_ef')).toBe('AB-CD_ef')
})

test('1 to 128 characters are a passkey', () => {
  expect(parsePasskey('')).toBeUndefined()
  expect(parsePasskey('x')).toBe('x')
  expect(parsePasskey('x'.repeat(128))).toBe('x'.repeat(128))
  expect(parsePasskey('x'.repeat(129))).toBeUndefined()
})

test('every character outside A-Z a-z 0-9 - _ spoils a passkey', () => {
  for (let code = 0; code < 0x200; code++) {
    const character = String.fromCharCode(code)
    expect(parsePasskey(`zz${character}zz`) !== undefined).toBe(/^[A-Za-z0-9_-]$/.test(character))
  }
  expect(parsePasskey('abc\n')).toBeUndefined()
})

test('a masked passkey shows at most four characters and a quarter of itself', () => {
  expect(maskPasskey('0123456789abcdef0123456789abcdef')).toBe('0123…')
  expect(maskPasskey('abcdefgh')).toBe('ab…')
  expect(maskPasskey('abc')).toBe('…')
})
