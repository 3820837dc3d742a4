import type { Redis } from 'ioredis'
import { maskPasskey } from '../../bittorrent/passkey.ts'
import { MalformedEvent, parseTrafficEvent } from '../../contract/parseTrafficEvent.ts'
import { compareStreamIds, parseStreamId } from '../../contract/streamId.ts'
import type { TrafficEntry } from '../../contract/trafficEvent.ts'
import { timeText } from '../../runtime/timeText.ts'
import { type Ledger, openLedger } from '../../site/ledger/ledger.ts'
import type { Comparison, Recomputation, WindowRange } from '../../site/ledger/recompute.ts'
import { readStream } from '../../site/traffic/streamPages.ts'
import { trafficStateScript } from '../../site/traffic/trafficScripts.ts'
import { createProgress, type Progress } from '../progress.ts'
import { type TrafficPlace, withTraffic } from './options.ts'

export interface RecomputeOptions {
  readonly db: string
  /** From the journal and not from the stream. */
  readonly journal: boolean
  /** Unix seconds; windows that begin in [from, until). */
  readonly from: number | undefined
  readonly until: number | undefined
  readonly limit: number
  readonly passkeys: boolean
  readonly json: boolean
}

const print = (text: string) => void process.stdout.write(text)

/**
 * `redswarm traffic recompute`: what users moved, computed anew, and where the ledger differs. Exit code 1 when it does.
 */
export async function recomputeTraffic(place: TrafficPlace, options: RecomputeOptions): Promise<void> {
  const ledger = await openLedger(options.db, { mustExist: true })
  const progress = createProgress(process.stderr)
  try {
    const outcome = await (options.journal
      ? fromJournal(ledger, options)
      : fromStream(ledger, place, options, progress))
    progress.clear()
    report(outcome, options)
    if (outcome.windows.differing + outcome.users.differing > 0) process.exitCode = 1
  } finally {
    progress.clear()
    await ledger.close()
  }
}

async function fromJournal(ledger: Ledger, { from, until, limit }: RecomputeOptions): Promise<Recomputation> {
  const whole = await ledger.journalRange()
  const range = whole && within(whole, { from, until }, ledger.windowSeconds)
  const outcome = range && (await ledger.recompute({ range, limit }))
  if (outcome === undefined) throw new Error('the journal has no line in that time')
  return outcome
}

/** Of the stream those entries that are settled for certain, in the windows of which it has every entry. */
function fromStream(
  ledger: Ledger,
  place: TrafficPlace,
  options: RecomputeOptions,
  progress: Progress,
): Promise<Recomputation> {
  return withTraffic(place, async (redis, keys) => {
    const stream = await trafficStateScript(redis, keys, { group: '' })
    const lowWatermark = await ledger.settledUpTo()
    if (stream.entries === 0 || lowWatermark === undefined) throw new Error(NOTHING)
    const { windowSeconds } = ledger
    const startOf = (id: string) => Math.floor(parseStreamId(id).ms / 1000 / windowSeconds) * windowSeconds
    const isWhole = stream.entriesAdded === stream.entries
    const isSettledWhole = compareStreamIds(stream.newestId, lowWatermark) <= 0
    const whole = {
      fromSeconds: startOf(stream.oldestId) + (isWhole ? 0 : windowSeconds),
      untilSeconds: isSettledWhole ? startOf(stream.newestId) + windowSeconds : startOf(lowWatermark),
    }
    const range = within(whole, options, windowSeconds)
    if (range === undefined) throw new Error(NOTHING)
    const onRead = (read: number) => progress.show('entries', read, stream.entries)
    const entries = settledEntries(redis, keys.traffic, lowWatermark, onRead)
    return (await ledger.recompute({ entries, range, limit: options.limit }))!
  })
}

const NOTHING = 'the stream holds no whole window of settled entries; --journal compares with the journal'

async function* settledEntries(
  redis: Redis,
  stream: string,
  lowWatermark: string,
  onRead: (entries: number) => void,
): AsyncGenerator<TrafficEntry[]> {
  let read = 0
  for await (const page of readStream(redis, stream, lowWatermark)) {
    yield page.map(parseEntry).filter((entry) => entry !== undefined)
    read += page.length
    onRead(read)
  }
}

/** Malformed entries are dead letters: they are not in the ledger either. */
function parseEntry({
  id,
  fields,
}: {
  readonly id: string
  readonly fields: readonly string[]
}): TrafficEntry | undefined {
  try {
    return { id, event: parseTrafficEvent(fields) }
  } catch (error) {
    if (error instanceof MalformedEvent) return undefined
    throw error
  }
}

/** Whole windows of both; undefined when there is none. */
function within(
  { fromSeconds, untilSeconds }: WindowRange,
  { from = 0, until = Number.POSITIVE_INFINITY }: { from?: number | undefined; until?: number | undefined },
  windowSeconds: number,
): WindowRange | undefined {
  const range = {
    fromSeconds: Math.max(fromSeconds, Math.ceil(from / windowSeconds) * windowSeconds),
    untilSeconds: Math.min(untilSeconds, Math.floor(until / windowSeconds) * windowSeconds),
  }
  return range.fromSeconds < range.untilSeconds ? range : undefined
}

function report({ range, windows, users }: Recomputation, options: RecomputeOptions): void {
  if (options.json) {
    const documents = { windows: comparisonJson(windows, options), users: comparisonJson(users, options) }
    print(`${JSON.stringify({ from: range.fromSeconds, until: range.untilSeconds, ...documents })}\n`)
    return
  }
  const { total } = windows
  print(`windows from ${time(range.fromSeconds)} to ${time(range.untilSeconds)} UTC\n`)
  print(`  recomputed  ${total.recomputedUploadedBytes} B up, ${total.recomputedDownloadedBytes} B down\n`)
  print(`  booked      ${total.bookedUploadedBytes} B up, ${total.bookedDownloadedBytes} B down\n`)
  print(differencesText(windows, options, 'the windows of every user are as recomputed'))
  print('users’ totals and the sums of their torrents\n')
  print(differencesText(users, options, 'equal for every user'))
}

function differencesText(comparison: Comparison, { passkeys }: RecomputeOptions, equal: string): string {
  const { differing, differences } = comparison
  if (differing === 0) return `  ${equal}\n`
  const lines = differences.map((each) => {
    const up = each.bookedUploadedBytes - each.recomputedUploadedBytes
    const down = each.bookedDownloadedBytes - each.recomputedDownloadedBytes
    return `  ${passkeys ? each.passkey : maskPasskey(each.passkey)}  booked ${signed(up)} B up, ${signed(down)} B down\n`
  })
  const more =
    differing > differences.length ? `  … ${differing - differences.length} more; --limit shows them\n` : ''
  return `  ${differing} ${differing === 1 ? 'user differs' : 'users differ'}\n${lines.join('')}${more}`
}

function comparisonJson({ total, differing, differences }: Comparison, { passkeys }: RecomputeOptions) {
  return {
    total: amountsJson(total),
    differing,
    differences: differences.map((each) => ({
      passkey: passkeys ? each.passkey : maskPasskey(each.passkey),
      ...amountsJson(each),
    })),
  }
}

function amountsJson(amounts: Comparison['total']) {
  return {
    recomputed_uploaded: String(amounts.recomputedUploadedBytes),
    recomputed_downloaded: String(amounts.recomputedDownloadedBytes),
    booked_uploaded: String(amounts.bookedUploadedBytes),
    booked_downloaded: String(amounts.bookedDownloadedBytes),
  }
}

const signed = (value: bigint) => (value > 0n ? `+${value}` : String(value))
const time = (seconds: number) => timeText(seconds, 'minute')
