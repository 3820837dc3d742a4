import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, describe, expect, test } from 'vitest'
import { anInfohash, aPasskey, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { watchCommands } from '../../support/programs/commands.ts'
import { FRONTENDS, HookedTracker } from '../../support/servers/hookedTracker.ts'
import { startRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { TEMPORARY } from '../../support/servers/trackerUnderTest.ts'

const { url } = await startRedis() // of our own: nobody else's commands are counted
const redis = connectTo(url)
const commands = await watchCommands(redis)
const [ISSUER, AUDIENCE] = ['https://site.example', 'https://tracker.example']
const [MISSING, INVALID] = ['unapproved request: missing jwt', 'unapproved request: invalid jwt']

/** Where the site publishes its keys; tests change what it answers. */
let answer = (response: ServerResponse): unknown => response.writeHead(503).end()
const site = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
await once(site, 'listening')
const keysUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}/keys`

const trackers: HookedTracker[] = []
afterAll(async () => {
  await Promise.all(trackers.map((each) => each.close()))
  site.closeAllConnections()
  site.close()
  commands.close()
  redis.disconnect()
})

async function startTracker(): Promise<HookedTracker> {
  const prefix = `${trackers.length}:`
  await redis.sadd(keysUnder(prefix).passkeys, aPasskey())
  const options = {
    issuer: ISSUER,
    audience: AUDIENCE,
    jwk_set_url: keysUrl,
    jwk_set_update_interval: '1s',
  }
  const tracker = await HookedTracker.start(url, prefix, [{ name: 'jwt', options }])
  trackers.push(tracker)
  return tracker
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const next = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publish = (kid: string, key: KeyObject) => {
  const keys = [{ ...key.export({ format: 'jwk' }), kid }]
  answer = (response) => response.end(JSON.stringify({ keys }))
}
const sign = (header: { alg: string; kid: string }, key: KeyObject, infohash = anInfohash()) =>
  new SignJWT({ iss: ISSUER, aud: AUDIENCE, infohash })
    .setProtectedHeader(header)
    .setExpirationTime('1h')
    .sign(key)
const token = await sign({ alg: 'EdDSA', kid: 'first' }, privateKey)
const nextToken = await sign({ alg: 'ES256', kid: 'next' }, next.privateKey)
const failureOf = async (tracker: HookedTracker, frontend: (typeof FRONTENDS)[number], parameters: string) =>
  (await tracker.announce(frontend, { parameters })).failure

describe.each(FRONTENDS)('over %s', async (frontend) => {
  publish('first', publicKey)
  const tracker = await startTracker()
  const failure = (parameters: string) => failureOf(tracker, frontend, parameters)

  test('a token of the site is served, no token and others are refused', async () => {
    await becomes(() => failure(`jwt=${token}`), undefined)
    expect(await failure('')).toBe(MISSING)
    expect(await failure('jwt=')).toBe(INVALID)
    expect(await failure(`jwt=${token.slice(0, -8)}AAAAAAAA`)).toBe(INVALID)
    const other = await sign({ alg: 'EdDSA', kid: 'first' }, privateKey, anInfohash(2))
    expect(await failure(`jwt=${other}`)).toBe(INVALID)
  })

  test('a served announce is one call, a refused one is none', async () => {
    expect(await commands.during(() => failure(`jwt=${token}`))).toEqual(['evalsha'])
    expect(await commands.during(() => failure(''))).toEqual([])
    expect(await commands.during(() => failure('jwt=x'))).toEqual([])
  })
})

test('until the site has published its keys clients are asked to come back; a broken answer keeps the last keys', async () => {
  answer = (response) => response.writeHead(500).end()
  const tracker = await startTracker()
  const failure = (text: string) => failureOf(tracker, 'HTTP', `jwt=${text}`)
  expect(await failure(token)).toBe(TEMPORARY)
  await becomes(() => tracker.log.some((line) => line.startsWith('error no new JWK set')), true)

  publish('first', publicKey)
  await becomes(() => failure(token), undefined)
  let asked = 0
  for (const broken of ['{"keys": []}', 'no JSON', `{"keys": [], "x": "${'x'.repeat(2 ** 20)}"}`]) {
    asked = 0
    answer = (response) => {
      asked++
      response.end(broken)
    }
    await becomes(() => asked > 1, true) // what came before the last question has been dealt with
    expect(await failure(token)).toBeUndefined()
  }

  publish('next', next.publicKey)
  await becomes(() => failure(nextToken), undefined)
  expect(await failure(token)).toBe(INVALID)
}, 60_000)

test('a reload keeps the keys while the site is away', async () => {
  publish('first', publicKey)
  const tracker = await startTracker()
  await becomes(() => failureOf(tracker, 'HTTP', `jwt=${token}`), undefined)
  answer = (response) => response.writeHead(503).end()
  tracker.reload()
  expect(await failureOf(tracker, 'HTTP', `jwt=${token}`)).toBeUndefined()
  expect(await failureOf(tracker, 'HTTP', '')).toBe(MISSING)
})

test('a redirect to other keys is not followed', async () => {
  answer = (response) => response.writeHead(302, { location: `${keysUrl}/elsewhere` }).end()
  const tracker = await startTracker()
  await becomes(() => tracker.log.some((line) => line.startsWith('error no new JWK set')), true)
  expect(await failureOf(tracker, 'HTTP', `jwt=${token}`)).toBe(TEMPORARY)
})
