import type { LoadPlan } from './plan.ts'
import type { LoadProgress, LoadResult } from './run.ts'

const BUSY_WARNING = 0.9

/** The table at the end. */
export function renderReport(result: LoadResult, plan: LoadPlan): string {
  const { answered, failed, seconds, latencyMs: latency, warmUp, population } = result
  const rows = [
    ['target', `${result.targets.join(', ')} (${wayOf(result, plan)})`],
    [
      'swarms',
      `${number(population.swarms)}, the largest of ${number(population.largestSwarm)}; ` +
        `${number(population.seeders)} seeders, ${number(population.leechers)} leechers`,
    ],
    [
      'announces',
      `${number(answered)} answered in ${seconds.toFixed(1)} s, ${number(failed)} failed` +
        `${result.unfinished > 0 ? `, ${number(result.unfinished)} unfinished` : ''}`,
    ],
    ['rate', `${rateText(result.ratePerSecond)}${askedText(plan)}`],
    [
      'latency',
      `p50 ${ms(latency.p50)}   p90 ${ms(latency.p90)}   p99 ${ms(latency.p99)}   p99.9 ${ms(latency.p999)}   ` +
        `max ${ms(latency.max)}`,
    ],
    [
      'received',
      `${number(result.receivedBytes)} bytes, ${answered > 0 ? Math.round(result.receivedBytes / answered) : 0} an answer`,
    ],
  ]
  if (plan.warmUpMs > 0)
    rows.push([
      'warm-up',
      `${number(warmUp.answered)} answered, ${number(warmUp.failed)} failed, in no other line`,
    ])
  rows.push(['generator', `busy ${Math.round(result.generatorBusy * 100)} % of the time`])
  return [
    ...rows.map(([name, text]) => `${name!.padEnd(11)}${text}`),
    ...textTable('failure reasons', result.failureReasons),
    ...textTable('errors', result.errors),
    ...textTable('connection errors', result.connectionErrors),
    ...notes(result),
    '',
  ].join('\n')
}

function wayOf(result: LoadResult, { keepAlive, connections, ratePerSecond }: LoadPlan): string {
  const isUdp = result.targets[0]!.startsWith('udp:')
  const way = isUdp ? 'at most' : keepAlive ? 'keep-alive,' : 'connection per announce,'
  const loop = ratePerSecond === undefined ? 'closed loop' : 'open loop'
  return isUdp
    ? `${way} ${number(connections)} under way, ${loop}`
    : `${way} at most ${number(connections)} connections, ${number(result.connectionsOpened)} made, ${loop}`
}

function askedText({ ratePerSecond, rampMs, warmUpMs }: LoadPlan): string {
  if (ratePerSecond === undefined) return ''
  const ramp = rampMs > warmUpMs ? ' at the end of the ramp' : ''
  return `, ${rateText(ratePerSecond)} asked for${ramp}`
}

function textTable(title: string, counts: Readonly<Record<string, number>>): string[] {
  const entries = Object.entries(counts)
  if (entries.length === 0) return []
  return ['', title, ...entries.map(([text, count]) => `${number(count).padStart(11)}  ${text}`)]
}

function notes({ unsent, generatorBusy, targets }: LoadResult): string[] {
  const lines: string[] = []
  if (unsent > 0)
    lines.push(
      `${number(unsent)} announces were due at the end and had found no connection free: ` +
        `the target${targets.length > 1 ? 's are' : ' is'} slower than the rate, or --connections is too low`,
    )
  if (generatorBusy > BUSY_WARNING)
    lines.push(
      'the generator itself was at its limit, so this says little about the target: run several, each with its own --seed',
    )
  return lines.length > 0 ? ['', ...lines] : []
}

/** The line that is drawn over and over while it runs. */
export function renderProgress(progress: LoadProgress): string {
  const { elapsedMs, totalMs, isWarmUp, ratePerSecond, p50Ms, p99Ms, failed, underWay } = progress
  const time = `${Math.floor(elapsedMs / 1000)}/${Math.ceil(totalMs / 1000)} s`
  return [
    `${time}${isWarmUp ? ' warm-up' : ''}`,
    rateText(ratePerSecond),
    `p50 ${ms(p50Ms)}`,
    `p99 ${ms(p99Ms)}`,
    `${number(failed)} failed`,
    `${number(underWay)} under way`,
  ].join('   ')
}

function rateText(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : number(Math.round(perSecond))}/s`
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : number(Math.round(value))} ms`
}

function number(value: number): string {
  return value.toLocaleString('en')
}
