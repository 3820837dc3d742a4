import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Config } from '../../../src/config/config.ts'
import { loadConfigFile } from '../../../src/config/load.ts'
import { watchFiles } from '../../../src/runtime/fileWatch.ts'
import type { LogLevel } from '../../../src/runtime/logger.ts'
import { startReloading } from '../../../src/tracker/process/reload.ts'
import { createCa } from '../../support/builders/certificates.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { isMissing } from '../../support/programs/programs.ts'

const EVERY_MS = 10
let folder: string
const closing: (() => void)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'redswarm-reload-'))
})
afterEach(() => {
  for (const close of closing.splice(0)) close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a watched file', () => {
  function watch(...names: string[]) {
    const changes: string[] = []
    const files = watchFiles((path) => changes.push(path), EVERY_MS)
    closing.push(files.close)
    files.watch(names.map((name) => join(folder, name)))
    return { changes, files }
  }
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  /** Several looks at all watched files have passed. */
  async function looked() {
    write('witness', '')
    const { changes } = watch('witness')
    for (const length of [1, 2, 3]) {
      write('witness', '1'.repeat(length))
      await becomes(() => changes.length, length)
    }
  }

  test('is told of when it is written, replaced, removed and put back', async () => {
    write('a', '1')
    const { changes } = watch('a')
    const path = join(folder, 'a')
    write('a', 'longer')
    await becomes(() => changes.length, 1)
    write('b', 'LONGER')
    renameSync(join(folder, 'b'), path)
    await becomes(() => changes.length, 2)
    rmSync(path)
    await becomes(() => changes.length, 3)
    write('a', '1')
    await becomes(() => changes.length, 4)
    expect(new Set(changes)).toEqual(new Set([path]))
  })

  test('is told of when the link to it is swapped, each time', async () => {
    for (const name of ['1', '2', '3']) write(name, `content ${name}`)
    symlinkSync('1', join(folder, 'link'))
    const { changes } = watch('link')
    for (const [i, name] of ['2', '3', '1'].entries()) {
      symlinkSync(name, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, 'link'))
      await becomes(() => changes.length, i + 1)
    }
  })

  test('is not told of when it is read, nor when it is no longer watched', async () => {
    write('a', '1')
    write('b', '1')
    const { changes, files } = watch('a', 'b')
    readFileSync(join(folder, 'a'))
    await looked()
    files.watch([join(folder, 'b')])
    write('a', 'changed')
    await looked()
    write('b', 'changed')
    await becomes(() => changes, [join(folder, 'b')])
  })
})

describe('reloading', () => {
  const path = () => join(folder, 'redswarm.yaml')
  const writeFile = (keys: object) =>
    writeFileSync(
      path(),
      JSON.stringify({
        chihaya: {
          http: { addr: ':6969' },
          storage: { config: { redis_broker: 'redis://127.0.0.1:6379/0' } },
          ...keys,
        },
      }),
    )

  function start({ lookEveryMs = 3_600_000, apply = (_: Config) => {} } = {}) {
    const applied: Config[] = []
    const log: string[] = []
    const say = (level: string) => (_: object, message: string) => void log.push(`${level} ${message}`)
    const logger = {
      debug: say('debug'),
      info: say('info'),
      warn: say('warn'),
      error: say('error'),
      setLevel: (level: LogLevel) => void log.push(`level ${level}`),
    }
    const load = () => loadConfigFile(path(), {})
    const reloading = startReloading({
      configPath: path(),
      load,
      running: load().config,
      apply(config) {
        apply(config)
        applied.push(config)
      },
      log: logger,
      lookEveryMs,
    })
    closing.push(reloading.close)
    return { applied, log, ...reloading }
  }

  test('applies what has changed, the log level too', async () => {
    writeFile({})
    const { applied, log, reload } = start()
    writeFile({ announce_interval: '20m', log_level: 'warn' })
    reload('SIGHUP')
    await becomes(() => log, ['level warn', 'info reloaded'])
    reload('SIGHUP') // this one runs now
    await becomes(() => log.at(-1), 'info reload: nothing has changed')
    expect(applied.map(({ announceIntervalSeconds }) => announceIntervalSeconds)).toEqual([1200])
  })

  test('applies nothing when nothing has changed', async () => {
    writeFile({})
    const { applied, log, reload } = start()
    reload('SIGHUP')
    await becomes(() => log, ['info reload: nothing has changed'])
    expect(applied).toEqual([])
  })

  test('says every mistake of an invalid file and keeps what is running; a right one is taken up again', async () => {
    writeFile({})
    const { applied, log, reload } = start()
    writeFile({ announce_interval: '5s', workers: 0, log_level: 'loud', unknown: 1 })
    reload('SIGHUP')
    await becomes(() => log.length, 5)
    expect(log.slice(0, 4).sort()).toEqual([
      'error reload: chihaya.announce_interval: 5s is below 1m',
      expect.stringMatching(/^error reload: chihaya.log_level: loud is none of/),
      expect.stringMatching(/^error reload: chihaya.unknown: unknown key/),
      'error reload: chihaya.workers: 0 is neither 1 to 256 nor auto',
    ])
    expect(log[4]).toBe('error reload refused, the running configuration stays')
    expect(applied).toEqual([])
    rmSync(path())
    reload('SIGHUP')
    await becomes(() => log.length, 7)
    expect(log[5]).toBe(`error reload: ${path()}: there is no such file`)
    writeFile({ announce_interval: '20m' })
    reload('SIGHUP')
    await becomes(() => applied.length, 1)
  })

  test('names what needs a restart, and applies the rest', async () => {
    writeFile({})
    const { applied, log, reload } = start()
    writeFile({ announce_interval: '20m', workers: 2, http: { addr: ':7000' } })
    reload('SIGHUP')
    await becomes(() => log.length, 3)
    expect(log[0]).toBe('warn reload: needs a restart to change: workers, http.addr')
    expect(applied).toMatchObject([
      { announceIntervalSeconds: 1200, workers: 1, http: { addr: { port: 6969 } } },
    ])
    reload('SIGHUP')
    await becomes(() => log.at(-1), 'info reload: nothing else has changed')
    expect(log.at(-2)).toBe(log[0])
  })

  test('a configuration that cannot be served is not taken for the running one', async () => {
    writeFile({})
    let isRefused = true
    const { applied, log, reload } = start({
      apply() {
        if (isRefused) throw new Error('not today')
      },
    })
    writeFile({ announce_interval: '20m' })
    reload('SIGHUP')
    await becomes(
      () => log,
      [
        'error reload: the new configuration cannot be served',
        'error reload refused, the running configuration stays',
      ],
    )
    isRefused = false
    reload('SIGHUP')
    await becomes(() => applied.length, 1)
  })

  test('a changed file is enough', async () => {
    writeFile({})
    const { applied } = start({ lookEveryMs: EVERY_MS })
    writeFile({ announce_interval: '20m' })
    await becomes(() => applied.length, 1)
  })

  test.skipIf(isMissing('openssl'))(
    'a new certificate is enough; half of a new pair, or a broken one, is not',
    async () => {
      const ca = createCa(folder)
      const [old, next] = [ca.issue('old'), ca.issue('next')]
      const served = { cert: join(folder, 'served.crt'), key: join(folder, 'served.key') }
      const put = (file: keyof typeof served, text: string) => {
        writeFileSync(join(folder, 'half'), text)
        renameSync(join(folder, 'half'), served[file])
      }
      put('cert', old.cert)
      put('key', old.key)
      writeFile({ http: { https_addr: ':6443', tls_cert_path: served.cert, tls_key_path: served.key } })
      const { applied, log } = start({ lookEveryMs: EVERY_MS })
      const errors = () => log.filter((line) => line.startsWith('error reload: '))

      put('cert', 'rubbish')
      await becomes(
        () => errors().at(-1),
        `error reload: chihaya.http.tls_cert_path: ${served.cert} is not a certificate in PEM form`,
      )
      put('cert', next.cert)
      await becomes(
        () => errors().at(-1),
        `error reload: chihaya.http.tls_key_path: ${served.key} is not the key to the certificate in ${served.cert}`,
      )
      expect(applied).toEqual([])
      put('key', next.key)
      await becomes(() => applied.length, 1)
      expect(applied[0]?.http?.tls).toMatchObject({ cert: next.cert, key: next.key })
    },
  )
})
