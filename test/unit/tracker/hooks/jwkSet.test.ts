import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJwkSet } from '../../../../src/tracker/hooks/jwkSet.ts'

const rsa = (modulusLength: number) =>
  generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' })
const good = rsa(2048)
const curve = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })

const idsOf = (...keys: unknown[]) => [...parseJwkSet({ keys }).keys()]

test('keys are found by their IDs', () => {
  expect(idsOf({ ...good, kid: 'a' }, { ...curve('P-256'), kid: 'b' })).toEqual(['a', 'b'])
})

test.each<[string, object | null]>([
  ['without an ID', good],
  ['with an ID that is no text', { ...good, kid: 7 }],
  ['for encryption', { ...good, kid: 'x', use: 'enc' }],
  ['that is too short', { ...rsa(1024), kid: 'x' }],
  ['of a curve that signs no token', { ...curve('secp256k1'), kid: 'x' }],
  ['that is a secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'x' }],
  ['that is broken', { kty: 'RSA', n: '', e: 'AQAB', kid: 'x' }],
  ['of an unknown kind', { kty: 'new', kid: 'x' }],
  ['for an algorithm that does not fit it', { ...good, kid: 'x', alg: 'ES256' }],
  ['that is none', null],
])('a key %s is left out, and the others stay', (_, key) => {
  expect(idsOf(key, { ...good, kid: 'a' })).toEqual(['a'])
})

test.each([[null], ['text'], [[]], [{}], [{ keys: {} }], [{ keys: [] }], [{ keys: [good] }]])(
  '%j is no set to go by',
  (json) => {
    expect(() => parseJwkSet(json)).toThrow(TypeError)
  },
)

test('any JSON is a set or a TypeError', () => {
  const key = fc.dictionary(fc.constantFrom('kty', 'kid', 'n', 'e', 'crv', 'x', 'y', 'use'), fc.jsonValue())
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ keys: fc.array(key) })), (json) => {
      expect(() => parseJwkSet(json)).toThrow(TypeError)
    }),
  )
})
