import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Overrides, writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { get, type HttpAnswer, percentEncode, sendBytes } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { freePorts, portOf } from '../support/programs/freePorts.ts'
import { redswarm, startProgram } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  type StartedProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { noteSecrets, saidSecrets, watchOutput } from '../support/secretsWatch.ts'
import { startRedis } from '../support/servers/redis.ts'

/**
 * Everything fails that can be made to fail, at every log level; what the program prints, answers and shows on its metrics
 * address is then looked through for every secret it was given.
 */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const STEP_WITHIN_MS = 15_000
const aSecret = () => randomBytes(16).toString('hex')

const LISTED = aSecret()
const SECRETS = {
  udpKey: aSecret(),
  olderUdpKey: aSecret(),
  siteToken: aSecret(),
  apiKey: aSecret(),
  signature: aSecret(),
  keySetToken: aSecret(),
  encryption: aSecret(),
  inBrokenFile: aSecret(),
  header: aSecret(),
}
noteSecrets(LISTED, ...Object.values(SECRETS))

let redisUrl: string
let admin: Redis
const pages: string[] = []
watchOutput('answers and pages', () => pages.join('\n'))

/** The site, in every mood; each passkey meets another one. */
const moods: RequestListener[] = [
  (_, response) => response.writeHead(500).end('no'),
  (request, response) => response.writeHead(302, { Location: `http://127.0.0.1:1${request.url}` }).end(),
  (_, response) => response.writeHead(200).end('{"valid": '),
  (request, response) =>
    response.writeHead(200).end(JSON.stringify({ error: request.url, headers: request.headers })),
  (request) => request.socket.destroy(),
  () => undefined, // for longer than it may
  (_, response) => response.writeHead(200).end('{"valid": false}'),
  (_, response) => response.writeHead(200).end('{"valid": true}'),
]
let asked = 0
const site = createServer((request, response) => moods[asked++ % moods.length]!(request, response))

beforeAll(async () => {
  redisUrl = (await startRedis()).url
  admin = new Redis(redisUrl)
  admin.on('error', () => undefined) // it finds its way back
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
})
afterEach(endProcesses)
afterAll(() => {
  admin.disconnect()
  site.closeAllConnections()
  site.close()
})

const approval = (further: object = {}) => ({
  name: 'passkey approval',
  options: {
    http_url: `http://127.0.0.1:${portOf(site)}/verify?token=${SECRETS.siteToken}`,
    http_timeout: '200ms',
    http_api_key: SECRETS.apiKey,
    http_signature_secret: SECRETS.signature,
    ...further,
  },
})
const jwt = () => ({
  name: 'jwt',
  options: {
    issuer: 'https://issuer.example',
    audience: 'https://tracker.example',
    jwk_set_url: `http://127.0.0.1:${portOf(site)}/keys?token=${SECRETS.keySetToken}`,
    jwk_set_update_interval: '1s',
  },
})

interface Started {
  readonly announceUrl: string
  readonly metricsUrl: string
  readonly port: number
  readonly udpPort: number
  readonly process: StartedProcess
  /** Writes its file anew. */
  configure(config: Overrides): void
}

/** On ports that are known beforehand: at most levels it does not say where it listens. */
async function start(log_level: string, prehooks: readonly object[]): Promise<Started> {
  const [port, metricsPort, udpPort] = (await freePorts(3)) as [number, number, number]
  const at = {
    http: { addr: `127.0.0.1:${port}` },
    metrics_addr: `127.0.0.1:${metricsPort}`,
    shutdown_delay: '0s',
  }
  const config = configOf(log_level, prehooks, udpPort)
  const path = writeExampleConfig({ ...config, ...at })
  const child = await startProgram(['serve', '--config', path], { REDIS_URL: redisUrl })
  const metricsUrl = `http://127.0.0.1:${metricsPort}`
  await eventually('the tracker is ready', STEP_WITHIN_MS, async () => {
    if (child.hasExited()) throw new Error(`the tracker ended:\n${child.output()}`)
    const answer = await get(`${metricsUrl}/readyz`).catch(() => undefined) // not listening yet
    return answer?.status === 200 || undefined
  })
  return {
    announceUrl: `http://127.0.0.1:${port}/announce`,
    metricsUrl,
    port,
    udpPort,
    process: child,
    configure: (next) => void writeExampleConfig({ ...next, ...at }, path),
  }
}

const configOf = (log_level: string, prehooks: readonly object[], udpPort: number): Overrides => ({
  log_level,
  prehooks,
  udp: {
    addr: `127.0.0.1:${udpPort}`,
    private_key: SECRETS.udpKey,
    previous_private_keys: [SECRETS.olderUdpKey],
  },
  storage: { config: { store_timeout: '200ms' } },
})

const aQuery = (infohash = randomBytes(20)) =>
  `info_hash=${percentEncode(infohash)}&peer_id=${percentEncode(randomBytes(20))}&port=6881&uploaded=0&downloaded=0&left=1`

/** Keeps what comes back, to be looked through. */
async function ask(url: string): Promise<HttpAnswer> {
  const answer = await get(url)
  pages.push(answer.body.toString('latin1'))
  return answer
}

/** Each announce with a passkey of its own, so that each asks the site. */
async function announceInAllWays(tracker: Started): Promise<void> {
  const root = tracker.announceUrl.replace(/\/announce$/, '')
  await ask(`${root}/announce/${LISTED}?${aQuery()}`)
  for (const _ of moods) await ask(`${root}/announce/${aSecret()}?${aQuery()}`)
  await ask(`${root}/${aSecret()}/announce?${aQuery()}`)
  await ask(`${root}/announce?passkey=${aSecret()}&${aQuery()}`)
  await ask(`${root}/announce?credential=${aSecret()}&${aQuery()}`)
  await ask(`${root}/announce?uk=${aSecret()}%20${aSecret()}&${aQuery()}`) // not well-formed
  await ask(`${root}/announce/${aSecret()}?info_hash=1`)
  await ask(`${root}/scrape/${aSecret()}?info_hash=%zz`)
}

/** Bytes that are no request, or none that is served. */
async function sendNonsense({ port }: Started): Promise<void> {
  const passkey = aSecret()
  noteSecrets(passkey)
  for (const bytes of [
    `GET /nowhere/${passkey} HTTP/1.0\r\n\r\n`,
    `POST /announce/${passkey} HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    `GET /announce/${passkey}?info_hash=\xff\xfe HTTP/1.1\r\nHost: t\r\n\r\n`,
    `GET /announce/${passkey}?${'a'.repeat(20_000)} HTTP/1.1\r\nHost: t\r\n\r\n`,
    `GET /announce/${passkey} HTTP/1.1\r\nAuthorization: ${SECRETS.header}${'a'.repeat(20_000)}\r\n\r\n`,
    `${passkey} ${SECRETS.header}\r\n\r\n`,
  ])
    pages.push(await sendBytes(port, bytes))
}

async function askOverUdp({ udpPort }: Started): Promise<void> {
  const client = new UdpClient(udpPort)
  try {
    await client.connect()
    for (const url of [`/announce/${LISTED}`, `/announce/${aSecret()}`, `/announce?passkey=${aSecret()}`])
      pages.push(JSON.stringify(await client.announce({ url })))
    await client.send(Buffer.from(SECRETS.header.repeat(4)))
  } finally {
    client.close()
  }
}

/** Redis in every state that a client notices, and in order again. */
const redisFaults: readonly (readonly [
  string,
  broken: () => Promise<unknown>,
  mended: () => Promise<unknown>,
])[] = [
  ['wrong type', () => admin.set('tracker:traffic', 'no stream'), () => admin.del('tracker:traffic')],
  ['out of memory', () => admin.config('SET', 'maxmemory', '1'), () => admin.config('SET', 'maxmemory', '0')],
  ['timeout', () => admin.client('PAUSE', 60_000, 'WRITE'), () => admin.client('UNPAUSE')],
  ['not permitted', () => admin.acl('SETUSER', 'tracker', 'clearselectors'), () => admin.acl('LOAD')],
  [
    'connection',
    async () => {
      await admin.acl('SETUSER', 'tracker', 'resetpass', '>another-password-of-tracker')
      await admin.client('KILL', 'USER', 'tracker')
    },
    () => admin.acl('LOAD'),
  ],
]

async function breakRedis(tracker: Started): Promise<void> {
  const url = `${tracker.announceUrl}/${LISTED}?${aQuery()}`
  const wrongSession = randomBytes(20)
  await admin.set(`session:${wrongSession.toString('hex')}:${LISTED}`, 'no hash')
  await ask(`${tracker.announceUrl}/${LISTED}?${aQuery(wrongSession)}`)
  for (const [kind, broken, mended] of redisFaults) {
    await broken()
    await eventually(`an error of the kind ${kind}`, STEP_WITHIN_MS, async () => {
      await ask(url)
      await ask(`${tracker.announceUrl}/${aSecret()}?${aQuery()}`) // what the site says cannot be remembered either
      const { body } = await ask(`${tracker.metricsUrl}/metrics`)
      return (
        new RegExp(`^redswarm_script_errors_total\\{kind="${kind}"\\} [1-9]`, 'm').test(body.toString()) ||
        undefined
      )
    })
    await mended()
  }
  await admin.del('pt:passkeys')
  await eventually('it serves again, or would if there were a list', STEP_WITHIN_MS, async () => {
    await ask(url)
    return (await ask(`${tracker.metricsUrl}/readyz`)).status === 200 || undefined
  })
  await admin.sadd('pt:passkeys', LISTED)
}

/** A file full of mistakes and secrets; and what the running one makes of it. */
async function reloadBroken(tracker: Started, level: string): Promise<void> {
  tracker.configure({
    ...configOf(
      level,
      [approval({ http_api_key: `${SECRETS.inBrokenFile}\n` }), { name: 'no such hook' }],
      tracker.udpPort,
    ),
    storage: { config: { redis_broker: `http://user:${SECRETS.inBrokenFile}@127.0.0.1` } },
    udp: { addr: '127.0.0.1:0', private_key: [SECRETS.inBrokenFile] },
  })
  tracker.process.signal('SIGUSR2') // now it says so at every level
  await eventually('the reload is refused', STEP_WITHIN_MS, async () => {
    tracker.process.signal('SIGHUP')
    return tracker.process.output().includes('reload refused') || undefined
  })
}

async function takeAllPages({ metricsUrl }: Started): Promise<void> {
  for (const path of [
    '',
    'cmdline',
    'symbol',
    'heap',
    'profile?seconds=1',
    'trace?seconds=1',
    'heap?worker=1',
  ]) {
    const answer = await fetch(`${metricsUrl}/debug/pprof/${path}`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    pages.push((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('latin1'))
  }
  for (const path of ['metrics', 'stats', 'readyz', 'nothing']) await ask(`${metricsUrl}/${path}`)
}

test.each(LEVELS)('log level %s: no secret in whatever is said', async (level) => {
  await admin.sadd('pt:passkeys', LISTED)
  const tracker = await start(level, [approval(), { name: 'traffic push' }])
  await announceInAllWays(tracker)
  await sendNonsense(tracker)
  await askOverUdp(tracker)
  await breakRedis(tracker)
  await reloadBroken(tracker, level)
  const busy = announceInAllWays(tracker)
  await takeAllPages(tracker)
  await busy
  expect(await tracker.process.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(saidSecrets().leaks).toEqual([])
})

test('with encrypted credentials, tokens and a key set that cannot be had', async () => {
  await admin.sadd('pt:passkeys', LISTED)
  const hooks = [approval({ encryption_key: SECRETS.encryption }), jwt(), { name: 'traffic push' }]
  const tracker = await start('trace', hooks)
  for (let i = 0; i < moods.length; i++) {
    await announceInAllWays(tracker)
    await ask(`${tracker.announceUrl}?jwt=${aSecret()}.${aSecret()}.${aSecret()}&${aQuery()}`)
  }
  await tracker.process.says(/no new JWK set/, STEP_WITHIN_MS)
  await takeAllPages(tracker)
  expect(await tracker.process.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(saidSecrets().leaks).toEqual([])
})

test('commands that fail say why and no more', async () => {
  const broken = writeExampleConfig({
    prehooks: [approval({ http_api_key: `${SECRETS.inBrokenFile}\n` })],
    storage: { config: { redis_broker: `http://user:${SECRETS.inBrokenFile}@127.0.0.1` } },
  })
  const list = join(temporaryFolder(), 'passkeys')
  writeFileSync(list, `${LISTED}\n${aSecret()} ${SECRETS.header}\n`)
  const nowhere = `redis://tracker:${SECRETS.inBrokenFile}@127.0.0.1:1`
  const codes: number[] = []
  for (const [args, url] of [
    [['check-config', '--config', broken], undefined],
    [['serve', '--config', broken], undefined],
    [['check-config'], `nonsense://${SECRETS.inBrokenFile}@127.0.0.1`],
    [['passkeys', 'add', aSecret()], nowhere],
    [['passkeys', 'add', `${aSecret()} ${aSecret()}`], redisUrl],
    [['passkeys', 'has', aSecret()], redisUrl],
    [['passkeys', 'import', list], redisUrl],
    [['traffic', 'lag'], nowhere],
    [['load', `http://127.0.0.1:1/announce?passkey=${aSecret()}`, '--announces', '10'], undefined],
  ] as const)
    codes.push((await redswarm(args, { REDIS_URL: url })).code)
  expect(codes).not.toContain(0)
  const { leaks, outputs, secrets } = saidSecrets()
  expect(leaks).toEqual([])
  expect(outputs).toBeGreaterThan(LEVELS.length + codes.length)
  expect(secrets).toBeGreaterThan(100)
})
