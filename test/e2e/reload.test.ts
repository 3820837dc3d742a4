import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Certificate, createCa } from '../support/builders/certificates.ts'
import { type Overrides, writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { isMissing } from '../support/programs/programs.ts'
import { type RunningTracker, startProgram, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const STEP_WITHIN_MS = 15_000
const OPEN: Overrides = { prehooks: [{ name: 'traffic push' }] }
/** Enough connections for both workers to get some: that one gets all has a chance of 1 in 2^31. */
const MANY = 32

let redisUrl: string
beforeEach(async () => {
  redisUrl = (await startRedis()).url
})
afterEach(endProcesses)

const interval = async ({ announceUrl }: RunningTracker) =>
  (await announceTo(announceUrl, { infohash: randomBytes(20), peerId: randomBytes(20) })).get('interval')

/** The next line with this message. */
const says = (tracker: RunningTracker, message: RegExp) =>
  tracker.process.says(new RegExp(`"msg":"${message.source}`), STEP_WITHIN_MS)

function hangUp({ pid }: RunningTracker): void {
  process.kill(pid, 'SIGHUP')
}

describe('SIGHUP', () => {
  test('has the file read anew', async () => {
    const tracker = await startTracker({ redisUrl, config: OPEN })
    expect(await interval(tracker)).toBe(1800)
    hangUp(tracker)
    await says(tracker, /reload: nothing has changed/)
    tracker.configure({ ...OPEN, announce_interval: '20m' })
    hangUp(tracker)
    await says(tracker, /reloaded/)
    expect(await interval(tracker)).toBe(1200)
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })

  test('while the program loads does not end it', async () => {
    // Sends it to itself when its first file is looked for.
    const preload = `import { registerHooks } from 'node:module'
      registerHooks({ resolve(specifier, context, next) {
        if (specifier.endsWith('cli/main.js')) process.kill(process.pid, 'SIGHUP')
        return next(specifier, context)
      } })`
    const config = writeExampleConfig({ ...OPEN, metrics_addr: '127.0.0.1:0', http: { addr: ':0' } })
    const tracker = await startProgram(['serve', '--config', config], {
      REDIS_URL: redisUrl,
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(preload)}`,
    })
    await tracker.says(/"msg":"serving"/, STEP_WITHIN_MS)
    expect(await tracker.end('SIGTERM')).toEqual({ code: 0, signal: null })
  })

  test('before it serves is carried out when it does', async () => {
    const config = writeExampleConfig({
      ...OPEN,
      metrics_addr: '127.0.0.1:0',
      http: { addr: '127.0.0.1:0' },
      udp: { addr: '127.0.0.1:0' },
    })
    // It waits for a Redis that is not there, having said what it thinks of its file.
    const tracker = await startProgram(['serve', '--config', config], { REDIS_URL: 'redis://127.0.0.1:1/0' })
    await tracker.says(/udp.private_key/, STEP_WITHIN_MS)
    expect(tracker.output()).not.toContain('"msg":"serving"')
    tracker.signal('SIGHUP')
    await tracker.says(/"msg":"serving"/, STEP_WITHIN_MS)
    await tracker.says(/"because":"SIGHUP","msg":"reload: nothing has changed"/, STEP_WITHIN_MS)
  })

  test('with an invalid file says every mistake and leaves things as they are', async () => {
    const tracker = await startTracker({ redisUrl, config: OPEN })
    tracker.configure({ ...OPEN, announce_interval: '5s', log_level: 'loud', unknown: 1 })
    hangUp(tracker)
    await says(tracker, /reload refused, the running configuration stays/)
    for (const mistake of [
      /announce_interval: 5s is below 1m/,
      /log_level: loud is none of/,
      /unknown: unknown key/,
    ])
      expect(tracker.output()).toMatch(mistake)
    expect(await interval(tracker)).toBe(1800)
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })

  test('names what needs a restart', async () => {
    const tracker = await startTracker({ redisUrl, config: OPEN })
    tracker.configure({ ...OPEN, workers: 2, announce_interval: '20m', http: { addr: '127.0.0.1:0' } })
    hangUp(tracker)
    await says(tracker, /reload: needs a restart to change: workers, http.addr/)
    await says(tracker, /reloaded/)
    expect(await interval(tracker)).toBe(1200)
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })

  test('reaches all workers, also one that starts later', async () => {
    const config = { ...OPEN, workers: 2, shutdown_timeout: '5s' }
    const tracker = await startTracker({ redisUrl, config })
    const intervals = async () =>
      new Set(await Promise.all(Array.from({ length: MANY }, () => interval(tracker))))
    expect(await intervals()).toEqual(new Set([1800]))
    tracker.configure({ ...config, announce_interval: '20m' })
    hangUp(tracker)
    await says(tracker, /reloaded/)
    expect(await intervals()).toEqual(new Set([1200]))

    const serves = /"worker":(\d+),"msg":"worker serves"/g
    const workers = () => [...tracker.output().matchAll(serves)].map(([, pid]) => Number(pid))
    const [first] = workers()
    process.kill(first!, 'SIGKILL')
    await eventually('another takes its place', STEP_WITHIN_MS, () => workers().length > 2 || undefined)
    expect(await intervals()).toEqual(new Set([1200]))
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })
})

test('a file that is written anew is taken up without a signal', async () => {
  const tracker = await startTracker({ redisUrl, config: OPEN })
  tracker.configure({ ...OPEN, announce_interval: '20m' })
  await says(tracker, /reloaded/)
  expect(await interval(tracker)).toBe(1200)
})

describe.skipIf(isMissing('openssl'))('a certificate', () => {
  /** Links as Kubernetes keeps them: tls.crt and tls.key lead through one link that is swapped. */
  function mount(certificate: Certificate) {
    const folder = temporaryFolder()
    let generation = 0
    const put = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>) => {
      const name = `generation-${++generation}`
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'tls.crt'), cert)
      writeFileSync(join(folder, name, 'tls.key'), key)
      symlinkSync(name, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, 'now'))
    }
    put(certificate)
    return { put, certPath: join(folder, 'now', 'tls.crt'), keyPath: join(folder, 'now', 'tls.key') }
  }

  /** The common name that a new connection is shown. */
  async function shown({ httpsPort }: RunningTracker, ca: string): Promise<string | undefined> {
    const socket = connectTls({ port: httpsPort, host: '127.0.0.1', servername: 'localhost', ca })
    await once(socket, 'secureConnect')
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return [subject.CN].flat()[0]
  }

  test.each([1, 2])('swapped on disk is shown to new connections, with %i workers', async (workers) => {
    const ca = createCa(temporaryFolder())
    const [first, second, third] = [ca.issue('first'), ca.issue('second'), ca.issue('third')]
    const mounted = mount(first)
    const { certPath: tls_cert_path, keyPath: tls_key_path } = mounted
    const tracker = await startTracker({
      redisUrl,
      config: { ...OPEN, workers, http: { https_addr: '127.0.0.1:0', tls_cert_path, tls_key_path } },
    })
    const shownToMany = async () =>
      new Set(
        await Promise.all(Array.from({ length: workers === 1 ? 1 : MANY }, () => shown(tracker, ca.ca))),
      )
    expect(await shownToMany()).toEqual(new Set(['first']))

    mounted.put(second)
    await says(tracker, /reloaded/)
    expect(await shownToMany()).toEqual(new Set(['second']))

    mounted.put({ cert: third.cert, key: first.key })
    await says(tracker, /reload refused, the running configuration stays/)
    expect(tracker.output()).toMatch(/tls_key_path: .* is not the key to the certificate/)
    expect(await shownToMany()).toEqual(new Set(['second']))

    mounted.put(third)
    await eventually('the third is shown', STEP_WITHIN_MS, async () => {
      const names = await shownToMany()
      return (names.size === 1 && names.has('third')) || undefined
    })
    for (const { key } of [first, second, third]) expect(tracker.output()).not.toContain(key.slice(40, 80))
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })
})
