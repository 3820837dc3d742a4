import { cpuMicros } from './cpu.ts'
import type { LoadGenerator, LoadRun } from './generate.ts'
import { refuseFailures, UnfitTracker } from './populate.ts'
import { scriptCost } from './redis.ts'
import type { Scenario, Transport } from './scenario.ts'
import type { RedisUnderTest, TrackerName } from './trackers/tracker.ts'

export interface Measurement {
  readonly tracker: TrackerName
  readonly scenario: Scenario
  readonly transport: Transport
  readonly announces: number
  readonly perSecond: number
  /** Headers included: tells how many peers the tracker hands out. */
  readonly bytesPerAnswer: number
  readonly trackerMicros: number
  readonly redis: RedisShare | undefined
}

interface RedisShare {
  readonly micros: number
  /** Execution of the script alone, as Redis counts it. */
  readonly scriptMicros: number
  readonly scriptCalls: number
}

/** One phase: CPU of the processes before and after, divided by the announces that were answered. */
export async function measure(
  generate: LoadGenerator,
  run: LoadRun,
  redis: RedisUnderTest,
): Promise<Measurement> {
  const { tracker, scenario, transport } = run
  const before = await readCounters(tracker.pid, redis)
  const load = refuseFailures(await generate(run))
  const after = await readCounters(tracker.pid, redis)
  // Every announce leaves an event, or the row is about something else.
  const events = after.events - before.events
  if (tracker.usesRedis && events < load.answered)
    throw new UnfitTracker(`${events} traffic events for ${load.answered} announces`)
  const perAnnounce = (name: keyof typeof before) => (after[name] - before[name]) / load.answered
  return {
    tracker: tracker.name,
    scenario,
    transport,
    announces: load.answered,
    perSecond: load.announces / load.seconds,
    bytesPerAnswer: load.receivedBytes / load.answered,
    trackerMicros: perAnnounce('tracker'),
    redis: tracker.usesRedis
      ? {
          micros: perAnnounce('redis'),
          scriptMicros: perAnnounce('scriptMicros'),
          scriptCalls: perAnnounce('scriptCalls'),
        }
      : undefined,
  }
}

async function readCounters(trackerPid: number, redis: RedisUnderTest) {
  const { client } = redis
  const { calls, micros } = await scriptCost(redis)
  return {
    tracker: cpuMicros(trackerPid),
    redis: cpuMicros(redis.pid),
    scriptCalls: calls,
    scriptMicros: micros,
    events: await client.xlen('tracker:traffic'),
  }
}
