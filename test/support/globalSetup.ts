import type { TestProject } from 'vitest/node'
import { findRedisServer, startPrivateRedis } from '../../src/runtime/redisServer.ts'
import type { RedisBackend } from './servers/redisBackend.ts'

const IMAGE = process.env.TEST_REDIS_IMAGE ?? 'redis:7.4-alpine'
const RUNTIME_TIMEOUT_MS = 5_000

type Started = Omit<RedisBackend, 'why'> & { readonly stop: () => Promise<void> }

/**
 * Provides `redis`: real servers, one for each worker. `TEST_REDIS` chooses them: `container`, `local`, a `redis://` URL,
 * or `auto` (default): containers where a runtime answers, else local processes. Always says which.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const mode = process.env.TEST_REDIS ?? 'auto'
  const { started, why } = await start(mode, project.config.maxWorkers || 1)
  const { kind, version, urls, stop } = started
  project.provide('redis', { kind, version, why, urls })
  say(`Redis under test (${project.name}): ${kind} ${version}, ${urls.length} server(s), because ${why}`)
  return stop
}

async function start(mode: string, count: number): Promise<{ started: Started; why: string }> {
  const why = `TEST_REDIS=${mode}`
  if (/^rediss?:|^unix:/.test(mode)) {
    return { started: { kind: 'url', version: '', urls: [mode], stop: async () => {} }, why }
  }
  if (mode === 'local') return { started: await startLocal(count), why }
  if (mode !== 'auto' && mode !== 'container') {
    throw new Error(`TEST_REDIS=${mode}: not one of auto, container, local, redis://host:port`)
  }
  // Only a runtime that does not answer leads to local servers. One that answers and then fails is a failure.
  const noRuntime = await containerRuntime().then(
    () => undefined,
    (error: Error) => error,
  )
  if (!noRuntime) return { started: await startContainers(count), why: 'a container runtime answers' }
  if (mode === 'container') throw noRuntime
  return {
    started: await startLocal(count),
    why: `no container runtime (${noRuntime.message.split('\n')[0]})`,
  }
}

/** Throws after a time limit: a socket that accepts and never answers would hold the run for good. */
async function containerRuntime(): Promise<void> {
  const { getContainerRuntimeClient } = await import('testcontainers')
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    const error = new Error(`no answer within ${RUNTIME_TIMEOUT_MS} ms`)
    timer = setTimeout(() => reject(error), RUNTIME_TIMEOUT_MS)
  })
  await Promise.race([getContainerRuntimeClient(), tooLate]).finally(() => clearTimeout(timer))
}

async function startContainers(count: number): Promise<Started> {
  const { GenericContainer, Wait } = await import('testcontainers')
  // A distribution's server refuses other hosts by default, and answers them with silence in the container's case.
  const command = ['redis-server', '--protected-mode', 'no', '--save', '', '--appendonly', 'no']
  const launch = () =>
    new GenericContainer(IMAGE)
      .withExposedPorts(6379)
      .withCommand(command)
      .withWaitStrategy(Wait.forListeningPorts())
      .start()
  const containers = await Promise.all(Array.from({ length: count }, launch))
  return {
    kind: 'container',
    version: IMAGE,
    urls: containers.map((each) => `redis://${each.getHost()}:${each.getMappedPort(6379)}`),
    stop: async () => void (await Promise.all(containers.map((each) => each.stop()))),
  }
}

async function startLocal(count: number): Promise<Started> {
  const program = await findRedisServer(process.env, say)
  const servers = await Promise.all(Array.from({ length: count }, () => startPrivateRedis({ program })))
  return {
    kind: 'local',
    version: program.version,
    urls: servers.map(({ url }) => url),
    stop: async () => void (await Promise.all(servers.map((each) => each.stop()))),
  }
}

function say(line: string): void {
  process.stderr.write(`\n### ${line}\n`)
}
