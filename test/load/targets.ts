import type { Measurement } from './measure.ts'
import { scenarioTitle, type Transport } from './scenario.ts'
import type { TrackerName } from './trackers/tracker.ts'
import type { XaddBaseline } from './xadd.ts'

const MAX_SHARE_OF_BITTORRENT_TRACKER = 0.4
const MAX_XADDS_PER_ANNOUNCE = 10

/** One sentence for each target that this run can judge; a target holds when every row meets it. */
export function verdicts(measurements: readonly Measurement[], xadd: XaddBaseline | undefined): string[] {
  return [
    trackerVerdict(measurements, 'keep-alive', 'announce at keep-alive'),
    trackerVerdict(measurements, 'udp', 'UDP announce'),
    ...redisVerdicts(measurements, xadd),
  ].filter((line) => line !== undefined)
}

function trackerVerdict(
  measurements: readonly Measurement[],
  judged: Transport,
  what: string,
): string | undefined {
  const shares = measurements.flatMap((ours) => {
    if (ours.tracker !== 'redswarm' || ours.transport !== judged) return []
    // The cheaper one where both variants ran: the comparison must not gain from a setting nobody uses.
    const peerMicros = measurements
      .filter(
        ({ tracker, transport, scenario }) =>
          isPeer(tracker) &&
          transport === ours.transport &&
          scenarioTitle(scenario) === scenarioTitle(ours.scenario),
      )
      .map(({ trackerMicros }) => trackerMicros)
    return peerMicros.length === 0 ? [] : [{ row: ours, ratio: ours.trackerMicros / Math.min(...peerMicros) }]
  })
  if (shares.length === 0) return undefined
  const bound = MAX_SHARE_OF_BITTORRENT_TRACKER
  const parts = shares.map(
    ({ row, ratio }) => `${Math.round(100 * ratio)} % (${scenarioTitle(row.scenario)})`,
  )
  return (
    `tracker CPU per ${what} at most ${100 * bound} % of bittorrent-tracker's: ` +
    `${holds(shares.every(({ ratio }) => ratio <= bound))}; ${parts.join(', ')}`
  )
}

function redisVerdicts(measurements: readonly Measurement[], xadd: XaddBaseline | undefined): string[] {
  const rows = measurements.flatMap(({ redis, scenario, transport }) =>
    redis !== undefined && scenario.seederPercent === 95 ? [{ redis, scenario, transport }] : [],
  )
  if (xadd === undefined || rows.length === 0) return []
  const judge = (micros: number, name: string) => {
    const ratios = rows.map(({ redis, scenario, transport }) => ({
      ratio: redis.micros / micros,
      title: `${scenarioTitle(scenario)}, ${transport}`,
    }))
    const isMet = ratios.every(({ ratio }) => ratio <= MAX_XADDS_PER_ANNOUNCE)
    return (
      `Redis CPU per announce at 95 % seeders at most ${MAX_XADDS_PER_ANNOUNCE} × one XADD, ${name}: ` +
      `${holds(isMet)}; ${ratios.map(({ ratio, title }) => `${ratio.toFixed(1)} × (${title})`).join(', ')}`
    )
  }
  return [
    judge(xadd.roundTripMicros, 'one call per round trip'),
    judge(xadd.sharedConnectionMicros, 'over one shared connection'),
  ]
}

function holds(isTrue: boolean): string {
  return isTrue ? 'holds' : 'MISSED'
}

function isPeer(tracker: TrackerName): boolean {
  return tracker === 'bittorrent-tracker' || tracker === 'bittorrent-tracker-uncapped'
}
