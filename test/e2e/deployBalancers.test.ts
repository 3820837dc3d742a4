import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { bdecode } from '../../src/bittorrent/bencode.ts'
import type { Infohash } from '../../src/bittorrent/types.ts'
import { percentEncode } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { isMissing, programPath } from '../support/programs/programs.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { readTraffic, type TrafficReader } from '../support/servers/trackerTraffic.ts'

/** The examples of dist/ are run as they are; only ports and addresses are those of the test. */
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))
const HAPROXY_CFG = join(DIST, 'haproxy/haproxy.cfg')
const SOON_MS = 20_000
const PASSKEY = randomBytes(16).toString('hex')
const CLIENT = '127.0.0.31'
const isNotLinux = process.platform !== 'linux' // elsewhere 127.0.0.1 is the only loopback address
const isNotRoot = process.getuid?.() !== 0

let traffic: TrafficReader
let trackers: RunningTracker[]

beforeEach(async () => {
  const { url: redisUrl } = await startRedis()
  const admin = new Redis(redisUrl)
  await admin.sadd('pt:passkeys', PASSKEY)
  admin.disconnect()
  traffic = readTraffic(redisUrl)
  const reader = traffic
  onTestFinished(() => reader.close())
  const config = {
    http: { addr: '127.0.0.1:0', real_ip_header: 'x-forwarded-for', trusted_proxies: ['127.0.0.1'] },
    udp: { addr: '127.0.0.1:0', private_key: 'the same key for all trackers' },
  }
  trackers = [await startTracker({ redisUrl, config }), await startTracker({ redisUrl, config })]
})
afterEach(endProcesses)

/** An announce from an address of its own, which also claims to come from another one. */
function announceThrough(port: number, infohash: Buffer): Promise<{ status: number; interval: unknown }> {
  const query = `info_hash=${percentEncode(infohash)}&peer_id=${percentEncode(randomBytes(20))}&port=6881&uploaded=0&downloaded=0&left=1`
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        path: `/announce/${PASSKEY}?${query}`,
        localAddress: CLIENT,
        agent: false,
        headers: { 'X-Forwarded-For': '203.0.113.66' },
      },
      (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => {
          const status = response.statusCode!
          const answer = status === 200 ? (bdecode(Buffer.concat(pieces)) as Map<string, unknown>) : new Map()
          resolve({ status, interval: answer.get('interval') })
        })
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

/** All 256 bytes of an infohash arrive, from the client's own address. */
async function expectFaithful(port: number): Promise<void> {
  for (let first = 0; first < 256; first += 20) {
    const infohash = Buffer.from(Array.from({ length: 20 }, (_, i) => (first + i) % 256))
    expect(await announceThrough(port, infohash)).toEqual({ status: 200, interval: 1800 })
    const isIt = (entry: Readonly<Record<string, string>>) => entry.infohash === infohash.toString('hex')
    expect((await traffic.waitFor('the announce arrives', isIt, SOON_MS)).ip).toBe(CLIENT)
  }
}

/** Twenty announces, the first after one of the two trackers was killed. */
async function expectNoFailureWithout(killed: RunningTracker, port: number): Promise<void> {
  await killed.kill()
  for (let i = 0; i < 20; i++) expect((await announceThrough(port, randomBytes(20))).status).toBe(200)
}

const serves = (port: number) =>
  eventually('it serves', SOON_MS, async () => {
    const answer = await announceThrough(port, randomBytes(20)).catch(() => undefined)
    return answer?.status === 200 || undefined
  })

const udpPortOf = (tracker: RunningTracker) =>
  JSON.parse(/^\{.*"msg":"serving"\}$/m.exec(tracker.output())![0]).udp.port as number

describe.skipIf(isMissing('haproxy') || isNotLinux)('dist/haproxy/haproxy.cfg', () => {
  const environment = (port: number) => ({
    LISTEN: `127.0.0.1:${port}`,
    TRACKER_1: `127.0.0.1:${trackers[0]!.port}`,
    TRACKER_2: `127.0.0.1:${trackers[1]!.port}`,
    TRACKER_1_METRICS_PORT: `${trackers[0]!.metricsPort}`,
    TRACKER_2_METRICS_PORT: `${trackers[1]!.metricsPort}`,
  })
  const start = async () => {
    const [port] = await freePorts(1)
    const args = ['-db', '-f', HAPROXY_CFG]
    const env = environment(port!)
    const haproxy = await startProcess({ name: 'haproxy', program: 'haproxy', args, env })
    await serves(port!)
    return { haproxy, port: port! }
  }

  test('is valid without a warning', () => {
    const env = { ...process.env, ...environment(6969) }
    const { status, stderr } = spawnSync(programPath('haproxy')!, ['-c', '-f', HAPROXY_CFG], {
      env,
      encoding: 'utf8',
    })
    expect({ status, warnings: stderr.match(/WARNING|ALERT/g) }).toEqual({ status: 0, warnings: null })
  })

  test('passes on every byte and the address of the client, and logs no passkey', async () => {
    const { haproxy, port } = await start()
    await expectFaithful(port)
    await haproxy.says(/trackers\/tracker-1 .*trackers\/tracker-2 /s, SOON_MS)
    expect(haproxy.output()).not.toContain(PASSKEY)
    expect(haproxy.output()).not.toContain('info_hash')
  })

  test('finds the other tracker when one is killed, without a failed request', async () => {
    const { port } = await start()
    await expectNoFailureWithout(trackers[0]!, port)
  })
})

describe.skipIf(isMissing('nginx') || isNotLinux || isNotRoot)('dist/nginx/nginx.conf', () => {
  const start = async () => {
    const [port] = await freePorts(1)
    const folder = temporaryFolder()
    const path = join(folder, 'nginx.conf')
    let text = readFileSync(join(DIST, 'nginx/nginx.conf'), 'utf8')
    const [http, stream] = text.split('\nstream {') as [string, string]
    const onPorts = (part: string, [one, two]: readonly number[]) =>
      part
        .replaceAll('listen 6969', `listen 127.0.0.1:${port}`)
        .replaceAll('listen [::]:6969', `listen [::1]:${port}`)
        .replaceAll('127.0.0.1:6971', `127.0.0.1:${one}`)
        .replaceAll('127.0.0.1:6972', `127.0.0.1:${two}`)
    text = [
      onPorts(
        http,
        trackers.map((tracker) => tracker.port),
      ),
      onPorts(stream, trackers.map(udpPortOf)),
    ].join('\nstream {')
    writeFileSync(path, text.replace('/run/nginx.pid', join(folder, 'pid')))
    const { status, stderr } = spawnSync(programPath('nginx')!, ['-t', '-c', path], { encoding: 'utf8' })
    expect({ status, warnings: stderr.match(/\[(warn|emerg)\].*/g) }).toEqual({ status: 0, warnings: null })
    const args = ['-c', path, '-g', 'daemon off;']
    const nginx = await startProcess({ name: 'nginx', program: 'nginx', args })
    await serves(port!)
    return { nginx, port: port! }
  }

  test('passes on every byte and the address of the client over HTTP, and logs no passkey', async () => {
    const { nginx, port } = await start()
    await expectFaithful(port)
    expect(nginx.output()).not.toContain(PASSKEY)
  })

  test('finds the other tracker when one is killed, without a failed request', async () => {
    const { nginx, port } = await start()
    await expectNoFailureWithout(trackers[0]!, port)
    expect(nginx.output()).not.toContain(PASSKEY)
  })

  test('passes on announces over UDP from the address of the client, also to a tracker that did not connect it', async () => {
    const { port } = await start()
    const peers = new Map<string, string>()
    for (let host = 40; host < 56; host++) {
      const client = new UdpClient(port, 'IPv4', `127.0.0.${host}`)
      onTestFinished(() => client.close())
      const infohash = randomBytes(20).toString('hex') as Infohash
      const connectionId = await client.connect()
      const answer = await client.announce({ connectionId, infohash, url: `/announce/${PASSKEY}` })
      expect(answer.kind).toBe('announce')
      const isIt = (entry: Readonly<Record<string, string>>) => entry.infohash === infohash
      peers.set(`127.0.0.${host}`, (await traffic.waitFor('it arrives', isIt, SOON_MS)).ip!)
    }
    for (const [from, seen] of peers) expect(seen).toBe(from)
  })
})
