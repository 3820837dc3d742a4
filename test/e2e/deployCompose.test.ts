import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { freePorts } from '../support/programs/freePorts.ts'
import { isMissing, programPath } from '../support/programs/programs.ts'
import { redswarm } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOON_MS = 15_000

interface Service {
  readonly environment?: Readonly<Record<string, string>>
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly ports?: readonly (string | { published: number; target: number; protocol: string })[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly read_only?: boolean
  readonly image: string
}

let envFile: string
let made: Record<string, string>
let services: Record<string, Service>

const makeEnv = () => spawnSync('sh', [join(ROOT, 'dist/docker/make-env.sh')], { encoding: 'utf8' }).stdout
const valuesOf = (env: string): Record<string, string> =>
  Object.fromEntries([...env.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]))

function compose(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...environment }
  return spawnSync(programPath('docker-compose')!, [...args], { cwd: ROOT, env, encoding: 'utf8' })
}

describe.skipIf(isMissing('docker-compose'))('docker-compose.yml', () => {
  beforeAll(() => {
    envFile = join(temporaryFolder(), 'env')
    writeFileSync(envFile, makeEnv())
    made = valuesOf(readFileSync(envFile, 'utf8'))
    const { status, stdout, stderr } = compose(['--env-file', envFile, 'config'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    services = (parse(stdout) as { services: Record<string, Service> }).services
  })
  afterAll(endProcesses)

  test('has what a fleet is made of', () => {
    expect(Object.keys(services).sort()).toEqual(
      ['consumer', 'grafana', 'haproxy', 'prometheus', 'redis', 'tracker-1', 'tracker-2'].sort(),
    )
  })

  test('does not start without passwords, and says where they come from', () => {
    const nothing = join(temporaryFolder(), 'env')
    writeFileSync(nothing, '')
    const { status, stderr } = compose(['--env-file', nothing, 'config', '--quiet'])
    expect(status).toBe(1)
    expect(stderr).toContain('run dist/docker/make-env.sh first')
  })

  test('makes up other passwords each time, long ones', () => {
    const other = valuesOf(makeEnv())
    for (const [name, value] of Object.entries(made)) {
      if (name === 'REDIS_MAXMEMORY') continue
      expect(value).toMatch(/^[0-9a-f]{48}$/)
      expect(other[name]).not.toBe(value)
    }
  })

  test('mounts nothing that is not there', () => {
    const mounts = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.map((each) => each.split(':')[0]!),
    )
    const paths = mounts.filter((each) => each.startsWith('/'))
    expect(paths.length).toBeGreaterThan(6)
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
  })

  test('publishes announces, and all else to this machine alone', () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) =>
        typeof port === 'string' ? `${name} ${port}` : `${name} ${port.published}/${port.protocol}`,
      ),
    )
    expect(published.sort()).toEqual([
      'grafana 127.0.0.1:3000:3000/tcp',
      'haproxy 6969/tcp',
      'prometheus 127.0.0.1:9090:9090/tcp',
      'tracker-1 6969/udp',
      'tracker-2 6970/udp',
    ])
  })

  test('lets none of our programs write to its root', () => {
    for (const name of ['tracker-1', 'tracker-2', 'consumer', 'redis', 'haproxy'])
      expect(services[name], name).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
  })

  test('has Prometheus ask services that there are', () => {
    const { scrape_configs } = parse(readFileSync(join(ROOT, 'dist/prometheus/prometheus.yml'), 'utf8'))
    const targets: string[] = scrape_configs.flatMap((job: { static_configs: { targets: string[] }[] }) =>
      job.static_configs.flatMap((each) => each.targets),
    )
    expect(targets.sort()).toEqual(['consumer:6881', 'tracker-1:6880', 'tracker-2:6880'])
    expect(Object.keys(services)).toEqual(expect.arrayContaining(targets.map((each) => each.split(':')[0])))
  })

  test('gives trackers a configuration that starts without a warning', async () => {
    const config = services['tracker-1']!.volumes![0]!.split(':')[0]!
    const { code, stdout, stderr } = await redswarm(
      ['check-config', '--config', config],
      services['tracker-1']!.environment,
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('redis://tracker:***@redis:6379/0')
    expect(stdout).not.toContain(made.TRACKER_PASSWORD)
  })

  test.skipIf(isMissing('redis-cli'))(
    "starts a Redis that is healthy and knows each service's user",
    async () => {
      const { entrypoint, command, environment, healthcheck } = services.redis!
      const folder = temporaryFolder()
      const [port] = await freePorts(1)
      /** Paths of the container as they are here; and `$$`, which compose leaves to the shell as `$`. */
      const here = (text: string) =>
        text
          .replaceAll('$$', '$')
          .replaceAll('/redswarm/', join(ROOT, 'dist/redis/'))
          .replaceAll('/tmp/users.acl', join(folder, 'users.acl'))
          .replaceAll('/data', folder)
          .replace('--maxmemory', `--bind 127.0.0.1 --port ${port} --maxmemory`)
          .replace('redis-cli', `redis-cli -p ${port}`)
      const [program, ...args] = [...entrypoint!, ...command!].map(here)
      const redis = await startProcess({ name: 'redis', program: program!, args, env: environment! })
      await redis.says(/Ready to accept connections/, SOON_MS)
      await eventually('it is healthy', SOON_MS, () => {
        const [, shellLine] = healthcheck!.test
        return (
          spawnSync('sh', ['-c', here(shellLine!)], { env: { ...process.env, ...environment } }).status ===
            0 || undefined
        )
      })
      for (const name of ['tracker-1', 'tracker-2', 'consumer']) {
        const client = new Redis(
          services[name]!.environment!.REDIS_URL!.replace('@redis:6379', `@127.0.0.1:${port}`),
        )
        onTestFinished(() => client.disconnect())
        expect(await client.ping()).toBe('PONG')
      }
      expect(readFileSync(join(folder, 'users.acl'), 'utf8')).not.toContain(made.SITE_PASSWORD)
    },
  )
})
