import type { Redis } from 'ioredis'
import { httpGet, scrapePath } from '../httpGet.ts'
import { type Processes, type StartedProcess, waitUntil } from '../processes.ts'
import type { Scenario, Transport } from '../scenario.ts'

export const TRACKER_NAMES = [
  'redswarm',
  'bittorrent-tracker',
  'bittorrent-tracker-uncapped',
  'opentracker',
] as const
export type TrackerName = (typeof TRACKER_NAMES)[number]

export interface StartContext {
  readonly processes: Processes
  /** Empty, readable by everyone, gone after the run. */
  readonly workFolder: string
  readonly scenario: Scenario
  readonly redis: RedisUnderTest
}

export interface RedisUnderTest {
  readonly port: number
  readonly pid: number
  readonly client: Redis
}

/** A tracker in the benchmark: what it needs, and how it starts empty. */
export interface BenchTracker {
  readonly name: TrackerName
  /** What it can do; `close` is always possible. */
  readonly transports: readonly Transport[]
  /** Whether it has anything to add to what the others show there. */
  isWorthRunning(scenario: Scenario): boolean
  /** @throws MissingProgram when it cannot run here */
  requirePrograms(): void
  start(context: StartContext): Promise<RunningTracker>
}

export interface RunningTracker {
  readonly name: TrackerName
  readonly pid: number
  /** TCP and UDP. */
  readonly port: number
  readonly transports: readonly Transport[]
  readonly usesRedis: boolean
  /** It forgets the peers of a swarm above this number. */
  readonly maxPeersPerSwarm: number
  /** Others hand seeders to seeders as well. */
  readonly givesSeedersLeechersOnly: boolean
  /** Whether `start` has put the peers in already. */
  readonly isFilled: boolean
  /** The passkey stands in the announce URL. */
  readonly usesPasskeys: boolean
  stop(): Promise<void>
}

const PROBED_INFOHASH = '61'.repeat(20)

/** Ready means that it answers a GET of `path`, by default a scrape, without a failure. */
export async function whenReady(
  started: StartedProcess,
  port: number,
  path = scrapePath(PROBED_INFOHASH),
): Promise<void> {
  await waitUntil(() => answersWell(port, path), {
    what: `${started.name} to answer`,
    timeoutMs: 15_000,
    process: started,
  })
}

async function answersWell(port: number, path: string): Promise<boolean> {
  try {
    const body = await httpGet(port, path)
    return body[0] === 0x64 && !body.includes('failure reason')
  } catch {
    // Refused connections and half-started servers are what is being waited out.
    return false
  }
}
