import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGenerator, type LoadGenerator, type LoadRun } from './generate.ts'
import { describeMachine } from './machine.ts'
import { type Measurement, measure } from './measure.ts'
import { type BenchOptions, parseOptions, USAGE, UsageError } from './options.ts'
import { checkSwarms, fillSwarms, sampleUdpAnswers } from './populate.ts'
import { MissingProgram, Processes } from './processes.ts'
import { startRedis } from './redis.ts'
import { phaseTitle, renderReport } from './report.ts'
import { type Scenario, scenarios, scenarioTitle, TRANSPORTS } from './scenario.ts'
import { bittorrentTracker, bittorrentTrackerUncapped } from './trackers/bittorrentTracker.ts'
import { opentracker } from './trackers/opentracker.ts'
import { redswarm } from './trackers/redswarm.ts'
import type { BenchTracker, RedisUnderTest } from './trackers/tracker.ts'
import { measureXadd } from './xadd.ts'

const TRACKERS = [redswarm, bittorrentTracker, bittorrentTrackerUncapped, opentracker]
const startedAt = Date.now()
/** Announces of one peer in one run are fewer, and each run goes on from a higher total. */
const ROUNDS_OF_A_RUN = 1000

interface Bench {
  readonly options: BenchOptions
  readonly processes: Processes
  readonly workFolder: string
  readonly redis: RedisUnderTest
  readonly generate: LoadGenerator
  readonly measurements: Measurement[]
  /** Each with the reason: what this machine lacks, and what went wrong. */
  readonly missing: string[]
  readonly failed: string[]
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const processes = new Processes()
  const workFolder = mkdtempSync(join(tmpdir(), 'redswarm-bench-'))
  chmodSync(workFolder, 0o755)
  process.on('exit', () => {
    processes.killAll()
    rmSync(workFolder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))

  const redis = await startRedis(processes, workFolder)
  const bench: Bench = {
    options,
    processes,
    workFolder,
    redis,
    generate: createGenerator(processes, workFolder),
    measurements: [],
    missing: [],
    failed: [],
  }

  const calls = options.isQuick ? 20_000 : 200_000
  const xadd = options.trackers.has('redswarm')
    ? await tolerate(bench, 'XADD', () =>
        measureXadd(processes, redis, { connections: options.connections, calls }),
      )
    : undefined
  const trackers = TRACKERS.filter(({ name }) => options.trackers.has(name)).filter((each) =>
    canRun(bench, each),
  )
  for (const scenario of scenarios(options)) {
    progress(scenarioTitle(scenario))
    for (const tracker of trackers) await benchTracker(bench, tracker, scenario)
  }

  const { measurements } = bench
  const command = ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' ')
  const { connections, seconds } = options
  const result = {
    command,
    machine: describeMachine(),
    connections,
    seconds,
    trackers: trackers.map(({ name }) => name),
    measurements,
    xadd,
    leftOut: [...bench.missing, ...bench.failed],
  }
  process.stdout.write(renderReport(result))
  if (options.jsonFile !== undefined) writeFileSync(options.jsonFile, `${JSON.stringify(result, null, 2)}\n`)
  // A program that this machine lacks is no failure; a row that went wrong is.
  process.exit(bench.failed.length > 0 ? 1 : 0)
}

/** A tracker starts afresh for each scenario, so no row pays for what another one left behind. */
async function benchTracker(bench: Bench, tracker: BenchTracker, scenario: Scenario): Promise<void> {
  const transports = TRANSPORTS.filter((each) => bench.options.transports.has(each)).filter((each) =>
    tracker.transports.includes(each),
  )
  if (transports.length === 0 || !tracker.isWorthRunning(scenario)) return
  const { options, generate, redis } = bench
  const title = `${tracker.name}, ${scenarioTitle(scenario)}`
  await tolerate(bench, title, async () => {
    const isLate = Date.now() - startedAt > options.maxSeconds * 1000
    if (isLate) throw new Error('the time for this run is used up')
    progress(`  ${tracker.name}: ${scenario.swarms * scenario.peersPerSwarm} peers announce`)
    const running = await tracker.start({ ...bench, scenario })
    const rows: Measurement[] = []
    try {
      const { connections, seconds } = options
      const filling: LoadRun = {
        tracker: running,
        scenario,
        transport: 'close',
        connections,
        seconds,
        firstRound: ROUNDS_OF_A_RUN,
      }
      if (running.isFilled) await warmUp(generate, filling)
      else await fillSwarms(generate, filling)
      await checkSwarms(filling)
      for (const [index, transport] of transports.entries()) {
        const run = { ...filling, transport, firstRound: (2 * index + 2) * ROUNDS_OF_A_RUN }
        if (transport === 'udp') await warmUp(generate, run)
        const measured = await measure(
          generate,
          { ...run, firstRound: run.firstRound + ROUNDS_OF_A_RUN },
          redis,
        )
        progress(`  ${tracker.name}: ${phaseTitle(measured)}: ${measured.trackerMicros.toFixed(1)} µs`)
        rows.push(measured)
      }
      if (transports.includes('udp')) await sampleUdpAnswers(filling)
      await checkSwarms(filling)
      bench.measurements.push(...rows)
    } finally {
      await running.stop()
    }
  })
}

/**
 * Swarms are filled over HTTP, or without announces. What has not run yet its runtime has not compiled, and a row must
 * not pay for that.
 */
async function warmUp(generate: LoadGenerator, run: LoadRun): Promise<void> {
  await generate({ ...run, seconds: 1 })
}

function canRun({ missing }: Bench, tracker: BenchTracker): boolean {
  try {
    tracker.requirePrograms()
    return true
  } catch (cause) {
    if (!(cause instanceof MissingProgram)) throw cause
    progress(cause.message)
    missing.push(`${tracker.name}: ${cause.message}`)
    return false
  }
}

/** One tracker that fails must not cost the rows of the others: the reason goes into the report. */
async function tolerate<T>(
  { missing, failed }: Bench,
  title: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    progress(`  ${title}: ${reason}`)
    const list = cause instanceof MissingProgram ? missing : failed
    list.push(`${title}: ${reason}`)
    return undefined
  }
}

function progress(line: string): void {
  process.stderr.write(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(4)} s  ${line}\n`)
}

try {
  await main(process.argv.slice(2))
} catch (cause) {
  if (!(cause instanceof UsageError || cause instanceof MissingProgram)) throw cause
  process.stderr.write(`${cause.message}\n${cause instanceof UsageError ? `\n${USAGE}\n` : ''}`)
  process.exit(cause instanceof UsageError ? 2 : 1)
}
