import { REDSWARM } from '../../contract/metricNames.ts'
import type { Snapshot } from '../../metrics/exposition.ts'
import { readSnapshot } from '../../metrics/readSnapshot.ts'

/** A consumer's metrics that people ask for first, under words of their own. Absent: not known. */
export function consumerStats(snapshot: Snapshot, nowSeconds: number) {
  const { value, byLabel, latency, uptimeSeconds, processState } = readSnapshot(snapshot, nowSeconds)
  return {
    uptimeSeconds: uptimeSeconds(),
    settled: {
      entries: value(REDSWARM.consumerSettled),
      duplicates: value(REDSWARM.consumerDuplicates),
      creditedBytes: byLabel(REDSWARM.consumerCredited, 'direction'),
      overlapBytes: byLabel(REDSWARM.consumerOverlaps, 'direction'),
      recoveredBytes: byLabel(REDSWARM.consumerRecovered, 'direction'),
      gaps: value(REDSWARM.consumerGaps),
      forgotten: value(REDSWARM.consumerForgotten),
      lastCommitAgeSeconds: value(REDSWARM.consumerLastCommitAge),
      transactions: latency(REDSWARM.consumerBatchDuration, {}),
      retries: byLabel(REDSWARM.consumerRetries, 'cause'),
    },
    group: {
      lagSeconds: value(REDSWARM.consumerLag),
      backlog: value(REDSWARM.consumerBacklog),
      pending: value(REDSWARM.consumerPending),
      lost: value(REDSWARM.consumerLost),
      deadLetters: byLabel(REDSWARM.deadLetters, 'queue'),
    },
    riskFlags: byLabel(REDSWARM.riskFlags, 'rule'),
    process: processState(),
  }
}
