import { afterEach, describe, expect, test } from 'vitest'
import type { HttpServer, HttpServerOptions } from '../../../src/tracker/frontend/http/server.ts'
import {
  type Action,
  exchange,
  requestOf,
  SERVING,
  startFrontend,
} from '../../support/servers/frontendUnderTest.ts'

const servers: HttpServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))

async function start(options: Partial<HttpServerOptions>) {
  const started = await startFrontend(options)
  servers.push(started.server)
  return started
}

/** The tracker at 127.0.0.1 or ::1, and those who connect to it. */
const PROXY = { host: '127.0.0.1', localAddress: '127.0.0.1' }
const PROXY6 = { host: '::1', localAddress: '::1' }
const STRANGER = { host: '127.0.0.1', localAddress: '127.0.0.9' }
const ALL_TRUSTED = ['127.0.0.1/32', '::1/128', '10.0.0.0/8', 'fd00::/8']
const ONLY_IPV4_TRUSTED = ['127.0.0.1/32']

interface Case {
  readonly what: string
  readonly from: { host: string; localAddress: string }
  readonly headers: readonly string[]
  readonly client: string
  readonly trusted?: readonly string[]
}

const cases: Case[] = [
  { what: 'no header from a proxy', from: PROXY, headers: [], client: '127.0.0.1' },
  { what: 'no header from an IPv6 proxy', from: PROXY6, headers: [], client: '::1' },
  { what: 'one hop', from: PROXY, headers: ['198.51.100.7'], client: '198.51.100.7' },
  { what: 'one IPv6 hop', from: PROXY, headers: ['2001:db8::7'], client: '2001:db8::7' },
  { what: 'one hop from an IPv6 proxy', from: PROXY6, headers: ['198.51.100.7'], client: '198.51.100.7' },
  {
    what: 'one IPv6 hop from an IPv6 proxy',
    from: PROXY6,
    headers: ['2001:DB8:0::7'],
    client: '2001:db8::7',
  },
  { what: 'a mapped address', from: PROXY6, headers: ['::ffff:198.51.100.7'], client: '198.51.100.7' },
  { what: 'with ports', from: PROXY, headers: ['198.51.100.7:4711'], client: '198.51.100.7' },
  { what: 'IPv6 with a port', from: PROXY6, headers: ['[2001:db8::7]:4711'], client: '2001:db8::7' },
  {
    what: 'a chain of ours',
    from: PROXY,
    headers: ['198.51.100.7, 10.0.0.3, fd00::3'],
    client: '198.51.100.7',
  },
  {
    what: 'a chain in several header lines',
    from: PROXY6,
    headers: ['198.51.100.7', '10.0.0.3'],
    client: '198.51.100.7',
  },
  {
    what: "what the client wrote left of the proxy's own entry",
    from: PROXY,
    headers: ['203.0.113.66, 198.51.100.7'],
    client: '198.51.100.7',
  },
  {
    what: 'a trusted address that the client wrote, to look like a chain',
    from: PROXY6,
    headers: ['10.0.0.3, 2001:db8::7'],
    client: '2001:db8::7',
  },
  {
    what: 'a line of its own that the client wrote',
    from: PROXY,
    headers: ['203.0.113.66', '2001:db8::7'],
    client: '2001:db8::7',
  },
  { what: 'a header from a stranger', from: STRANGER, headers: ['198.51.100.7'], client: '127.0.0.9' },
  {
    what: 'an IPv6 header from a stranger',
    from: STRANGER,
    headers: ['2001:db8::7, 10.0.0.3'],
    client: '127.0.0.9',
  },
  { what: 'rubbish from a stranger', from: STRANGER, headers: ['rubbish'], client: '127.0.0.9' },
  {
    what: 'a header from an IPv6 stranger',
    from: PROXY6,
    headers: ['198.51.100.7'],
    client: '::1',
    trusted: ONLY_IPV4_TRUSTED,
  },
  {
    what: 'an IPv6 header from an IPv6 stranger',
    from: PROXY6,
    headers: ['2001:db8::7'],
    client: '::1',
    trusted: ONLY_IPV4_TRUSTED,
  },
]

describe.each<Action>(['announce', 'scrape'])('who the client of a proxied %s is', (action) => {
  test.each(cases)('$what: $client', async ({ from, headers, client, trusted = ALL_TRUSTED }) => {
    const { port, tracker } = await start({ realIpHeader: 'x-forwarded-for', trustedProxies: trusted })
    const lines = headers.map((value) => `X-Forwarded-For: ${value}\r\n`).join('')
    expect(await exchange({ port, ...from }, requestOf(action, lines))).toMatch(/^HTTP\/1.1 200 /)
    expect(tracker.clients).toEqual([client])
  })

  test('another header than the configured one means nothing', async () => {
    const { port, tracker } = await start({ realIpHeader: 'x-real-ip', trustedProxies: ALL_TRUSTED })
    const headers =
      'X-Forwarded-For: 198.51.100.7\r\nForwarded: for=198.51.100.7\r\nX-Real-IP: 2001:db8::7\r\n'
    await exchange({ port }, requestOf(action, headers))
    expect(tracker.clients).toEqual(['2001:db8::7'])
  })

  test('rubbish from a proxy of ours is refused, not guessed at', async () => {
    const { port, tracker } = await start({ realIpHeader: 'x-forwarded-for', trustedProxies: ALL_TRUSTED })
    const answer = await exchange({ port }, requestOf(action, 'X-Forwarded-For: 198.51.100.7, unknown\r\n'))
    expect(answer).toContain('14:failure reason31:failed to parse peer IP address')
    expect(tracker.clients).toEqual([])
  })
})

test('trusted proxies can change while the server runs', async () => {
  const { server, port, tracker } = await start({ realIpHeader: 'x-forwarded-for', trustedProxies: [] })
  const ask = () => exchange({ port }, requestOf('announce', 'X-Forwarded-For: 198.51.100.7\r\n'))
  await ask()
  const change = server.prepare({
    ...SERVING,
    tracker,
    realIpHeader: 'x-forwarded-for',
    trustedProxies: ALL_TRUSTED,
  })
  await ask()
  change()
  await ask()
  expect(tracker.clients).toEqual(['127.0.0.1', '127.0.0.1', '198.51.100.7'])
})

test('a change that cannot be served throws before anything has changed', async () => {
  const { server, port, tracker } = await start({})
  expect(() =>
    server.prepare({ ...SERVING, tracker, announceRoutes: ['/other'], trustedProxies: ['nonsense'] }),
  ).toThrow('nonsense')
  expect(await exchange({ port }, requestOf('announce'))).toMatch(/^HTTP\/1.1 200 /)
})
