import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { effectiveConfig } from '../../../src/config/effective.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { readTlsPair } from '../../../src/config/tlsPair.ts'
import { createCa } from '../../support/builders/certificates.ts'
import { problemsOf, REDIS } from '../../support/builders/configFiles.ts'
import { isMissing } from '../../support/programs/programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'redswarm-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file of one HTTP section, as YAML flow text. */
const http = (options: string) => `chihaya: {metrics_addr: ":9", http: {${options}}}`
const https = (cert: string, key: string, more = '') =>
  http(
    `https_addr: ":6443", tls_cert_path: ${JSON.stringify(cert)}, tls_key_path: ${JSON.stringify(key)}${more}`,
  )

test('neither addr nor https_addr is a mistake', () => {
  expect(problemsOf(http(''))).toEqual([expect.stringMatching(/^chihaya.http.addr: is missing/)])
})

test('https_addr needs both files', () => {
  expect(problemsOf(http('https_addr: ":6443"'))).toEqual([
    'chihaya.http.https_addr: needs tls_cert_path and tls_key_path',
  ])
})

test('files without https_addr are not looked at, and it is said that they do nothing', () => {
  const { config, warnings } = loadConfig(http('addr: ":6969", tls_cert_path: /nowhere'), REDIS)
  expect(config.http?.tls).toBeUndefined()
  expect(warnings).toContain('chihaya.http.tls_cert_path: has no effect without https_addr')
})

test('addresses may not be the same', () => {
  expect(problemsOf(http('addr: ":6443", https_addr: ":6443", tls_cert_path: a, tls_key_path: b'))).toContain(
    'chihaya.http.https_addr: port 6443 is taken by http.addr',
  )
  expect(problemsOf(http('https_addr: ":9", tls_cert_path: a, tls_key_path: b'))).toContain(
    'chihaya.metrics_addr: port 9 is taken by http.https_addr',
  )
})

test('proxy_protocol without a trusted proxy would let nobody in', () => {
  expect(problemsOf(http('addr: ":6969", proxy_protocol: true, trusted_proxies: []'))).toEqual([
    'chihaya.http.proxy_protocol: is on and trusted_proxies is empty: nobody would be let in',
  ])
})

test('every missing file is named beside the other mistakes', () => {
  expect(problemsOf(https('/nowhere/tls.crt', folder, ', max_numwant: 0'))).toEqual([
    'chihaya.http.max_numwant: 0 is below 1',
    'chihaya.http.tls_cert_path: /nowhere/tls.crt: there is no such file',
    `chihaya.http.tls_key_path: ${folder}: cannot be read (EISDIR)`,
  ])
})

describe.skipIf(isMissing('openssl'))('with files', () => {
  const ca = createCa(folder)
  const [one, other] = [ca.issue('one'), ca.issue('other')]
  const broken = join(folder, 'broken.pem')
  writeFileSync(broken, '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n')

  test('a pair that fits together loads, alone or beside addr, and is not printed', () => {
    for (const more of ['', ', addr: ":6969"']) {
      const { config, warnings } = loadConfig(https(one.certPath, one.keyPath, more), REDIS)
      expect(warnings).toEqual([])
      expect(config.http?.httpsAddr).toEqual({ host: '::', port: 6443 })
      expect(config.http?.addr === undefined).toBe(more === '')
      expect(config.http?.tls).toEqual(one)
      const printed = effectiveConfig(config)
      expect(printed).toContain(`tls_key_path: ${one.keyPath}`)
      expect(printed).not.toContain('BEGIN')
      expect(loadConfig(printed.replace(/redis_broker.*/, ''), REDIS).config.http).toEqual(config.http)
    }
  })

  test('a key to another certificate is a mistake', () => {
    expect(problemsOf(https(one.certPath, other.keyPath))).toEqual([
      `chihaya.http.tls_key_path: ${other.keyPath} is not the key to the certificate in ${one.certPath}`,
    ])
  })

  test('each file that is not what it should be is named, and nothing of it is shown', () => {
    const problems = problemsOf(https(broken, broken))
    expect(problems).toEqual([
      `chihaya.http.tls_cert_path: ${broken} is not a certificate in PEM form`,
      `chihaya.http.tls_key_path: ${broken} is not a private key in PEM form without a passphrase`,
    ])
    expect(problems.join()).not.toContain('hunter2')
  })

  test('a key with a passphrase is a mistake', () => {
    const locked = join(folder, 'locked.key')
    execFileSync('openssl', ['ec', '-in', one.keyPath, '-aes256', '-passout', 'pass:x', '-out', locked], {
      stdio: 'ignore',
    })
    expect(problemsOf(https(one.certPath, locked))).toEqual([
      `chihaya.http.tls_key_path: ${locked} is not a private key in PEM form without a passphrase`,
    ])
  })

  test('a certificate that is over, or not begun, still serves, with a warning', () => {
    const days = (count: number) => readTlsPair(one.certPath, one.keyPath, Date.now() + count * 86_400_000)
    expect(days(0).warning).toBeUndefined()
    for (const count of [-1, 2]) {
      expect(days(count).pair).toEqual(one)
      expect(days(count).warning).toMatch(/tls.crt is valid from .* to .*, and not today$/)
    }
  })
})
