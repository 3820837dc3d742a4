import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { HttpServer, HttpServerOptions } from '../../../src/tracker/frontend/http/server.ts'
import { createCa } from '../../support/builders/certificates.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { isMissing } from '../../support/programs/programs.ts'
import { exchange, open, requestOf, SERVING, startFrontend } from '../../support/servers/frontendUnderTest.ts'

const servers: HttpServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))
const folder = mkdtempSync(join(tmpdir(), 'redswarm-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.skipIf(isMissing('openssl'))('HTTPS', () => {
  const ca = createCa(folder)
  const first = ca.issue('first')

  async function start(options: Partial<HttpServerOptions> = {}) {
    const started = await startFrontend({ tls: first, ...options })
    servers.push(started.server)
    return started
  }

  /** A connection whose handshake is done. */
  async function secured(port: number, options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2'; host?: string } = {}) {
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.ca, ...options })
    await once(socket, 'secureConnect')
    return socket.on('error', () => undefined)
  }
  const nameOf = (socket: Awaited<ReturnType<typeof secured>>) => socket.getPeerCertificate().subject.CN

  test.each(['127.0.0.1', '::1'])(
    'announces and scrapes of a client that trusts the authority, at %s',
    async (host) => {
      const { port, tracker } = await start()
      for (const action of ['announce', 'scrape'] as const)
        expect(await exchange({ port, host, ca: ca.ca }, requestOf(action))).toMatch(/^HTTP\/1.1 200 /)
      expect(tracker.clients).toEqual([host, host])
    },
  )

  test('a client that does not trust the authority is not served', async () => {
    const { port, tracker } = await start()
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost' })
    const [error] = (await once(socket, 'error')) as [Error]
    expect(error.message).toMatch(/certificate/)
    expect(tracker.clients).toEqual([])
  })

  test('plain HTTP on its port ends the connection and harms nobody', async () => {
    const { port, tracker, faults } = await start()
    expect(await exchange({ port }, requestOf('announce'))).toBe('')
    expect(await exchange({ port, ca: ca.ca }, requestOf('announce'))).toMatch(/^HTTP\/1.1 200 /)
    expect(tracker.clients).toHaveLength(1)
    expect(faults).toEqual([])
  })

  test('TLS 1.2 is the oldest version spoken', async () => {
    const { port } = await start()
    const socket = await secured(port, { maxVersion: 'TLSv1.2' })
    expect(socket.getProtocol()).toBe('TLSv1.2')
    socket.destroy()
    await expect(secured(port, { maxVersion: 'TLSv1.1' })).rejects.toThrow()
  })

  test('a handshake that is not finished ends with the read timeout', async () => {
    const { port } = await start({ readTimeoutMs: 100 })
    const socket = await open({ port })
    socket.resume()
    await once(socket, 'close')
  })

  test('another certificate is shown to new connections, and those there are go on', async () => {
    const { server, port, tracker } = await start()
    const before = await secured(port)
    expect(nameOf(before)).toBe('first')
    server.prepare({ ...SERVING, tracker, tls: ca.issue('second') })()
    const after = await secured(port)
    expect(nameOf(after)).toBe('second')
    before.write(requestOf('announce'))
    before.resume()
    await once(before, 'close')
    expect(tracker.clients).toEqual(['127.0.0.1'])
    after.destroy()
  })

  test('a pair that does not fit together is refused, and the one before stays', async () => {
    const { server, port, tracker } = await start()
    const { cert } = ca.issue('second')
    expect(() => server.prepare({ ...SERVING, tracker, tls: { cert, key: first.key } })).toThrow()
    const socket = await secured(port)
    expect(nameOf(socket)).toBe('first')
    socket.destroy()
  })

  test('closing lets an answer under way be finished and cuts an unfinished handshake', async () => {
    const { server, port } = await start({ readTimeoutMs: 0 })
    const half = await open({ port })
    half.write(Buffer.from('1603010200', 'hex'))
    await becomes(() => half.bytesWritten, 5)
    const answer = exchange({ port, ca: ca.ca }, requestOf('announce'))
    expect(await answer).toMatch(/^HTTP\/1.1 200 /)
    const closed = once(half.resume(), 'close')
    await server.close(50)
    await closed
  })
})
