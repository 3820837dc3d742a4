import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { HttpServer, HttpServerOptions } from '../../../src/tracker/frontend/http/server.ts'
import { createCa } from '../../support/builders/certificates.ts'
import {
  proxyV1,
  proxyV2,
  proxyV2Raw,
  V4_CLIENT,
  V4_PROXY,
  V6_CLIENT,
  V6_PROXY,
} from '../../support/builders/proxyHeaders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { isMissing } from '../../support/programs/programs.ts'
import { exchange, open, requestOf, SERVING, startFrontend } from '../../support/servers/frontendUnderTest.ts'

const servers: HttpServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))
const folder = mkdtempSync(join(tmpdir(), 'redswarm-proxy-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const TRUSTED = ['127.0.0.1/32', '::1/128', '10.0.0.0/8']
const STRANGER = { host: '127.0.0.1', localAddress: '127.0.0.9' }

async function start(options: Partial<HttpServerOptions> = {}) {
  const started = await startFrontend({ proxyProtocol: true, trustedProxies: TRUSTED, ...options })
  servers.push(started.server)
  return started
}

const V1 = proxyV1('198.51.100.7', '10.0.0.1')
const V1_IPV6 = proxyV1('2001:db8::7', 'fd00::1')
const V2 = proxyV2(V4_CLIENT, V4_PROXY)
const V2_IPV6 = proxyV2(V6_CLIENT, V6_PROXY)
const request = requestOf('announce')
const behind = (header: Buffer, text = request) => Buffer.concat([header, Buffer.from(text)])

describe.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '::1'],
])('from a trusted proxy at %s', (host, own) => {
  test.each([
    ['version 1, IPv4', V1, '198.51.100.7'],
    ['version 1, IPv6', V1_IPV6, '2001:db8::7'],
    ['version 1, unknown', Buffer.from('PROXY UNKNOWN\r\n'), own],
    ['version 2, IPv4', V2, '198.51.100.7'],
    ['version 2, IPv6', V2_IPV6, '2001:db8::7'],
    ['version 2, with extensions', proxyV2(V4_CLIENT, V4_PROXY, Buffer.alloc(300, 4)), '198.51.100.7'],
    ['version 2, a health check', proxyV2Raw(0x20, 0x00, Buffer.alloc(0)), own],
  ])('%s, the client is who it says', async (_, header, client) => {
    const { port, tracker, refused } = await start()
    expect(await exchange({ port, host }, behind(header))).toMatch(/^HTTP\/1.1 200 /)
    expect(await exchange({ port, host }, behind(header, requestOf('scrape')))).toMatch(/^HTTP\/1.1 200 /)
    expect(tracker.clients).toEqual([client, client])
    expect(refused).toEqual([])
  })
})

test.each([
  ['version 1', V1],
  ['version 2', V2],
])('%s is read wherever it is cut, and so is the request behind it', async (_, header) => {
  const { port, tracker } = await start()
  const whole = behind(header)
  const cuts = [1, 5, 11, 12, 15, header.length - 1, header.length, header.length + 1, whole.length - 1]
  for (const cut of cuts) {
    const socket = (await open({ port })).setNoDelay(true)
    socket.write(whole.subarray(0, cut))
    await becomes(() => socket.bytesWritten, cut)
    await new Promise((resolve) => setImmediate(resolve))
    socket.write(whole.subarray(cut))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200 /)
    socket.destroy()
  }
  expect(tracker.clients).toEqual(cuts.map(() => '198.51.100.7'))
})

test('every request of a kept connection is of the client that the header names', async () => {
  const { port, tracker } = await start()
  const socket = await open({ port })
  const kept = request.replace('Connection: close\r\n', '')
  socket.write(behind(V1, kept + kept))
  await becomes(() => tracker.clients, ['198.51.100.7', '198.51.100.7'])
  socket.write(requestOf('scrape'))
  socket.resume()
  await once(socket, 'close')
  expect(tracker.clients).toEqual(['198.51.100.7', '198.51.100.7', '198.51.100.7'])
})

test('a second header is no part of HTTP and is not believed', async () => {
  const { port, tracker } = await start()
  const answer = await exchange({ port }, behind(V1, `${proxyV1('203.0.113.66', '10.0.0.1')}${request}`))
  expect(answer).toMatch(/^HTTP\/1.1 400 /)
  expect(tracker.clients).toEqual([])
})

test('a real-ip header counts only where the header names a proxy of ours', async () => {
  const { port, tracker } = await start({ realIpHeader: 'x-forwarded-for' })
  const forwarded = requestOf('announce', 'X-Forwarded-For: 203.0.113.66, 2001:db8::9\r\n')
  await exchange({ port }, behind(V1, forwarded))
  await exchange({ port }, behind(proxyV1('10.0.0.8', '10.0.0.1'), forwarded))
  expect(tracker.clients).toEqual(['198.51.100.7', '2001:db8::9'])
})

describe('closed unanswered, with a reason for the log', () => {
  const everything = [V1, V1_IPV6, V2, V2_IPV6, Buffer.alloc(0)]

  test('whoever is no trusted proxy, with a header or without', async () => {
    const { port, tracker, refused } = await start()
    for (const header of everything) expect(await exchange({ port, ...STRANGER }, behind(header))).toBe('')
    expect(tracker.clients).toEqual([])
    expect(refused).toEqual(everything.map(() => 'not from a trusted proxy: ::ffff:127.0.0.9'))
  })

  test('an IPv6 address that is no trusted proxy', async () => {
    const { port, tracker, refused } = await start({ trustedProxies: ['127.0.0.1/32'] })
    for (const header of everything) expect(await exchange({ port, host: '::1' }, behind(header))).toBe('')
    expect(tracker.clients).toEqual([])
    expect(refused).toEqual(everything.map(() => 'not from a trusted proxy: ::1'))
  })

  test.each([
    ['no header', Buffer.from(request), 'header missing'],
    ['a TLS handshake in its place', Buffer.from('16030100ff', 'hex'), 'header missing'],
    ['a malformed version 1', behind(Buffer.from('PROXY TCP4 198.51.100.7\r\n')), 'header malformed'],
    ['an endless version 1', Buffer.from(`PROXY ${'x'.repeat(200)}`), 'header malformed'],
    ['a malformed version 2', behind(proxyV2Raw(0x21, 0x12, Buffer.alloc(12))), 'header malformed'],
    [
      'an endless version 2',
      proxyV2(V4_CLIENT, V4_PROXY, Buffer.alloc(9000)).subarray(0, 40),
      'header malformed',
    ],
  ])('a trusted proxy with %s', async (_, bytes, reason) => {
    const { port, tracker, refused } = await start()
    expect(await exchange({ port }, bytes)).toBe('')
    expect(tracker.clients).toEqual([])
    expect(refused).toEqual([`${reason}: ::ffff:127.0.0.1`])
  })

  test('a trusted proxy that does not finish its header', async () => {
    const { port, refused } = await start({ readTimeoutMs: 100 })
    expect(await exchange({ port }, V2.subarray(0, 20))).toBe('')
    expect(await exchange({ port }, '')).toBe('')
    expect(refused).toEqual(['header late: ::ffff:127.0.0.1', 'header late: ::ffff:127.0.0.1'])
  })
})

test('a connection that only looks whether the port is open is no fault', async () => {
  const { port, tracker, refused } = await start()
  for (const bytes of [Buffer.alloc(0), V2.subarray(0, 20)]) {
    const socket = await open({ port })
    socket.end(bytes)
    socket.resume()
    await once(socket, 'close')
  }
  // From another process while this one stands still: reset before the server gets to see it.
  const reset = `const s = require('node:net').connect(${port}, '127.0.0.1', () => s.resetAndDestroy())`
  execFileSync(process.execPath, ['-e', reset])
  expect(await exchange({ port }, behind(V1))).toMatch(/^HTTP\/1.1 200 /)
  expect(tracker.clients).toEqual(['198.51.100.7'])
  expect(refused).toEqual([])
})

test('the read timeout counts from the end of the header', async () => {
  const { port, refused } = await start({ readTimeoutMs: 200 })
  expect(await exchange({ port }, behind(V1, 'GET /announce HTTP/1.1\r\n'))).toMatch(/^HTTP\/1.1 408 /)
  expect(refused).toEqual([])
})

test('trusted proxies can change while the server runs', async () => {
  const { server, port, tracker, refused } = await start({ trustedProxies: [] })
  expect(await exchange({ port }, behind(V1))).toBe('')
  server.prepare({ ...SERVING, tracker, trustedProxies: TRUSTED })()
  expect(await exchange({ port }, behind(V1))).toMatch(/^HTTP\/1.1 200 /)
  expect(tracker.clients).toEqual(['198.51.100.7'])
  expect(refused).toHaveLength(1)
})

test('closing does not wait for headers beyond the grace period', async () => {
  const { server, port } = await start({ readTimeoutMs: 0 })
  const socket = await open({ port })
  socket.write(V2.subarray(0, 20))
  await becomes(() => socket.bytesWritten, 20)
  const closed = once(socket.resume(), 'close')
  await server.close(50)
  await closed
})

describe.skipIf(isMissing('openssl'))('before a TLS handshake', () => {
  const ca = createCa(folder)
  const tls = ca.issue('tracker')
  const trusting = { ca: ca.ca }

  test.each([
    ['version 1', V1, '198.51.100.7'],
    ['version 2', V2_IPV6, '2001:db8::7'],
    ['a health check', proxyV2Raw(0x20, 0x00, Buffer.alloc(0)), '127.0.0.1'],
  ])('%s says who the client is', async (_, header, client) => {
    const { port, tracker, refused } = await start({ tls })
    expect(await exchange({ port, ...trusting }, request, header)).toMatch(/^HTTP\/1.1 200 /)
    expect(tracker.clients).toEqual([client])
    expect(refused).toEqual([])
  })

  test('it may come in one piece with the handshake; connections at once do not mix', async () => {
    const { port, tracker } = await start({ tls })
    const clients = Array.from({ length: 20 }, (_, i) => `198.51.100.${i + 1}`)
    const answers = await Promise.all(
      clients.map((client) => exchange({ port, ...trusting }, request, proxyV1(client, '10.0.0.1'))),
    )
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 200 /)
    for (const [i, client] of clients.entries()) expect(answers[i]).toContain(externalIp(client))
    expect(new Set(tracker.clients)).toEqual(new Set(clients))
  })

  test('inside TLS it is no header', async () => {
    const { port, tracker, refused } = await start({ tls })
    expect(await exchange({ port, ...trusting }, behind(V1))).toBe('')
    expect(tracker.clients).toEqual([])
    expect(refused).toEqual(['header missing: ::ffff:127.0.0.1'])
  })
})

/** How an answer names the client it is for. */
function externalIp(client: string): string {
  return `11:external ip4:${Buffer.from(client.split('.').map(Number)).toString('latin1')}`
}
