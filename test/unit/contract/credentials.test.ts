import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decryptCredential, encryptCredential } from '../../../src/contract/credentials.ts'
import { parseEncryptionKey } from '../../../src/runtime/encryptionKey.ts'

const KEY = Buffer.from('01234567890123456789012345678901')
const OTHER_KEY = Buffer.from('11234567890123456789012345678901')
const ISSUED = { passkey: 'mysecretpasskey', issuedSeconds: 1_701_417_600 }

test('whatever a site writes comes back', () => {
  const credential = fc.record({
    passkey: fc.string(),
    issuedSeconds: fc.nat(),
    fd: fc.option(
      fc.jsonValue().filter((value) => !Object.is(value, -0)),
      { nil: undefined },
    ),
  })
  fc.assert(
    fc.property(credential, (each) => {
      const opened = decryptCredential(encryptCredential(each, KEY), KEY)
      expect(opened).toEqual({ ...each, fd: each.fd && JSON.parse(JSON.stringify(each.fd)), pd: undefined })
    }),
  )
})

test('the same credential never looks the same twice, and fits into a path', () => {
  const [one, other] = [encryptCredential(ISSUED, KEY), encryptCredential(ISSUED, KEY)]
  expect(one).not.toBe(other)
  expect(one).toMatch(/^[A-Za-z0-9_-]+$/)
})

test('a text made by another program opens, padded or not', () => {
  // Python's cryptography: AESGCM over {"pk":"mysecretpasskey","ts":1701417600,"fd":"free"}, nonce 00 01 … 0b
  const made =
    'AAECAwQFBgcICQoLgThi3r_Tbzk_GJpxzi1oZPZhnrQ609n0CpNbWguYXQNdJY5YY9yAyx9R_L_N1gcqFcHtRCG51Q1ONuk1u8sfspZzHCI'
  for (const text of [made, `${made}=`]) {
    expect(decryptCredential(text, KEY)).toEqual({ ...ISSUED, fd: 'free', pd: undefined })
  }
})

test('changing any one character, or the key, gives nothing', () => {
  const text = encryptCredential(ISSUED, KEY)
  expect(decryptCredential(text, OTHER_KEY)).toBeUndefined()
  const bytes = Buffer.from(text, 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    expect(decryptCredential(changed.toString('base64url'), KEY)).toBeUndefined()
  }
})

test('any text at all gives nothing rather than an error', () => {
  fc.assert(fc.property(fc.string(), (text) => decryptCredential(text, KEY) === undefined))
  fc.assert(fc.property(fc.base64String(), (text) => decryptCredential(text, KEY) === undefined))
})

test.each([{ pk: 5, ts: 1 }, { pk: 'a' }, { ts: 1 }, { pk: 'a', ts: '1' }])(
  '%j is no credential',
  (content) => {
    const { pk, ts } = content as { pk: string; ts: number }
    expect(decryptCredential(encryptCredential({ passkey: pk, issuedSeconds: ts }, KEY), KEY)).toBeUndefined()
  },
)

test('a key is 32 characters, 64 hex digits or base64 of 32 bytes, and nothing else', () => {
  expect(parseEncryptionKey(KEY.toString('latin1'))).toEqual(KEY)
  expect(parseEncryptionKey(KEY.toString('hex').toUpperCase())).toEqual(KEY)
  expect(parseEncryptionKey(KEY.toString('base64'))).toEqual(KEY)
  expect(parseEncryptionKey(KEY.toString('base64url'))).toEqual(KEY)
  for (const text of ['', 'short', 'x'.repeat(31), 'x'.repeat(33), 'é'.repeat(32), 'f'.repeat(63)])
    expect(parseEncryptionKey(text)).toBeUndefined()
})
