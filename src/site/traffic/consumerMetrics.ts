import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { REDSWARM } from '../../contract/metricNames.ts'
import { addEventLoopLag, addProcessMetrics } from '../../metrics/processMetrics.ts'
import { RULE_NAMES, type RuleName } from '../risk/rules/list.ts'
import type { ConsumerObserver } from './consumerObserver.ts'
import { lagMsOf, roughBacklogOf } from './lag.ts'
import type { TrafficState } from './trafficScripts.ts'

const BATCH_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface ConsumerMetrics {
  readonly registry: Registry
  readonly observer: ConsumerObserver
  /** Of a rule that wrote a flag. */
  countFlag(rule: RuleName): void
}

/**
 * What one consumer tells Prometheus. Pending, backlog and lag are the group's, the same from each of its consumers.
 *
 * @param readState asked at most once a scrape; while it fails the last answer stands, and what it says of time goes on
 */
export function createConsumerMetrics(readState: () => Promise<TrafficState>): ConsumerMetrics {
  const registry = new Registry()
  addProcessMetrics(registry)
  addEventLoopLag(registry)
  const counters = createCounters(registry)
  let committedMs = Date.now()
  addGroupGauges(registry, readState, () => committedMs)
  return {
    registry,
    countFlag: counters.countFlag,
    observer: {
      ...counters.observer,
      settled(outcome, seconds) {
        committedMs = Date.now()
        counters.observer.settled(outcome, seconds)
      },
    },
  }
}

/** Gauges read on each scrape. */
function addGroupGauges(
  registry: Registry,
  readState: () => Promise<TrafficState>,
  committedMs: () => number,
): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number | undefined | Promise<number | undefined>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const value = await read()
        if (value !== undefined) this.set(value)
      },
    })

  let state: TrafficState | undefined
  let lookedMs = Date.now()
  let reading: Promise<void> | undefined
  const look = () => {
    const read = async () => {
      state = await readState()
      lookedMs = Date.now()
    }
    reading ??= read()
      .catch(() => undefined) // the age of the last answer tells
      .finally(() => {
        reading = undefined
      })
    return reading
  }
  const ofGroup =
    (read: (state: TrafficState, group: TrafficState['groups'][number]) => number) => async () => {
      await look()
      const group = state?.groups[0]
      return state && group && read(state, group)
    }
  gauge(
    REDSWARM.consumerLastCommitAge,
    'Time since the last commit; rises while there is nothing to settle, too',
    () => (Date.now() - committedMs()) / 1000,
  )
  gauge(
    REDSWARM.consumerLag,
    'Age of the oldest entry that is not settled, by the clock of Redis; 0 when nothing waits',
    ofGroup((at, group) => {
      const lagMs = lagMsOf(at, group, roughBacklogOf(at, group))
      return lagMs === 0 ? 0 : (lagMs + Date.now() - lookedMs) / 1000 // what waits has grown older since the look
    }),
  )
  gauge(
    REDSWARM.consumerPending,
    'Entries given to a consumer of the group and not acknowledged',
    ofGroup((_, group) => group.pending),
  )
  gauge(
    REDSWARM.consumerBacklog,
    'Entries of the stream that no consumer of the group was given yet',
    ofGroup(roughBacklogOf),
  )
  new Gauge({
    name: REDSWARM.deadLetters,
    help: 'Entries among the dead letters and among those given up',
    labelNames: ['queue'],
    registers,
    async collect() {
      await look()
      if (!state) return
      this.set({ queue: 'dlq' }, Math.max(0, state.deadLetters))
      this.set({ queue: 'failed' }, Math.max(0, state.failed))
    },
  })
}

/** Counters that the consumer's observer increments. */
function createCounters(registry: Registry) {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name, help, labelNames, registers })
  const settled = counter(REDSWARM.consumerSettled, 'Entries settled')
  const duplicates = counter(
    REDSWARM.consumerDuplicates,
    'Entries that had been settled before, and changed nothing',
  )
  const credited = counter(REDSWARM.consumerCredited, 'Bytes credited', ['direction'])
  const overlaps = counter(REDSWARM.consumerOverlaps, 'Bytes claimed again and credited once', ['direction'])
  const recovered = counter(REDSWARM.consumerRecovered, 'Bytes that Redis lost, credited all the same', [
    'direction',
  ])
  const gaps = counter(
    REDSWARM.consumerGaps,
    'Holes found between what was settled of a session and what an entry claims',
  )
  const lost = counter(REDSWARM.consumerLost, 'Entries trimmed from the stream before they were read')
  const forgotten = counter(
    REDSWARM.consumerForgotten,
    'Entries older than what the ledger remembers, credited nothing',
  )
  const deadLettered = counter(
    REDSWARM.consumerDeadLettered,
    'Entries put among the dead letters or given up',
    ['queue'],
  )
  const retries = counter(REDSWARM.consumerRetries, 'Attempts that had to be repeated', ['cause'])
  const durations = new Histogram({
    name: REDSWARM.consumerBatchDuration,
    help: 'The time one transaction takes',
    buckets: BATCH_BUCKETS_SECONDS,
    registers,
  })
  const flags = counter(REDSWARM.riskFlags, 'Flags that this process wrote', ['rule'])
  for (const rule of RULE_NAMES) flags.inc({ rule }, 0)
  for (const metric of [credited, overlaps, recovered])
    for (const direction of ['upload', 'download']) metric.inc({ direction }, 0)
  for (const queue of ['dlq', 'failed']) deadLettered.inc({ queue }, 0)
  for (const cause of ['redis', 'database', 'deadlock']) retries.inc({ cause }, 0)
  const both = (metric: typeof credited, upload: bigint, download: bigint) => {
    metric.inc({ direction: 'upload' }, Number(upload))
    metric.inc({ direction: 'download' }, Number(download))
  }
  return {
    countFlag: (rule: RuleName) => flags.inc({ rule }),
    observer: {
      settled(outcome, seconds) {
        settled.inc(outcome.settled)
        duplicates.inc(outcome.duplicates)
        both(credited, outcome.uploadedBytes, outcome.downloadedBytes)
        both(overlaps, outcome.overlapUploadedBytes, outcome.overlapDownloadedBytes)
        gaps.inc(outcome.gaps)
        forgotten.inc(outcome.forgotten)
        retries.inc({ cause: 'deadlock' }, outcome.retries)
        durations.observe(seconds)
      },
      recovered: ({ uploadedBytes, downloadedBytes }) => both(recovered, uploadedBytes, downloadedBytes),
      lost: (entries) => lost.inc(entries),
      deadLettered: (queue) => deadLettered.inc({ queue }),
      retried: (cause) => retries.inc({ cause }),
    } satisfies ConsumerObserver,
  }
}
