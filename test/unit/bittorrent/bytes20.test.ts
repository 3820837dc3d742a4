import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  bytesOf,
  infohashInQuery,
  infohashOf,
  isEscape,
  parseInfohash,
  parsePeerId,
  peerIdInQuery,
  peerIdOf,
  percentDecode,
  percentEncode,
} from '../../../src/bittorrent/bytes20.ts'

const bytes20 = fc.uint8Array({ minLength: 20, maxLength: 20 })
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('any 20 bytes survive the query string', () => {
  fc.assert(
    fc.property(bytes20, (bytes) => {
      const text = `info_hash=${percentEncode(bytes)}&x`
      expect(infohashInQuery(text, 10, text.length - 2)).toBe(hex(bytes))
      expect(peerIdInQuery(text, 10, text.length - 2)).toBe(hex(bytes))
    }),
  )
})

test('20 bytes that nobody escaped are the same id as the escaped ones', () => {
  fc.assert(
    fc.property(bytes20, (bytes) => {
      const raw = Buffer.from(bytes).toString('latin1')
      fc.pre(!/[%+]/.test(raw))
      expect(infohashInQuery(raw, 0, raw.length)).toBe(hex(bytes))
    }),
  )
})

test('every length but 20 is no id', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      fc.pre(bytes.length !== 20)
      const text = percentEncode(bytes)
      expect(infohashInQuery(text, 0, text.length)).toBeUndefined()
      expect(infohashOf(bytes)).toBeUndefined()
      expect(peerIdOf(bytes)).toBeUndefined()
    }),
  )
})

test('an escape cut off by the end of the value is no id', () => {
  const text = `${'a'.repeat(19)}%41`
  expect(infohashInQuery(text, 0, text.length)).toBe(`${'61'.repeat(19)}41`)
  expect(infohashInQuery(text, 0, text.length - 1)).toBeUndefined()
  expect(infohashInQuery(`${'a'.repeat(19)}%4g`, 0, 22)).toBeUndefined()
})

test('a character that is no byte is no part of an id', () => {
  expect(infohashInQuery(`${'a'.repeat(19)}\u0141`, 0, 20)).toBeUndefined()
})

test('an id and its 20 bytes are the same thing', () => {
  fc.assert(
    fc.property(bytes20, (bytes) => {
      expect(new Uint8Array(bytesOf(infohashOf(bytes)!))).toEqual(bytes)
      expect(peerIdOf(bytes)).toBe(hex(bytes))
    }),
  )
})

test('hex ids are read in either case and kept in lowercase', () => {
  expect(parseInfohash('AB'.repeat(20))).toBe('ab'.repeat(20))
  expect(parsePeerId('Ab'.repeat(20))).toBe('ab'.repeat(20))
  for (const text of ['ab'.repeat(19), 'ab'.repeat(21), `${'ab'.repeat(19)}zz`, '']) {
    expect(parseInfohash(text)).toBeUndefined()
    expect(parsePeerId(text)).toBeUndefined()
  }
})

test('percent coding gives back any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(percentDecode(percentEncode(bytes))).toBe(Buffer.from(bytes).toString('latin1'))
    }),
  )
})

test('a plus is a space and a broken escape is nothing', () => {
  expect(percentDecode('a+b%2Bc')).toBe('a b+c')
  expect(percentDecode('a+b')).toBe('a b')
  for (const text of ['%', '%4', '%zz', 'abc%', '%4z%41']) expect(percentDecode(text)).toBeUndefined()
  expect(isEscape('%4', 0, 2)).toBe(false)
})
