import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import fc from 'fast-check'
import { CompactSign, SignJWT, UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import { percentEncode } from '../../../../src/bittorrent/bytes20.ts'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import type { Infohash } from '../../../../src/bittorrent/types.ts'
import { parseJwkSet } from '../../../../src/tracker/hooks/jwkSet.ts'
import { jwt } from '../../../../src/tracker/hooks/jwt.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { aPlan } from '../../../support/builders/builders.ts'

const NOW = 1_800_000_000
const INFOHASH = '00ff2b25c3a9e4b8adf09f92a9414243250a0d7f' as Infohash
const [ISSUER, AUDIENCE] = ['https://site.example', 'https://tracker.example']

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })
const curves = { ES256: ec('P-256'), ES384: ec('P-384'), ES512: ec('P-521') }
const ed25519 = generateKeyPairSync('ed25519')
const jwk = (kid: string, publicKey: KeyObject, extras: object = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  ...extras,
})
const KEYS = parseJwkSet({
  keys: [
    jwk('rsa', rsa.publicKey, { use: 'sig' }),
    jwk('rs256 only', rsa.publicKey, { alg: 'RS256' }),
    ...Object.entries(curves).map(([kid, pair]) => jwk(kid, pair.publicKey)),
    jwk('ed', ed25519.publicKey),
  ],
})

function announce(
  token: string | undefined,
  { keys = KEYS as typeof KEYS | null, infohash = INFOHASH } = {},
) {
  const hook = jwt({
    issuer: ISSUER,
    audience: AUDIENCE,
    keySet: { current: () => keys ?? undefined, close() {} },
    nowSeconds: () => NOW,
  })
  const params = new Map(token === undefined ? [] : [['jwt', token]])
  hook.announce!(aRequest({ infohash, params }), aPlan())
}

const CLAIMS = { iss: ISSUER, aud: AUDIENCE, infohash: INFOHASH, exp: NOW + 60 }
const HEADER = { alg: 'RS256', kid: 'rsa' }

function sign(claims: object = {}, header: object = {}, key: KeyObject = rsa.privateKey): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ ...HEADER, ...header }).sign(key)
}

const invalid = new Refusal('invalidJwt')

test('a token of the site for this torrent is served', async () => {
  const token = await sign()
  expect(() => announce(token)).not.toThrow()
})

test('no token is missing, any other text is invalid', () => {
  expect(() => announce(undefined)).toThrow(new Refusal('missingJwt'))
  for (const text of ['', 'x', 'a.b.c', '..', 'e30.e30.', 'ключ'])
    expect(() => announce(text)).toThrow(invalid)
})

test('a good token with anything around it is invalid', async () => {
  const token = await sign()
  for (const text of [
    `${token}!`,
    `${token} `,
    `${token}=`,
    `${token}\n`,
    ` ${token}`,
    `${token}.`,
    token.replace('.', '=.'),
  ])
    expect(() => announce(text)).toThrow(invalid)
})

test('until the first key set is there the client is asked to come back', async () => {
  const token = await sign()
  expect(() => announce(token, { keys: null })).toThrow(new Refusal('temporarilyUnavailable'))
})

const ALGORITHMS: [string, string, KeyObject][] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, string, KeyObject] => [
    alg,
    'rsa',
    rsa.privateKey,
  ]),
  ...Object.entries(curves).map(([alg, { privateKey }]): [string, string, KeyObject] => [
    alg,
    alg,
    privateKey,
  ]),
  ['EdDSA', 'ed', ed25519.privateKey],
  ['Ed25519', 'ed', ed25519.privateKey],
]

test.each(ALGORITHMS)(
  '%s by key %s is served, and not with any of its bytes changed',
  async (alg, kid, key) => {
    const token = await sign({}, { alg, kid }, key)
    expect(() => announce(token)).not.toThrow()
    const [head, claims, signature] = token.split('.') as [string, string, string]
    const broken = Buffer.from(signature, 'base64url')
    broken[5]! ^= 1
    expect(() => announce(`${head}.${claims}.${broken.toString('base64url')}`)).toThrow(invalid)
    expect(() => announce(`${head}.${claims}.`)).toThrow(invalid)
    const others = Buffer.from(JSON.stringify({ ...CLAIMS, exp: NOW + 61 })).toString('base64url')
    expect(() => announce(`${head}.${others}.${signature}`)).toThrow(invalid)
  },
)

test('a token without a signature, or signed with the public key as a secret, is invalid', async () => {
  const unsigned = new UnsecuredJWT(CLAIMS).encode()
  expect(() => announce(unsigned)).toThrow(invalid)
  const secret = Buffer.from(rsa.publicKey.export({ format: 'pem', type: 'spki' }))
  const forged = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'rsa' }).sign(secret)
  expect(() => announce(forged)).toThrow(invalid)
})

test('the algorithm must be one of the key that the token names', async () => {
  for (const header of [{ kid: 'ES256' }, { kid: 'unknown' }, { kid: undefined }, { kid: 'ed' }]) {
    const token = await sign({}, header)
    expect(() => announce(token)).toThrow(invalid)
  }
  const other = await sign({}, { kid: 'rs256 only', alg: 'RS384' })
  expect(() => announce(other)).toThrow(invalid)
  const same = await sign({}, { kid: 'rs256 only' })
  expect(() => announce(same)).not.toThrow()
})

test('a token of another key than it names is invalid', async () => {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const token = await sign({}, {}, stranger.privateKey)
  expect(() => announce(token)).toThrow(invalid)
})

test('a token with an extension that must be understood is invalid', async () => {
  const payload = Buffer.from(JSON.stringify(CLAIMS))
  const token = await new CompactSign(payload)
    .setProtectedHeader({ ...HEADER, crit: ['b64'], b64: true })
    .sign(rsa.privateKey)
  expect(() => announce(token)).toThrow(invalid)
})

test.each<[string, object]>([
  ['another issuer', { iss: 'https://site.example/' }],
  ['no issuer', { iss: undefined }],
  ['another audience', { aud: 'https://other.example' }],
  ['no audience', { aud: undefined }],
  ['an empty list of audiences', { aud: [] }],
  ['another torrent', { infohash: 'ff'.repeat(20) }],
  ['no torrent', { infohash: undefined }],
  ['a torrent that is no text', { infohash: [INFOHASH] }],
  ['a broken escape', { infohash: '%zz' }],
  ['an end that has passed', { exp: NOW - 30 }],
  ['an end that is no number', { exp: String(NOW + 60) }],
  ['a beginning that is to come', { nbf: NOW + 31 }],
  ['a beginning that is no number', { nbf: 'now' }],
])('a token with %s is invalid', async (_, claims) => {
  const token = await sign(claims)
  expect(() => announce(token)).toThrow(invalid)
})

test.each<[string, object]>([
  ['a list of audiences', { aud: ['https://other.example', AUDIENCE] }],
  ['no end', { exp: undefined }],
  ['an end half a minute ago, by a clock that differs', { exp: NOW - 29 }],
  ['a beginning in half a minute', { nbf: NOW + 30 }],
  ['the torrent in uppercase hex', { infohash: INFOHASH.toUpperCase() }],
  ['the torrent as Chihaya logs it, escaped', { infohash: percentEncode(Buffer.from(INFOHASH, 'hex')) }],
  ['the torrent escaped throughout', { infohash: INFOHASH.replace(/../g, '%$&') }],
])('a token with %s is served', async (_, claims) => {
  const token = await sign(claims)
  expect(() => announce(token)).not.toThrow()
})

test('twenty bytes of text are an infohash as they are', async () => {
  const text = 'a+b%41 é 漢字 byt' // 20 bytes in UTF-8
  const infohash = Buffer.from(text).toString('hex') as Infohash
  expect(infohash).toHaveLength(40)
  const token = await sign({ infohash: text })
  expect(() => announce(token, { infohash })).not.toThrow()
})

test('any text at all is a token that is served or refused, and no fault', () => {
  const part = fc.oneof(fc.json(), fc.string()).map((text) => Buffer.from(text).toString('base64url'))
  const token = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
  )
  fc.assert(
    fc.property(token, (text) => {
      expect(() => announce(text)).toThrow(invalid)
    }),
  )
})

test('any header with a real key ID is refused without a fault', () => {
  const header = fc.record({
    alg: fc.oneof(fc.constantFrom(...ALGORITHMS.map(([alg]) => alg), 'none', 'HS256'), fc.jsonValue()),
    kid: fc.constantFrom(...KEYS.keys()),
  })
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 300 }), (head, signature) => {
      const token = `${encode(head)}.${encode(CLAIMS)}.${Buffer.from(signature).toString('base64url')}`
      expect(() => announce(token)).toThrow(invalid)
    }),
  )
})
