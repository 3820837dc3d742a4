import { Redis } from 'ioredis'
import { freePort, needProgram, type Processes, waitUntil } from './processes.ts'
import type { RedisUnderTest } from './trackers/tracker.ts'

/** A private server on a free port, in memory only. */
export async function startRedis(processes: Processes, workFolder: string): Promise<RedisUnderTest> {
  needProgram('redis-server', 'redis-server')
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const started = processes.start({
    name: 'redis',
    program: 'redis-server',
    args: [...args, '--dir', workFolder],
  })
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 100 })
  // A connection refused while the server starts is retried; a later one shows in the command that failed.
  client.on('error', () => undefined)
  await waitUntil(async () => (await client.ping()) === 'PONG', {
    what: 'redis',
    timeoutMs: 10_000,
    process: started,
  })
  return { port, pid: started.pid, client }
}

export interface CommandCost {
  readonly calls: number
  /** Time Redis spent executing them, without reading requests and writing replies. */
  readonly micros: number
}

const SCRIPT_COMMANDS = ['evalsha', 'eval', 'fcall', 'evalsha_ro', 'eval_ro', 'fcall_ro']

/** Since the server started. */
export async function scriptCost({ client }: RedisUnderTest): Promise<CommandCost> {
  return sum(await commandStats(client), SCRIPT_COMMANDS)
}

export async function xaddCost({ client }: RedisUnderTest): Promise<CommandCost> {
  return sum(await commandStats(client), ['xadd'])
}

async function commandStats(client: Redis): Promise<ReadonlyMap<string, CommandCost>> {
  const lines = (await client.info('commandstats')).matchAll(/^cmdstat_(\S+?):calls=(\d+),usec=(\d+)/gm)
  return new Map(
    [...lines].map(([, name, calls, micros]) => [name!, { calls: Number(calls), micros: Number(micros) }]),
  )
}

function sum(stats: ReadonlyMap<string, CommandCost>, names: readonly string[]): CommandCost {
  const found = names.flatMap((name) => stats.get(name) ?? [])
  return {
    calls: found.reduce((total, { calls }) => total + calls, 0),
    micros: found.reduce((total, { micros }) => total + micros, 0),
  }
}
