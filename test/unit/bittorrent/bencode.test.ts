// @ts-expect-error: the package comes without types
import oracle from 'bencode'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BencodeError,
  type BencodeInput,
  type BencodeValue,
  bdecode,
  bencode,
} from '../../../src/bittorrent/bencode.ts'

const text = (value: BencodeInput) => bencode(value).toString('latin1')
const read = (encoded: string) => bdecode(Buffer.from(encoded, 'latin1'))

const binaryString = fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes).toString('latin1'))
const { value: anyValue } = fc.letrec<{ value: BencodeInput }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 24 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(binaryString, tie('value')), { maxLength: 5, selector: ([key]) => key })
      .map((e) => new Map(e)),
  ),
}))

/** What reading back must give: strings as bytes, everything else as it was. */
function asRead(value: BencodeInput): BencodeValue {
  if (typeof value === 'number') return value === 0 ? 0 : value
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(asRead)
  const entries = [...(value as ReadonlyMap<string, BencodeInput>)].map(
    ([key, item]) => [key, asRead(item)] as const,
  )
  return new Map(
    entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))),
  )
}

test('what is written is read back', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const back = bdecode(bencode(value))
      const wanted = asRead(value)
      expect(back).toEqual(wanted)
      if (wanted instanceof Map)
        expect([...(back as Map<string, unknown>).keys()]).toEqual([...wanted.keys()])
    }),
  )
})

test('what can be read is written back byte by byte', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.string({ unit: fc.constantFrom(...'idle01-:9') }).map((s) => Buffer.from(s)),
      ),
      (bytes) => {
        let value: BencodeValue
        try {
          value = bdecode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(BencodeError)
          return
        }
        expect(bencode(value).equals(bytes)).toBe(true)
      },
    ),
    { numRuns: 2_000 },
  )
})

test('agrees with an independent encoder where keys are ASCII text', () => {
  const asciiKey = fc
    .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 8 })
    .filter((key) => key !== '__proto__')
  const leaf = fc.oneof(fc.integer(), fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 8 }))
  const dictionary = fc.dictionary(
    asciiKey,
    fc.oneof(leaf, fc.array(leaf), fc.dictionary(asciiKey, leaf, { noNullPrototype: true })),
    {
      noNullPrototype: true,
    },
  )
  fc.assert(
    fc.property(dictionary, (value) => {
      expect(bencode(value).toString('hex')).toBe(Buffer.from(oracle.encode(value)).toString('hex'))
    }),
  )
})

test('keys are sorted by their bytes, raw infohashes too', () => {
  expect(text({ b: 1, a: 2, aa: 3, B: 4 })).toBe('d1:Bi4e1:ai2e2:aai3e1:bi1ee')
  expect(
    text(
      new Map([
        ['\xff', 1],
        ['\x7f', 2],
        ['\x80', 3],
      ]),
    ),
  ).toBe('d1:\x7fi2e1:\x80i3e1:\xffi1ee')
})

test('nothing without an exact bencoding is written', () => {
  const inexact = [
    1.5,
    2 ** 53,
    -(2 ** 53),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1n,
    null,
    undefined,
    true,
    new Date(0),
  ]
  for (const value of inexact) {
    expect(() => bencode(value as BencodeInput)).toThrow(TypeError)
    expect(() => bencode({ key: value as BencodeInput })).toThrow(TypeError)
  }
  expect(() => bencode({ '\u0141': 1 })).toThrow(TypeError)
  expect(text(-0)).toBe('i0e')
})

test.each([
  ['leading zeros', 'i01e'],
  ['leading zeros of a length', '01:a'],
  ['minus zero', 'i-0e'],
  ['no digits', 'ie'],
  ['a lone minus', 'i-e'],
  ['a plus', 'i+1e'],
  ['a fraction', 'i1.5e'],
  ['an integer beyond 2^53 - 1', 'i9007199254740992e'],
  ['an integer without end', 'i1'],
  ['unsorted keys', 'd1:bi1e1:ai2ee'],
  ['a key twice', 'd1:ai1e1:ai2ee'],
  ['a key that is no string', 'di1ei2ee'],
  ['a key without value', 'd1:ae'],
  ['a string cut short', '3:ab'],
  ['a negative length', '-1:'],
  ['a list without end', 'li1e'],
  ['a dictionary without end', 'd1:ai1e'],
  ['bytes left over', 'i1ei2e'],
  ['nothing at all', ''],
  ['another letter', 'x'],
  ['nesting without end', 'l'.repeat(100_000)],
])('%s is refused', (_, encoded) => {
  expect(() => read(encoded)).toThrow(BencodeError)
})

test('the top safe integers are read exactly', () => {
  expect(read('i9007199254740991e')).toBe(Number.MAX_SAFE_INTEGER)
  expect(read('i-9007199254740991e')).toBe(Number.MIN_SAFE_INTEGER)
})
