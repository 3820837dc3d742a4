import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadPlan } from '../../src/load/plan.ts'
import type { LoadResult } from '../../src/load/run.ts'
import { type Processes, runToEnd } from './processes.ts'
import { populationPlan, type Scenario, type Transport } from './scenario.ts'
import type { RunningTracker } from './trackers/tracker.ts'

export interface LoadRun {
  readonly tracker: RunningTracker
  readonly scenario: Scenario
  readonly transport: Transport
  readonly connections: number
  readonly seconds: number
  /** Ends the run early. */
  readonly maxAnnounces?: number
  /** Announces that each peer has made before: totals have to grow from run to run. */
  readonly firstRound: number
}

/** Announces peers of the scenario in turn, in a closed loop. */
export type LoadGenerator = (run: LoadRun) => Promise<LoadResult>

const UNLIMITED = 1e9
const TIMEOUT_MS = 5_000

/** The generator of `redswarm load`, in a process of its own: a core is free for it while this process waits. */
export function createGenerator(processes: Processes, workFolder: string): LoadGenerator {
  const planFile = join(workFolder, 'plan.json')
  const resultFile = join(workFolder, 'result.json')
  return async (run) => {
    writeFileSync(planFile, JSON.stringify(loadPlan(run)))
    await runToEnd(processes, {
      name: 'the load generator',
      program: process.execPath,
      args: [join(import.meta.dirname, 'generatorChild.ts'), planFile, resultFile],
    })
    return JSON.parse(readFileSync(resultFile, 'utf8'))
  }
}

export function announceUrl({ port }: RunningTracker, transport: Transport): string {
  return `${transport === 'udp' ? 'udp' : 'http'}://127.0.0.1:${port}/announce`
}

function loadPlan(run: LoadRun): LoadPlan {
  const { tracker, scenario, transport, connections, seconds, firstRound } = run
  return {
    urls: [announceUrl(tracker, transport)],
    ownsTarget: false,
    ratePerSecond: undefined,
    connections,
    keepAlive: transport === 'keep-alive',
    rampMs: 0,
    warmUpMs: 0,
    durationMs: seconds * 1000,
    maxAnnounces: run.maxAnnounces ?? UNLIMITED,
    timeoutMs: TIMEOUT_MS,
    population: populationPlan(scenario, { usesPasskeys: tracker.usesPasskeys, firstRound }),
  }
}
