import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, expect, test } from 'vitest'
import { createVerifyApp, type VerifyAppOptions, type VerifyRequestAudit } from '../../../src/index.ts'
import { aPasskey, keysUnder } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { startTracker, TEMPORARY, UNAPPROVED } from '../../support/servers/trackerUnderTest.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const closing: (() => unknown)[] = [() => redis.disconnect()]
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

const MEMBER = aPasskey(1)
const SERVED = undefined
let runs = 0

/** A site with the library's endpoint, and a tracker of another Redis key space that asks it. */
async function aSiteAndItsTracker(options: Partial<VerifyAppOptions>, passkeys: object) {
  const audit: VerifyRequestAudit[] = []
  const lookup: VerifyAppOptions['lookup'] = (passkey) => passkey === MEMBER
  const app = createVerifyApp({ lookup, audit: (line) => audit.push(line), ...options })
  const site = new Hono().route('/api/passkey', app)
  const server = serve({ fetch: site.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  await once(server, 'listening')
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )

  const prefix = `${keyPrefix}${++runs}:`
  await redis.sadd(keysUnder(prefix).passkeys, aPasskey(9))
  const { port } = server.address() as AddressInfo
  const http_url = `http://127.0.0.1:${port}/api/passkey/verify`
  const tracker = await startTracker({
    redisUrl: url,
    keyPrefix: prefix,
    passkeys: { http_url, ...passkeys },
  })
  closing.push(tracker.close)
  await becomes(tracker.readiness, 'ready')
  return { tracker, audit }
}

test.each([
  ['an API key', { apiKey: 'horse' }, { http_api_key: 'horse' }],
  [
    'an API key in another header',
    { apiKey: 'horse', apiKeyHeader: 'X-Tracker' },
    { http_api_key: 'horse', http_api_key_header: 'X-Tracker' },
  ],
  ['a signature', { signatureSecret: 'staple' }, { http_signature_secret: 'staple' }],
  [
    'both',
    { apiKey: 'horse', signatureSecret: 'staple' },
    { http_api_key: 'horse', http_signature_secret: 'staple' },
  ],
])('with %s the tracker and the endpoint understand each other', async (_, options, passkeys) => {
  const { tracker, audit } = await aSiteAndItsTracker(options, passkeys)
  expect(await tracker.failure({ passkey: MEMBER })).toBe(SERVED)
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(UNAPPROVED)
  expect(audit.map(({ result }) => result)).toEqual(['valid', 'invalid'])
})

test.each([
  ['a key that differs', { apiKey: 'horse' }, { http_api_key: 'house' }],
  ['a secret that differs', { signatureSecret: 'staple' }, { http_signature_secret: 'steeple' }],
  [
    'a clock that differs',
    { signatureSecret: 'staple', nowMs: () => 0 },
    { http_signature_secret: 'staple' },
  ],
  ['no key', { apiKey: 'horse' }, {}],
  [
    'a lookup that throws',
    { apiKey: 'horse', lookup: () => Promise.reject(new Error()) },
    { http_api_key: 'horse' },
  ],
])('%s is a fault between the two, so users are asked to come back', async (_, options, passkeys) => {
  const { tracker } = await aSiteAndItsTracker(options, passkeys)
  expect(await tracker.failure({ passkey: MEMBER })).toBe(TEMPORARY)
})

test("the endpoint's rate limit rejects nobody", async () => {
  const { tracker, audit } = await aSiteAndItsTracker(
    { apiKey: 'horse', ratePerSecond: 1, nowMs: () => 0 },
    { http_api_key: 'horse' },
  )
  expect(await tracker.failure({ passkey: MEMBER })).toBe(SERVED)
  expect(await tracker.failure({ passkey: aPasskey(2) })).toBe(TEMPORARY)
  expect(audit.map(({ status }) => status)).toEqual([200, 429])
})
