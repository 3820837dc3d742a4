import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { type BencodeValue, bdecode } from '../../../src/bittorrent/bencode.ts'
import { FAILURE_REASONS, type FailureCode, Refusal } from '../../../src/bittorrent/failure.ts'
import type { AnnounceRequest, AnnounceResponse, ScrapeRequest } from '../../../src/bittorrent/types.ts'
import { StoreUnavailable } from '../../../src/runtime/errors.ts'
import type { Tracker } from '../../../src/tracker/core/tracker.ts'
import {
  createHttpServer,
  type HttpServer,
  type HttpServerOptions,
} from '../../../src/tracker/frontend/http/server.ts'

const INFOHASH = '%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9a'
const INFOHASH_HEX = '123456789abcdef123456789abcdef123456789a'
const GOOD = `info_hash=${INFOHASH}&peer_id=-TR3000-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=3`

const answerTo = (request: AnnounceRequest): AnnounceResponse => ({
  seeders: 1,
  leechers: 2,
  snatches: 3,
  intervalSeconds: 1800,
  minIntervalSeconds: 900,
  peers: new Uint8Array(),
  externalIp: request.address,
  warning: undefined,
})

/** Answers at once and remembers what it was asked. */
class RecordingTracker implements Tracker {
  readonly announces: AnnounceRequest[] = []
  readonly scrapes: ScrapeRequest[] = []

  async announce(request: AnnounceRequest) {
    this.announces.push(request)
    return answerTo(request)
  }

  async scrape(request: ScrapeRequest) {
    this.scrapes.push(request)
    return {
      files: request.infohashes.map((infohash) => ({ infohash, seeders: 1, leechers: 2, snatches: 3 })),
    }
  }
}

const servers: HttpServer[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => server.close(0)))
})

async function start(options: Partial<HttpServerOptions> = {}, host = '127.0.0.1') {
  const tracker = new RecordingTracker()
  const faults: unknown[] = []
  const observed: string[] = []
  const server = createHttpServer({
    tracker,
    reportFault: (error) => faults.push(error),
    observe: (action, family, error) => observed.push(`${action} ${family} ${error}`),
    listen: { host, port: 0 },
    announceRoutes: ['/announce', '/announce/:passkey', '/:passkey/announce', '/announce.php'],
    scrapeRoutes: ['/scrape', '/scrape/:passkey', '/:passkey/scrape', '/scrape.php'],
    passkeyParams: ['passkey', 'uk'],
    defaultNumwant: 50,
    maxNumwant: 100,
    maxScrapeInfohashes: 50,
    allowIpSpoofing: false,
    realIpHeader: undefined,
    trustedProxies: ['127.0.0.0/8'],
    readTimeoutMs: 5000,
    writeTimeoutMs: 5000,
    idleTimeoutMs: 30_000,
    enableKeepalive: true,
    maxHeaderBytes: 8192,
    retryInMinutes: 5,
    retryIntervalSeconds: 300,
    ...options,
  })
  servers.push(server)
  const { port } = await server.listen()
  return { tracker, faults, observed, server, port }
}

async function open(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host })
  sockets.push(socket)
  socket.on('error', () => {}) // a reset after the answer is no test's business
  await once(socket, 'connect')
  return socket
}

interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Reads answers by their Content-Length until there are `count`, or until the other end closes. */
async function readAnswers(socket: Socket, count: number): Promise<Answer[]> {
  const answers: Answer[] = []
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += (chunk as Buffer).toString('latin1')
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd < 0) break
      const head = text.slice(0, headEnd)
      const end = headEnd + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (text.length < end) break
      answers.push({ status: Number(head.slice(9, 12)), head, body: text.slice(headEnd + 4, end) })
      text = text.slice(end)
      if (answers.length === count) return answers
    }
  }
  return answers
}

/** Sends bytes as they are and gives the first answer. */
async function send(port: number, bytes: string, host?: string): Promise<Answer> {
  const socket = await open(port, host)
  socket.write(Buffer.from(bytes, 'latin1'))
  const [answer] = await readAnswers(socket, 1)
  return answer!
}

const get = (port: number, target: string, headers = '', host?: string) =>
  send(port, `GET ${target} HTTP/1.1\r\nHost: tracker\r\n${headers}\r\n`, host)

const dictionary = (body: string) => bdecode(Buffer.from(body, 'latin1')) as Map<string, BencodeValue>
const failureIn = ({ body }: Answer) => dictionary(body).get('failure reason')?.toString()

/** Whether the other end closes; the test's own time limit says no. */
async function closes(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}

describe('every refusal of the parser reaches the client as a bencoded failure with status 200', () => {
  const without = (name: string) => GOOD.replace(new RegExp(`${name}=[^&]*&?`), '')
  const cases: [FailureCode, string][] = [
    ['invalidQueryEscape', `${GOOD}&x=%zz`],
    ['invalidInfohash', `${without('info_hash')}&info_hash=short`],
    ['noInfohash', without('info_hash')],
    ['multipleInfohashes', `${GOOD}&info_hash=${INFOHASH}`],
    ['unparsablePeerId', without('peer_id')],
    ['invalidPeerId', `${GOOD}&peer_id=short`],
    ['unparsableLeft', without('left')],
    ['unparsableDownloaded', without('downloaded')],
    ['unparsableUploaded', `${GOOD}&uploaded=9007199254740992`],
    ['unparsableNumwant', `${GOOD}&numwant=x`],
    ['unparsablePort', without('port')],
    ['invalidPort', `${GOOD}&port=0`],
  ]
  test.each(cases)('%s', async (code, query) => {
    const { port, tracker, observed } = await start({ allowIpSpoofing: true })
    const answer = await get(port, `/announce?${query}`)
    expect(answer.status).toBe(200)
    expect(answer.head).toMatch(/^content-type: text\/plain; charset=utf-8$/im)
    expect(answer.body).toBe(`d14:failure reason${FAILURE_REASONS[code].length}:${FAILURE_REASONS[code]}e`)
    expect(tracker.announces).toHaveLength(0)
    expect(observed).toEqual([`announce Unknown ${FAILURE_REASONS[code]}`])
  })

  test('a scrape without an infohash', async () => {
    const { port, observed } = await start()
    expect(failureIn(await get(port, '/scrape'))).toBe('no info_hash parameter supplied')
    expect(observed).toEqual(['scrape Unknown no info_hash parameter supplied'])
  })
})

describe('what the tracker throws', () => {
  const throwing = (error: unknown): Tracker => ({
    announce: () => Promise.reject(error),
    scrape: () => Promise.reject(error),
  })

  test.each(['missingPasskey', 'invalidPasskey', 'unapprovedPasskey'] as const)(
    '%s is shown',
    async (code) => {
      const { port, faults, observed } = await start({ tracker: throwing(new Refusal(code)) })
      expect(failureIn(await get(port, `/announce?${GOOD}`))).toBe(FAILURE_REASONS[code])
      expect(faults).toHaveLength(0)
      expect(observed).toEqual([`announce IPv4 ${FAILURE_REASONS[code]}`])
    },
  )

  const unavailable = new StoreUnavailable('announce.lua')
  test.each([
    { error: new Refusal('temporarilyUnavailable'), reported: [] },
    { error: unavailable, reported: [unavailable, unavailable] },
  ])('a $error.name of the moment says when to come back', async ({ error, reported }) => {
    const { port, faults } = await start({ tracker: throwing(error) })
    for (const target of [`/announce?${GOOD}`, `/scrape?info_hash=${INFOHASH}`]) {
      expect((await get(port, target)).body).toBe(
        'd14:failure reason31:tracker temporarily unavailable8:intervali300e8:retry ini5ee',
      )
    }
    expect(faults).toEqual(reported)
  })

  test('our own fault is reported once and not described to the client', async () => {
    const error = new TypeError('secret detail')
    const { port, faults, observed } = await start({ tracker: throwing(error) })
    const answer = await get(port, `/announce?${GOOD}`)
    expect([answer.status, answer.body]).toEqual([200, 'd14:failure reason21:internal server errore'])
    expect(faults).toEqual([error])
    expect(observed).toEqual(['announce IPv4 internal error'])
  })

  test('who is failed by us is given the id of its request, under which the fault is reported', async () => {
    const requestIds: string[] = []
    const { port } = await start({
      tracker: throwing(new TypeError('secret detail')),
      reportFault: (_, requestId) => requestIds.push(requestId),
    })
    const idIn = ({ head }: { head: string }) => /^x-request-id: (\S+)$/im.exec(head)?.[1]
    const first = idIn(await get(port, `/announce?${GOOD}`))
    const second = idIn(await get(port, `/announce?${GOOD}`))
    expect(first).toMatch(/^\w+-\d+$/)
    expect(second).not.toBe(first)
    const ofProxy = idIn(await get(port, `/announce?${GOOD}`, 'X-Request-Id: proxy/42\r\n'))
    expect(ofProxy).toBe('proxy/42')
    const unfit = idIn(await get(port, `/announce?${GOOD}`, 'X-Request-Id: a "quoted" one\r\n'))
    expect(unfit).toMatch(/^\w+-\d+$/)
    expect(requestIds).toEqual([first, second, ofProxy, unfit])
  })
})

describe('announce and scrape', () => {
  test.each([
    ['/announce/KeyInPath', 'KeyInPath'],
    ['/KeyInPath/announce', 'KeyInPath'],
    ['/announce/announce', 'announce'],
    ['/announce/KeyInPath/', 'KeyInPath'],
    ['/announce/?passkey=KeyInQuery', 'KeyInQuery'],
    ['/announce/Key%2DCoded', 'Key-Coded'],
    ['/announce', undefined],
    ['/announce.php?passkey=KeyInQuery', 'KeyInQuery'],
    ['/announce.php?uk=KeyInQuery', 'KeyInQuery'],
    ['/announce/KeyInPath?passkey=KeyInQuery', 'KeyInPath'],
  ])('%s carries its passkey', async (target, passkey) => {
    const { port, tracker } = await start()
    const answer = await get(port, `${target}${target.includes('?') ? '&' : '?'}${GOOD}`)
    expect(answer.body).toMatch(/^d8:complete/)
    expect(tracker.announces.map((request) => request.passkey)).toEqual([passkey])
  })

  test('a passkey that cannot be decoded is handed on for the hook to refuse', async () => {
    const { port, tracker } = await start()
    for (const coded of ['%zz', '%ff', 'a%']) await get(port, `/announce/${coded}?${GOOD}`)
    expect(tracker.announces.map((request) => request.passkey)).toEqual(['%zz', '%ff', 'a%'])
  })

  test('an announce is answered with sorted keys and its own address', async () => {
    const { port, tracker, observed } = await start()
    const answer = await get(port, `/announce?${GOOD}&compact=1`, 'User-Agent: Transmission/4\r\n')
    expect(answer.body).toBe(
      'd8:completei1e10:downloadedi3e11:external ip4:\x7f\0\0\x0110:incompletei2e8:intervali1800e12:min intervali900e5:peers0:e',
    )
    expect(tracker.announces[0]).toMatchObject({ infohash: INFOHASH_HEX, userAgent: 'Transmission/4' })
    expect(observed).toEqual(['announce IPv4 '])
  })

  test('a scrape is answered by raw infohash', async () => {
    const { port, tracker, observed } = await start()
    const { body } = await get(port, `/scrape/Key?info_hash=${INFOHASH}`)
    const files = dictionary(body).get('files') as Map<string, BencodeValue>
    expect([...files.keys()].map((key) => Buffer.from(key, 'latin1').toString('hex'))).toEqual([INFOHASH_HEX])
    expect(tracker.scrapes[0]!.passkey).toBe('Key')
    expect(observed).toEqual(['scrape IPv4 '])
  })

  test('an infohash that nobody escaped arrives as it was', async () => {
    const raw = '!#$*"<>\\^`{|}[]abcde'
    const { port, tracker } = await start()
    await get(port, `/scrape?info_hash=${raw}`)
    expect(tracker.scrapes[0]!.infohashes).toEqual([Buffer.from(raw, 'latin1').toString('hex')])
  })
})

test('every byte in the query gives a refusal or an answer, but for those that end the target', async () => {
  const { port, faults, observed } = await start()
  for (let byte = 0; byte < 256; byte++) {
    const answer = await get(port, `/announce?x${String.fromCharCode(byte)}y&${GOOD}`)
    const endsTarget = byte === 0x0a || byte === 0x20
    if (endsTarget) expect(answer.status, `byte ${byte}`).toBe(400)
    else expect([answer.status, answer.body[0]], `byte ${byte}`).toEqual([200, 'd'])
  }
  const before = observed.length
  expect(failureIn(await get(port, `/announce?info_hash=\xff&${GOOD}`))).toBe('invalid query escape')
  expect(observed.slice(before)).toEqual([' Unknown invalid query escape'])
  expect(faults).toHaveLength(0)
})

describe('what clients send besides', () => {
  test('HTTP/1.0 without Host is served and closed', async () => {
    const { port } = await start()
    const socket = await open(port)
    socket.write(`GET /announce?${GOOD} HTTP/1.0\r\n\r\n`)
    const [answer] = await readAnswers(socket, 1)
    expect(answer!.body).toMatch(/^d8:complete/)
    await closes(socket)
  })

  test.each([
    '',
    'Host:\r\n',
    'Host: [\r\n',
    'Host: a b\r\n',
    'Host: tracker:80\r\n',
    'Host: tr_acker:6969\r\n',
  ])('HTTP/1.1 with the header "%s" is served', async (header) => {
    const { port } = await start()
    const answer = await send(port, `GET /announce?${GOOD} HTTP/1.1\r\n${header}\r\n`)
    expect(answer.body).toMatch(/^d8:complete/)
  })

  test('a target in absolute form is served', async () => {
    const { port } = await start()
    expect((await get(port, `http://tracker:6969/announce?${GOOD}`)).body).toMatch(/^d8:complete/)
    expect((await get(port, 'http://tracker')).status).toBe(404)
  })

  test('requests of one connection are answered in their order', async () => {
    const { port, tracker } = await start()
    const socket = await open(port)
    const requests = [1, 2, 3].map((left) => `GET /announce?${GOOD}&left=${left} HTTP/1.1\r\nHost: t\r\n\r\n`)
    socket.write(`${requests.join('')}GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n`)
    expect((await readAnswers(socket, 4)).map(({ status }) => status)).toEqual([200, 200, 200, 404])
    socket.write(requests[0]!)
    expect(await readAnswers(socket, 1)).toHaveLength(1)
    expect(tracker.announces.map((request) => request.leftBytes)).toEqual([1, 2, 3, 1])
  })

  test('a connection is closed after its answer when keep-alive is off', async () => {
    const { port } = await start({ enableKeepalive: false })
    const socket = await open(port)
    socket.write(`GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\nConnection: keep-alive\r\n\r\n`)
    const [answer] = await readAnswers(socket, 1)
    expect(answer!.head).toMatch(/^connection: close$/im)
    await closes(socket)
  })
})

describe('what is no announce', () => {
  test.each([
    '/',
    '/nowhere',
    '/announce/a/b',
    '/announcer',
    '/favicon.ico',
    '/%',
    '/\\..\\',
    '//',
    '/announce%2f',
  ])('%s is 404', async (target) => {
    const { port, observed } = await start()
    expect(await get(port, target)).toMatchObject({ status: 404, body: 'not found\n' })
    expect(observed).toEqual([])
  })

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND'])('%s is 405', async (method) => {
    const { port, tracker } = await start()
    const answer = await send(
      port,
      `${method} /announce?${GOOD} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc`,
    )
    expect(answer).toMatchObject({ status: 405, body: 'method not allowed\n' })
    expect(answer.head).toMatch(/^allow: GET$/im)
    expect((await send(port, `${method} /nowhere HTTP/1.1\r\nHost: t\r\n\r\n`)).status).toBe(404)
    expect(tracker.announces).toHaveLength(0)
  })

  test.each([
    ['POST', '/announce', 405],
    ['POST', '/nowhere', 404],
    ['GET', `/announce?${GOOD}`, 200],
  ])('the body of a %s %s is not read to its end', async (method, target, status) => {
    const { port } = await start()
    const socket = await open(port)
    socket.write(`${method} ${target} HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000000\r\n\r\n`)
    const [answer] = await readAnswers(socket, 1)
    expect(answer!.status).toBe(status)
    expect(answer!.head).toMatch(/^connection: close$/im)
    await closes(socket)
  })

  test('HEAD does not announce', async () => {
    const { port, tracker } = await start()
    const socket = await open(port)
    socket.write(`HEAD /announce?${GOOD} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n`)
    const [chunk] = await once(socket, 'data')
    expect(String(chunk)).toMatch(/^HTTP\/1\.1 405 /)
    expect(tracker.announces).toHaveLength(0)
  })

  test('a target beyond the limit is 414, headers beyond it are 431', async () => {
    const { port, observed } = await start({ maxHeaderBytes: 2048 })
    expect(await get(port, `/announce?x=${'a'.repeat(3000)}`)).toMatchObject({
      status: 414,
      body: 'uri too long\n',
    })
    expect(await get(port, '/announce', `X: ${'a'.repeat(3000)}\r\n`)).toMatchObject({ status: 431 })
    expect(observed).toEqual([' Unknown uri too long', ' Unknown request header fields too large'])
    expect((await get(port, `/announce?${GOOD}`, `X: ${'a'.repeat(1000)}\r\n`)).status).toBe(200)
  })

  test.each([
    'rubbish\r\n\r\n',
    'GET /announce HTTP/9.9\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
  ])('bytes that are no HTTP are 400 and the end of the connection', async (bytes) => {
    const { port, observed } = await start()
    const socket = await open(port)
    socket.write(Buffer.from(bytes, 'latin1'))
    expect(await readAnswers(socket, 1)).toMatchObject([{ status: 400, body: 'bad request\n' }])
    await closes(socket)
    expect(observed).toEqual([' Unknown bad request'])
  })

  test('a request that does not come to its end is cut off', async () => {
    const { port, observed } = await start({ readTimeoutMs: 50 })
    const socket = await open(port)
    socket.write('GET /announce HTTP/1.1\r\nHost')
    expect(await readAnswers(socket, 1)).toMatchObject([{ status: 408 }])
    await closes(socket)
    expect(observed).toEqual([' Unknown request timeout'])
  })

  test('who goes on sending after that is not served, and cut off', async () => {
    const { port, tracker } = await start({ readTimeoutMs: 50 })
    const socket = await open(port)
    socket.write(`GET /announce?${GOOD} HTTP/1.1\r\n`)
    expect(await readAnswers(socket, 1)).toMatchObject([{ status: 408 }])
    socket.write('Host: t\r\n\r\n') // the rest of a good announce
    const drip = setInterval(() => socket.write('X: y\r\n'), 20)
    onTestFinished(() => clearInterval(drip))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(tracker.announces).toHaveLength(0)
  })

  test('answers to what came before rubbish go first', async () => {
    const { port, tracker } = await start()
    const socket = await open(port)
    const good = `GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`
    socket.write(`${good}${good}GARBAGE\r\n\r\n`)
    expect((await readAnswers(socket, 3)).map(({ status }) => status)).toEqual([200, 200, 400])
    await closes(socket)
    expect(tracker.announces).toHaveLength(2)
  })

  test('a client that has said all and closed its side is answered', async () => {
    const { port } = await start()
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end(`GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`)
    expect(await readAnswers(socket, 1)).toMatchObject([{ status: 200 }])
    await closes(socket)
  })

  test('CONNECT is 405 as well', async () => {
    const { port } = await start()
    const answer = await send(port, 'CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n')
    expect(answer.status).toBe(405)
  })
})

describe('addresses', () => {
  test('[::] serves IPv4 and IPv6', async () => {
    const { port, tracker, observed } = await start({}, '::')
    await get(port, `/announce?${GOOD}`, '', '127.0.0.1')
    await get(port, `/announce?${GOOD}`, '', '::1')
    expect(tracker.announces.map(({ address }) => address.text)).toEqual(['127.0.0.1', '::1'])
    expect(observed).toEqual(['announce IPv4 ', 'announce IPv6 '])
  })

  test('an empty host listens everywhere', async () => {
    const { port } = await start({}, '')
    expect((await get(port, `/announce?${GOOD}`)).status).toBe(200)
  })

  test('a port in use is an error of listen', async () => {
    const { port } = await start()
    await expect(start({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('a trusted proxy names the client, a list of hops by the rightmost stranger', async () => {
    const { port, tracker } = await start({ realIpHeader: 'X-Forwarded-For' })
    for (const header of [
      '',
      'X-Forwarded-For:\r\n',
      'X-Forwarded-For: 198.51.100.1\r\n',
      'X-Forwarded-For: 1.1.1.1, 198.51.100.2, 127.0.0.9\r\n',
      'X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 198.51.100.3\r\n',
    ]) {
      await get(port, `/announce?${GOOD}`, header)
    }
    const texts = tracker.announces.map(({ address }) => address.text)
    expect(texts).toEqual(['127.0.0.1', '127.0.0.1', '198.51.100.1', '198.51.100.2', '198.51.100.3'])
    expect(failureIn(await get(port, `/announce?${GOOD}`, 'X-Forwarded-For: unknown\r\n'))).toBe(
      'failed to parse peer IP address',
    )
  })

  test('nobody else may name the client', async () => {
    const header = 'X-Real-IP: 198.51.100.1\r\n'
    const stranger = await start({ realIpHeader: 'X-Real-IP', trustedProxies: ['10.0.0.0/8'] })
    const unset = await start()
    for (const { port, tracker } of [stranger, unset]) {
      await get(port, `/announce?${GOOD}`, header)
      expect(tracker.announces[0]!.address.text).toBe('127.0.0.1')
    }
  })
})

describe('closing', () => {
  test('finishes what is in flight, accepts nothing new, closes what is idle', async () => {
    const asked = Promise.withResolvers<AnnounceRequest>()
    const answer = Promise.withResolvers<AnnounceResponse>()
    const tracker: Tracker = {
      announce: (request) => {
        asked.resolve(request)
        return answer.promise
      },
      scrape: async () => ({ files: [] }),
    }
    const { port, server } = await start({ tracker })
    const idle = await open(port)
    const busy = await open(port)
    busy.write(`GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`)
    const request = await asked.promise

    const closed = server.close(60_000)
    await closes(idle)
    await expect(open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    answer.resolve(answerTo(request))
    expect(await readAnswers(busy, 1)).toMatchObject([{ status: 200 }])
    await closes(busy)
    await closed
  })

  test('cuts off what takes longer than the grace period', async () => {
    const asked = Promise.withResolvers<void>()
    const tracker: Tracker = {
      announce: () => {
        asked.resolve()
        return new Promise(() => {})
      },
      scrape: async () => ({ files: [] }),
    }
    const { port, server } = await start({ tracker })
    const socket = await open(port)
    socket.write(`GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`)
    await asked.promise
    await Promise.all([server.close(20), closes(socket)])
  })

  test('may come twice', async () => {
    const { server } = await start()
    await Promise.all([server.close(0), server.close(0)])
    await expect(server.close(0)).resolves.toBeUndefined()
  })
})

describe('spelling of the path', () => {
  test.each([
    ['/announce//', undefined],
    ['//announce/KEY', 'KEY'],
    ['/announce//KEY', 'KEY'],
    ['/Announce/Key', 'Key'],
    ['/KEY/ANNOUNCE/', 'KEY'],
    ['/announce.PHP', undefined],
  ])('%s is served', async (path, passkey) => {
    const { port, tracker } = await start()
    expect((await get(port, `${path}?${GOOD}`)).status).toBe(200)
    expect(tracker.announces[0]).toMatchObject({ passkey })
  })
})

test('after a request with Upgrade the connection ends, since what follows is not read', async () => {
  const { port } = await start()
  const socket = await open(port)
  const line = `GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n`
  socket.write(`${line}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n${line}\r\n`)
  const [answer] = await readAnswers(socket, 1)
  expect(answer).toMatchObject({ status: 200, head: expect.stringMatching(/^connection: close$/im) })
  await closes(socket)
})

test('of 1,000 pipelined requests at most eight are under way, and all are answered', async () => {
  let underWay = 0
  let most = 0
  const tracker: Tracker = {
    async announce(request) {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      return answerTo(request)
    },
    scrape: () => Promise.reject(new Error('not asked')),
  }
  const { port } = await start({ tracker })
  const socket = await open(port)
  socket.write(`GET /announce?${GOOD} HTTP/1.1\r\nHost: t\r\n\r\n`.repeat(1000))
  const answers = await readAnswers(socket, 1000)
  expect([answers.length, most]).toEqual([1000, 8])
})
