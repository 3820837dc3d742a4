import { cpuMicros } from './cpu.ts'
import { needProgram, type Processes, runToEnd } from './processes.ts'
import { xaddCost } from './redis.ts'
import type { RedisUnderTest } from './trackers/tracker.ts'

/** What Redis pays for one XADD as large as a traffic event, in CPU µs, in three ways of asking. */
export interface XaddBaseline {
  /** `connections` connections, each waiting for its answer before it sends the next one. */
  readonly roundTripMicros: number
  /** The wire shape of a tracker process: one connection, `connections` callers, each with one call outstanding. */
  readonly sharedConnectionMicros: number
  /** Redis' own count of the execution alone, without reading and writing the socket. */
  readonly executionMicros: number
  readonly calls: number
}

/** The 14 published fields and the 6 extra ones, with values as long as real ones. */
const EVENT = Object.entries({
  passkey: '0123456789abcdef0123456789abcdef',
  infohash: '0123456789abcdef0123456789abcdef01234567',
  peer_id: '2d7142343635302d6162636465666768696a6b6c',
  port: '51413',
  ip: '127.0.0.1',
  af: 'IPv4',
  du: '16384',
  dd: '0',
  left: '0',
  event: 'none',
  ts: '1790000000',
  dt: '1800',
  interval: '1800',
  min_interval: '900',
  up: '123456789012',
  down: '4294967296',
  since: '1789000000',
  seeders: '47',
  leechers: '3',
  agent: '-qB4650-',
}).flat()
const STREAM = 'bench:xadd'

export async function measureXadd(
  processes: Processes,
  redis: RedisUnderTest,
  { connections, calls }: { connections: number; calls: number },
): Promise<XaddBaseline> {
  needProgram('redis-benchmark', 'redis-tools')
  await redis.client.flushall('SYNC')
  const before = await xaddCost(redis)
  const roundTripMicros = await cpuPerCall(redis, calls, async () => {
    const client = ['-h', '127.0.0.1', '-p', String(redis.port), '-c', String(connections), '-P', '1', '-q']
    const args = [...client, '-n', String(calls), 'XADD', STREAM, '*', ...EVENT]
    await runToEnd(processes, { name: 'redis-benchmark', program: 'redis-benchmark', args })
  })
  const after = await xaddCost(redis)
  const sharedConnectionMicros = await cpuPerCall(redis, calls, () => appendShared(redis, connections, calls))
  const counted = after.calls - before.calls
  await redis.client.flushall('SYNC')
  return {
    roundTripMicros,
    sharedConnectionMicros,
    executionMicros: (after.micros - before.micros) / counted,
    calls,
  }
}

async function cpuPerCall(redis: RedisUnderTest, calls: number, run: () => Promise<void>): Promise<number> {
  const before = cpuMicros(redis.pid)
  await run()
  return (cpuMicros(redis.pid) - before) / calls
}

async function appendShared({ client }: RedisUnderTest, callers: number, calls: number): Promise<void> {
  let left = calls
  const caller = async () => {
    while (left-- > 0) await client.xadd(STREAM, '*', ...EVENT)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}
