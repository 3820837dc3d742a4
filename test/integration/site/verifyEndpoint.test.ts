import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { signVerifyRequest } from '../../../src/contract/verifySignature.ts'
import {
  createSiteClient,
  type SiteClient,
  type SiteClientOptions,
} from '../../../src/tracker/verify/passkeyVerifierHttp.ts'
import { aPasskey } from '../../support/builders/builders.ts'
import { freePorts } from '../../support/programs/freePorts.ts'
import { createPrivateCa } from '../../support/servers/privateCa.ts'
import {
  INVALID,
  NEVER,
  type Respond,
  says,
  startVerifyServer,
  VALID,
} from '../../support/servers/verifyServer.ts'

const ca = createPrivateCa()
const otherCa = createPrivateCa()
const site = await startVerifyServer(ca, VALID)
const clients: SiteClient[] = []
beforeEach(() => site.answer(VALID))
afterAll(async () => {
  for (const client of clients) client.close()
  await site.close()
})

function aClient(options: Partial<SiteClientOptions> = {}): SiteClient {
  const client = createSiteClient({
    url: site.url,
    timeoutMs: 5_000,
    apiKeyHeader: 'X-API-Key',
    apiKey: undefined,
    signatureSecret: undefined,
    ca: ca.pem,
    maxConnections: 4,
    ...options,
  })
  clients.push(client)
  return client
}

const bytes = (count: number) => Buffer.from(`{"valid": true${' '.repeat(count - 15)}}`)
const brokenOff: Respond = (_, response) => {
  response.writeHead(200, { 'Content-Length': '100' })
  response.write('{"valid": true', () => response.destroy())
}

test.each([
  ['{"valid": true}', VALID],
  ['{"data": {"valid": true}}', says(200, { data: { valid: true } })],
  ['another 2xx', says(206, { valid: true })],
  ['a text type and a byte order mark', says(200, '\ufeff{"valid":true}', { 'Content-Type': 'text/plain' })],
  ['a body of exactly 64 KiB', says(200, bytes(65_536))],
])('%s approves', async (_, respond) => {
  site.answer(respond)
  expect(await aClient().ask(aPasskey())).toEqual({ verdict: 'approved', reason: 'valid' })
  expect(site.asked.at(-1)).toBe(aPasskey())
})

test.each([
  ['{"valid": false}', INVALID, 'not valid'],
  ['{"data": {"valid": false}}', says(200, { data: { valid: false } }), 'not valid'],
  ['valid as text', says(200, { valid: 'true' }), 'not valid'],
  ['valid as a number', says(200, { valid: 1 }), 'not valid'],
  ['JSON that says nothing', says(200, {}), 'not valid'],
  ['null', says(200, 'null'), 'not valid'],
  ['a list', says(200, [{ valid: true }]), 'not valid'],
  ['a no beside a yes', says(200, { valid: false, data: { valid: true } }), 'not valid'],
  ['a yes beside a no', says(200, { valid: true, data: { valid: false } }), 'not valid'],
  ['403', says(403, {}), 'HTTP 403'],
  ['404 with a lie in it', says(404, { valid: true }), 'HTTP 404'],
  ['422', says(422, 'no such user'), 'HTTP 422'],
  ['404 with an endless page', says(404, bytes(1_000_000)), 'HTTP 404'],
])('%s rejects', async (_, respond, reason) => {
  site.answer(respond)
  expect(await aClient().ask(aPasskey())).toEqual({ verdict: 'rejected', reason })
})

test.each([301, 302, 303, 307, 308])('a redirect (%d) rejects and is not followed', async (status) => {
  site.answer((request, response) => {
    if (request.url!.startsWith('/approved')) VALID(request, response)
    else says(status, '', { Location: '/approved?passkey=x' })(request, response)
  })
  const before = site.asked.length
  expect(await aClient().ask(aPasskey())).toEqual({ verdict: 'rejected', reason: `HTTP ${status}` })
  expect(site.asked.length).toBe(before + 1)
})

test.each([
  ['500', says(500, { valid: true }), 'HTTP 500'],
  ['503', says(503, 'maintenance'), 'HTTP 503'],
  ['429', says(429, {}, { 'Retry-After': '1' }), 'HTTP 429'],
  ['401, for it is the tracker that is not let in', says(401, {}), 'HTTP 401'],
  ['a body of 1 MB', says(200, bytes(1_000_000)), 'body above 64 KiB'],
  ['a body one byte too long', says(200, bytes(65_537)), 'body above 64 KiB'],
  ['no JSON', says(200, '<html>log in</html>'), 'body is not JSON'],
  ['no body', says(204, ''), 'body is not JSON'],
  ['JSON cut off', says(200, '{"valid": tru'), 'body is not JSON'],
  ['a connection that breaks in the answer', brokenOff, 'ECONNRESET'],
])('%s is no answer', async (_, respond, reason) => {
  site.answer(respond)
  expect(await aClient().ask(aPasskey())).toEqual({ verdict: 'unavailable', reason })
})

test.each([
  ['says nothing', NEVER],
  ['begins and does not end', ((_, response) => void response.write('{"valid":')) as Respond],
  ['refuses and does not end', ((_, response) => void response.writeHead(404).write('no')) as Respond],
])('an endpoint that %s is given up', async (_, respond) => {
  site.answer(respond)
  expect(await aClient({ timeoutMs: 100 }).ask(aPasskey())).toEqual({
    verdict: 'unavailable',
    reason: 'timeout',
  })
})

test('an endpoint that wants another protocol is no answer, and its connection does not stay open', async () => {
  const closed: Promise<unknown>[] = []
  site.answer(({ socket }) => {
    closed.push(once(socket, 'close'))
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  })
  const client = aClient({ maxConnections: 1 })
  for (let n = 0; n < 3; n++)
    expect(await client.ask(aPasskey(n))).toEqual({ verdict: 'unavailable', reason: 'HTTP 101' })
  await Promise.all(closed)
  expect(closed).toHaveLength(3)
  site.answer(VALID)
  expect(await client.ask(aPasskey())).toMatchObject({ verdict: 'approved' })
})

test('an endpoint that is not there is no answer', async () => {
  const [port] = await freePorts(1)
  const client = aClient({ url: `https://127.0.0.1:${port}/verify` })
  expect(await client.ask(aPasskey())).toEqual({ verdict: 'unavailable', reason: 'ECONNREFUSED' })
})

test('a certificate of another authority is no answer, whatever the endpoint says', async () => {
  const strangers = aClient({ ca: otherCa.pem })
  expect(await strangers.ask(aPasskey())).toMatchObject({ verdict: 'unavailable' })
  const usual = await aClient({ ca: undefined }).ask(aPasskey())
  expect(usual.verdict).toBe('unavailable')
  expect(usual.reason).toMatch(/CERT|ISSUER|SIGNATURE/)
})

test('a certificate for another name is no answer', async () => {
  const client = aClient({ url: site.url.replace('127.0.0.1', 'localhost') })
  expect(await client.ask(aPasskey())).toEqual({
    verdict: 'unavailable',
    reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

test('plain http to a loopback host works', async () => {
  const plain = createServer((request, response) => VALID(request, response)).listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const client = aClient({
    url: `http://127.0.0.1:${(plain.address() as AddressInfo).port}/v`,
    ca: undefined,
  })
  expect(await client.ask(aPasskey())).toEqual({ verdict: 'approved', reason: 'valid' })
  client.close()
  plain.closeAllConnections()
  plain.close()
})

test('the passkey is added to a query that is there already, and a fragment is left out', async () => {
  const targets: string[] = []
  site.answer((request, response) => {
    targets.push(request.url!)
    VALID(request, response)
  })
  for (const end of ['', '?', '?site=1', '?site=1&', '#top', '?a=%20b#top'])
    await aClient({ url: site.url + end }).ask('abc')
  expect(targets).toEqual([
    '/verify?passkey=abc',
    '/verify?passkey=abc',
    '/verify?site=1&passkey=abc',
    '/verify?site=1&passkey=abc',
    '/verify?passkey=abc',
    '/verify?a=%20b&passkey=abc',
  ])
})

test('it proves who asks: a key in the header of that name, and a signature over passkey and time', async () => {
  const secrets = { apiKeyHeader: 'X-Tracker', apiKey: 'horse', signatureSecret: 'staple' }
  await aClient({ ...secrets, nowSeconds: () => 1_800_000_000.9 }).ask('abc')
  expect(site.lastHeaders()).toMatchObject({
    'x-tracker': 'horse',
    'x-redswarm-timestamp': '1800000000',
    'x-redswarm-signature': signVerifyRequest('staple', 'abc', '1800000000'),
    accept: 'application/json',
  })
  await aClient().ask('abc')
  expect(Object.keys(site.lastHeaders()).filter((name) => name.startsWith('x-'))).toEqual([])
})

test('the signature is what any other program computes', () => {
  // printf '%s' abc.1800000000 | openssl dgst -sha256 -hmac staple
  const expected = '4969c96136289320c641061802bf47f8ad13372ddaaa7330cfe5a6cc5839c4ea'
  expect(signVerifyRequest('staple', 'abc', '1800000000')).toBe(expected)
})

test('calls one after another share a connection', async () => {
  const client = aClient()
  const before = site.connections()
  for (let n = 0; n < 3; n++) await client.ask(aPasskey(n))
  expect(site.connections()).toBe(before + 1)
})

test('a kept connection that the endpoint has closed costs a second try, not an answer', async () => {
  const client = aClient()
  await client.ask(aPasskey())
  const before = site.connections()
  site.cutReusedConnections()
  expect(await client.ask(aPasskey(2))).toMatchObject({ verdict: 'approved' })
  expect(site.connections()).toBe(before + 1)
})

test('a call under way when the client is closed still gets its answer', async () => {
  const client = aClient()
  let answer = () => {}
  const arrived = new Promise<void>((resolve) => {
    site.answer((request, response) => {
      answer = () => VALID(request, response)
      resolve()
    })
  })
  const asking = client.ask(aPasskey())
  await arrived
  client.close()
  answer()
  expect(await asking).toMatchObject({ verdict: 'approved' })
})
