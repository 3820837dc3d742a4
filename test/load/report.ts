import type { Machine } from './machine.ts'
import type { Measurement } from './measure.ts'
import { scenarioTitle } from './scenario.ts'
import { verdicts } from './targets.ts'
import type { TrackerName } from './trackers/tracker.ts'
import type { XaddBaseline } from './xadd.ts'

export interface BenchResult {
  readonly command: string
  readonly machine: Machine
  readonly connections: number
  readonly seconds: number
  /** That could run, measured or not. */
  readonly trackers: readonly TrackerName[]
  readonly measurements: readonly Measurement[]
  readonly xadd: XaddBaseline | undefined
  /** One line for each row or program that is left out, with the reason. */
  readonly leftOut: readonly string[]
}

const HEADER = [
  'swarms, seeders',
  'transport',
  'tracker',
  'announces/s',
  'bytes per answer',
  'tracker CPU µs',
  'Redis CPU µs',
  'script µs',
  'script calls',
  "Redswarm's tracker",
  'with Redis',
]
const LEFT_ALIGNED = 3

/** The whole result as Markdown. */
export function renderReport(result: BenchResult): string {
  const blocks = [renderMachine(result), renderTable(result), renderXadd(result.xadd)]
  const targets = verdicts(result.measurements, result.xadd).map((line) => `- ${line}`)
  const gaps = result.leftOut.map((line) => `- left out: ${line}`)
  return `${[...blocks, targets.join('\n'), gaps.join('\n')].filter((block) => block !== '').join('\n\n')}\n`
}

function renderMachine({ machine, command, connections, seconds }: BenchResult): string {
  const versions = Object.entries(machine.versions).map(
    ([name, version]) => `${name} ${version || '(missing)'}`,
  )
  return [
    `\`${command}\`, ${machine.date}; ${machine.cores} cores (${machine.cpu}), Linux ${machine.kernel}; `,
    `${versions.join(', ')}; at most ${connections} announces under way, ${seconds} s a row.`,
  ].join('')
}

function renderTable({ measurements, trackers }: BenchResult): string {
  if (measurements.length === 0) return ''
  const rows = [...Map.groupBy(measurements, phaseTitle).values()].flatMap((group) => {
    const ours = group.find((row) => row.tracker === 'redswarm')
    const isWithoutOpentracker = group[0]!.transport === 'keep-alive' && trackers.includes('opentracker')
    const gap = [scenarioTitle(group[0]!.scenario), 'keep-alive', 'opentracker', 'n/a, always closes']
    return [...group.map((row) => cells(row, ours)), ...(isWithoutOpentracker ? [padded(gap)] : [])]
  })
  const rule = HEADER.map((_, column) => (column < LEFT_ALIGNED ? '---' : '---:'))
  return [HEADER, rule, ...rows].map((values) => `| ${values.join(' | ')} |`).join('\n')
}

/** Both ratios say what Redswarm costs in percent of what the tracker of this row costs. */
function cells(row: Measurement, ours: Measurement | undefined): string[] {
  const isOurs = row.tracker === 'redswarm'
  const ratio = (micros: number | undefined) =>
    isOurs || micros === undefined ? '' : `${Math.round((100 * micros) / row.trackerMicros)} %`
  return [
    scenarioTitle(row.scenario),
    row.transport,
    row.tracker,
    Math.round(row.perSecond).toLocaleString('en'),
    String(Math.round(row.bytesPerAnswer)),
    row.trackerMicros.toFixed(1),
    row.redis?.micros.toFixed(1) ?? '',
    row.redis?.scriptMicros.toFixed(1) ?? '',
    row.redis?.scriptCalls.toFixed(3) ?? '',
    ratio(ours?.trackerMicros),
    ratio(ours && ours.trackerMicros + (ours.redis?.micros ?? 0)),
  ]
}

function padded(values: readonly string[]): string[] {
  return HEADER.map((_, column) => values[column] ?? '')
}

export function phaseTitle({ scenario, transport }: Pick<Measurement, 'scenario' | 'transport'>): string {
  return `${scenarioTitle(scenario)}, ${transport}`
}

function renderXadd(xadd: XaddBaseline | undefined): string {
  if (xadd === undefined) return ''
  return [
    `One XADD of 20 fields (${xadd.calls.toLocaleString('en')} calls each): ${xadd.roundTripMicros.toFixed(1)} µs of Redis CPU `,
    `with one call per round trip and connection, ${xadd.sharedConnectionMicros.toFixed(1)} µs over one shared connection; `,
    `${xadd.executionMicros.toFixed(1)} µs of it is the command itself.`,
  ].join('')
}
