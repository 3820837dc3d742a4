import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createCa } from '../support/builders/certificates.ts'
import { percentEncode } from '../support/clients/bencodeClient.ts'
import { makeTorrent } from '../support/clients/torrent.ts'
import { startSeed } from '../support/clients/transmission.ts'
import { isMissing } from '../support/programs/programs.ts'
import { redswarm, startTracker } from '../support/programs/tracker.ts'
import { endProcesses, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startTcpProxy } from '../support/servers/haproxy.ts'
import { startRedis } from '../support/servers/redis.ts'
import { readTraffic, type TrafficReader } from '../support/servers/trackerTraffic.ts'

const STEP_WITHIN_MS = 20_000
const OPEN = { prehooks: [{ name: 'traffic push' }] }

let redisUrl: string
let traffic: TrafficReader

beforeEach(async () => {
  redisUrl = (await startRedis()).url
  traffic = readTraffic(redisUrl)
  const reader = traffic
  onTestFinished(() => reader.close())
})
afterEach(endProcesses)

describe.skipIf(isMissing('haproxy'))('behind a haproxy that passes on TCP with PROXY v2', () => {
  /** One announce on a connection from this address. @returns status line and all */
  async function announceFrom(localAddress: string, port: number, infohash: Buffer): Promise<string> {
    const host = localAddress.includes(':') ? '::1' : '127.0.0.1'
    const socket = connect({ port, host, localAddress })
    const query = `info_hash=${percentEncode(infohash)}&peer_id=${percentEncode(randomBytes(20))}&port=6881&uploaded=0&downloaded=0&left=1`
    socket.write(
      `GET /announce?${query} HTTP/1.1\r\nHost: t\r\nX-Forwarded-For: 203.0.113.66\r\nConnection: close\r\n\r\n`,
    )
    let answer = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    await once(socket, 'close')
    return answer
  }

  const isNotLinux = process.platform !== 'linux' // elsewhere 127.0.0.1 is the only loopback address
  test.skipIf(isNotLinux)('the tracker knows every client by its own address', async () => {
    const http = { addr: '127.0.0.1:0', proxy_protocol: true, trusted_proxies: ['127.0.0.1'] }
    const tracker = await startTracker({ redisUrl, config: { ...OPEN, http } })
    const { port } = await startTcpProxy(tracker.port)
    for (const address of ['127.0.0.1', '127.0.0.21', '::1']) {
      const infohash = randomBytes(20)
      expect(await announceFrom(address, port, infohash)).toMatch(/^HTTP\/1.1 200 /)
      const isIt = (entry: Readonly<Record<string, string>>) => entry.infohash === infohash.toString('hex')
      const { ip, af } = await traffic.waitFor(`${address} is known`, isIt, STEP_WITHIN_MS)
      expect({ ip, af }).toEqual({ ip: address, af: address.includes(':') ? 'IPv6' : 'IPv4' })
    }
    expect(tracker.output()).not.toContain('PROXY protocol') // its checks are no faults

    const infohash = randomBytes(20)
    expect(await announceFrom('127.0.0.21', tracker.port, infohash).catch(() => '')).toBe('')
    await tracker.process.says(/"reason":"not from a trusted proxy","peer":"127.0.0.21"/, STEP_WITHIN_MS)
    expect(await announceFrom('127.0.0.1', tracker.port, infohash).catch(() => '')).toBe('')
    await tracker.process.says(/"reason":"header missing","peer":"127.0.0.1"/, STEP_WITHIN_MS)
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })
})

describe.skipIf(isMissing('openssl', 'mktorrent', 'transmission-daemon'))('HTTPS', () => {
  test('transmission announces over it to a tracker whose authority it trusts', async () => {
    const ca = createCa(temporaryFolder())
    const { certPath, keyPath } = ca.issue('tracker')
    const https = { https_addr: '[::]:0', tls_cert_path: certPath, tls_key_path: keyPath }
    const tracker = await startTracker({ redisUrl, config: { ...OPEN, http: https } })
    const torrent = makeTorrent(`https://localhost:${tracker.httpsPort}/announce`, 100_000)
    const seed = await startSeed(torrent, { CURL_CA_BUNDLE: ca.caPath })
    const isTransmission = ({ agent }: Readonly<Record<string, string>>) => /^Transmission/.test(agent!)
    const first = await traffic.waitFor('transmission announces', isTransmission, STEP_WITHIN_MS)
    expect(first).toMatchObject({ event: 'started', left: '0' })
    await seed.leaveSwarm()
    const hasLeft = (entry: Readonly<Record<string, string>>) => entry.event === 'stopped'
    await traffic.waitFor('transmission leaves', hasLeft, STEP_WITHIN_MS)
    await seed.stop()
    expect(await tracker.stop()).toEqual({ code: 0, signal: null })
  })
})

test('check-config names all of ten different mistakes in one file', async () => {
  const path = join(temporaryFolder(), 'redswarm.yaml')
  writeFileSync(
    path,
    `
chihaya:
  announce_interval: 5s
  min_announce_interval: 15
  log_level: loud
  nonsense: 1
  http:
    addr: "6969"
    https_addr: ":6443"
    tls_cert_path: /nowhere/tls.crt
    tls_key_path: /nowhere/tls.key
    max_numwant: many
    trusted_proxies: [10.0.0.0/33]
    announce_routes: []
  storage:
    config:
      redis_broker: http://127.0.0.1
  prehooks:
    - name: passkey aproval
    - name: traffic push
      options: {extra_fields: [color]}
`,
  )
  const { code, stdout, stderr } = await redswarm(['check-config', '--config', path], {
    REDIS_URL: undefined,
  })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  const lines = stderr.trimEnd().split('\n')
  for (const mistake of [
    /announce_interval: 5s is below 1m/,
    /min_announce_interval: 15 has no unit/,
    /log_level: loud is none of/,
    /nonsense: unknown key/,
    /http\.addr: 6969 is not an address|http\.addr: "6969" is not an address/,
    /tls_cert_path: \/nowhere\/tls.crt: there is no such file/,
    /tls_key_path: \/nowhere\/tls.key: there is no such file/,
    /max_numwant: many is not a whole number/,
    /trusted_proxies\[0\]: 10.0.0.0\/33 /,
    /announce_routes: \[\] is empty/,
    /redis_broker: .*is not/,
    /prehooks\[0\]\.name: "passkey aproval" is no hook/,
    /extra_fields\[0\]: color is none of/,
  ])
    expect(
      lines.filter((line) => mistake.test(line)),
      String(mistake),
    ).toHaveLength(1)
  expect(lines).toHaveLength(13)
})
