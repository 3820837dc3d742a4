import { type Ledger, openLedger } from '../../site/ledger/ledger.ts'
import { highestLowWatermark } from '../../site/ledger/recompute.ts'
import { createRiskEvaluator } from '../../site/risk/evaluator.ts'
import type { Finding } from '../../site/risk/finding.ts'
import type { RiskFlag } from '../../site/risk/flags.ts'
import { createProgress } from '../progress.ts'
import type { RiskOptions } from './flags.ts'
import { findingJson, findingTable, flagJson, flagTable } from './text.ts'
import { denyBy, type RiskPlace } from './watch.ts'

export interface ScanOptions extends RiskOptions {
  /** Unix seconds; a day before `to` unless told. */
  readonly from: number | undefined
  /** The last window that may be judged, unless told. */
  readonly to: number | undefined
  /** Find, and write nothing. */
  readonly dryRun: boolean
}

const DAY = 86_400
const out = (text: string) => void process.stdout.write(text)

/** `redswarm risk scan`: judges the windows of a time, again or for the first time, as the configuration says now. */
export async function scanWindows(place: RiskPlace, options: ScanOptions): Promise<void> {
  const ledger = await openLedger(options.db, { mustExist: true })
  const progress = createProgress(process.stderr)
  try {
    const closed = (await settledUpTo(ledger)) - place.risk.evaluationDelaySeconds
    const windows = windowsOf(options, ledger.windowSeconds, closed)
    const evaluator = createRiskEvaluator(ledger, { ...place.risk, deny: denyBy(place) })
    const findings: Finding[] = []
    const flags: RiskFlag[] = []
    for (const [at, window] of windows.entries()) {
      if (options.dryRun) findings.push(...(await evaluator.findings(window)))
      else flags.push(...(await evaluator.evaluate(window)).flags)
      progress.show('windows', at + 1, windows.length)
    }
    progress.clear()
    report(options, windows.length, findings, flags)
  } finally {
    progress.clear()
    await ledger.close()
  }
}

/** Unix seconds. A consumer that is behind has settled uploads and not yet what was downloaded for them. */
async function settledUpTo({ database }: Ledger): Promise<number> {
  const now = Math.floor(Date.now() / 1000)
  const lowWatermark = await highestLowWatermark(database)
  return lowWatermark === undefined ? now : Math.min(now, Math.floor(lowWatermark.ms / 1000))
}

/** Starts of the windows that lie in the time asked for and are closed. Throws Error when there is none. */
function windowsOf({ from, to }: ScanOptions, windowSeconds: number, closed: number): number[] {
  const until = Math.min(to ?? closed, closed)
  const first = Math.ceil((from ?? until - DAY) / windowSeconds) * windowSeconds
  const count = Math.max(0, Math.floor((until - first) / windowSeconds))
  if (count > 0) return Array.from({ length: count }, (_, at) => first + at * windowSeconds)
  const last = new Date(closed * 1000).toISOString().slice(0, 19)
  throw new Error(
    `no window of ${windowSeconds} s lies between --from and --to and ended before ${last}Z, which is what is settled less evaluation_delay`,
  )
}

function report(
  { json, passkeys, dryRun }: ScanOptions,
  windows: number,
  findings: readonly Finding[],
  flags: readonly RiskFlag[],
): void {
  const isMasked = !passkeys
  if (json) {
    const what = dryRun
      ? { findings: findings.map((finding) => findingJson(finding, isMasked)) }
      : { flags: flags.map((flag) => flagJson(flag, isMasked)) }
    out(`${JSON.stringify({ windows, dryRun, ...what })}\n`)
    return
  }
  if (findings.length > 0) out(findingTable(findings, isMasked))
  if (flags.length > 0) out(flagTable(flags, isMasked))
  const number = windows.toLocaleString('en')
  if (dryRun) out(`${findings.length} findings in ${number} windows; nothing was written\n`)
  else out(`${flags.length} new flags in ${number} windows\n`)
}
