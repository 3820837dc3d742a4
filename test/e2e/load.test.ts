import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CertificateAuthority, createCa } from '../support/builders/certificates.ts'
import { type RunningTracker, redswarm, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const listed = [randomBytes(16).toString('hex'), `Mixed-${randomBytes(8).toString('base64url')}`]
let tracker: RunningTracker
let redis: Redis
let ca: CertificateAuthority

beforeAll(async () => {
  const { url } = await startRedis()
  redis = new Redis(url)
  await redis.sadd('pt:passkeys', ...listed)
  ca = createCa(temporaryFolder())
  const { certPath, keyPath } = ca.issue('tracker')
  const http = { https_addr: '[::]:0', tls_cert_path: certPath, tls_key_path: keyPath }
  tracker = await startTracker({ redisUrl: url, config: { http } })
})
afterAll(async () => {
  redis.disconnect()
  await endProcesses()
})

const load = (...args: string[]) => loadTrusting(undefined, ...args)

/** With its output checked for passkeys. */
async function loadTrusting(caPath: string | undefined, ...args: string[]) {
  const result = await redswarm(['load', ...args], { NODE_EXTRA_CA_CERTS: caPath })
  for (const passkey of listed) expect(result.stdout + result.stderr).not.toContain(passkey)
  return result
}

const few = ['--announces', '300', '--peers', '100', '--swarms', '10']

describe('redswarm load', () => {
  test('against a tracker that serves it: a table, exit code 0', async () => {
    const { code, stdout, stderr } = await load(tracker.announceUrl, ...few, '--passkey', listed[0]!)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^target +http:\/\/127\.0\.0\.1:\d+ \(keep-alive/m)
    expect(stdout).toMatch(/^announces +300 answered in [\d.]+ s, 0 failed$/m)
    expect(await redis.xlen('tracker:traffic')).toBe(300)
  })

  test('with many passkeys from a file, and the result as JSON', async () => {
    const file = join(temporaryFolder(), 'passkeys')
    writeFileSync(file, `# the first user\n${listed.join('\n')}\n`)
    const { code, stdout } = await load(tracker.announceUrl, ...few, '--passkey-file', file, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      answered: 300,
      failed: 0,
      population: { swarms: 10, seeders: 90, leechers: 10 },
      failureReasons: {},
      connectionErrors: {},
    })
  })

  test('against a tracker that refuses it: exit code 1, and why', async () => {
    const unlisted = randomBytes(16).toString('hex')
    const url = `${tracker.announceUrl}?passkey=${unlisted}`
    const { code, stdout, stderr } = await load(url, ...few)
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(/^failure reasons\n +300 {2}unapproved passkey$/m)
    expect(stdout).not.toContain(unlisted)
  })

  test('over TLS, with a certificate that Node trusts, and not with another one', async () => {
    const url = `https://localhost:${tracker.httpsPort}/announce`
    const args = [url, ...few, '--passkey', listed[0]!]
    expect(await loadTrusting(ca.caPath, ...args)).toMatchObject({ code: 0, stderr: '' })
    const { code, stderr } = await load(...args)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^redswarm: https:\/\/localhost:\d+ does not answer \([A-Z_]*(CERT|SIGNATURE)[A-Z_]*\)\n$/,
    )
  })

  test('Ctrl-C prints the table so far', async () => {
    const before = await redis.xlen('tracker:traffic')
    const generator = await startProcess({
      name: 'load',
      program: process.execPath,
      args: [
        PROGRAM,
        'load',
        tracker.announceUrl,
        '--passkey',
        listed[0]!,
        '--duration',
        '2m',
        '--rate',
        '50',
      ],
    })
    await eventually('announces arrive', 15_000, async () =>
      (await redis.xlen('tracker:traffic')) > before + 5 ? true : undefined,
    )
    expect(await generator.end('SIGINT')).toEqual({ code: 0, signal: null })
    expect(generator.output()).toMatch(/^announces +\d+ answered in [\d.]+ s, 0 failed/m)
    expect(generator.output()).not.toContain(listed[0])
  })

  test('refuses what is not this machine, in one line, exit code 1', async () => {
    const { code, stdout, stderr } = await load('http://192.0.2.1:6969/announce', ...few)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^redswarm: .*192\.0\.2\.1.*--i-own-this-target\n$/)
  })

  test.each([
    [['--duration', 'soon']],
    [['--duration', '25h']],
    [['--announces', '0']],
    [['--connections', '1.5']],
    [['--seeders', '101']],
    [['--peers', '10', '--swarms', '11']],
    [['--passkey', 'not a passkey']],
    [['--passkey', 'a', '--passkey-file', '-']],
    [['--bogus']],
  ])('%j is exit code 2, and nothing is sent', async (args) => {
    const before = await redis.xlen('tracker:traffic')
    const { code, stderr } = await load(tracker.announceUrl, ...args)
    expect(code).toBe(2)
    expect(stderr).not.toContain('not a passkey')
    expect(await redis.xlen('tracker:traffic')).toBe(before)
  })

  test('a passkey file with a mistake is one line that does not repeat it, exit code 1', async () => {
    const file = join(temporaryFolder(), 'passkeys')
    writeFileSync(file, `${listed[0]}\nnot a passkey\n`)
    const { code, stderr } = await load(tracker.announceUrl, ...few, '--passkey-file', file)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^redswarm: .*line 2/)
    expect(stderr).not.toContain('not a passkey')
    const missing = await load(tracker.announceUrl, '--passkey-file', `${file}.nowhere`)
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^redswarm: --passkey-file: .*ENOENT.*\n$/)
  })
})
