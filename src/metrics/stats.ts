import { GC_DURATION, INFOHASHES, LEECHERS, REDSWARM, SEEDERS } from '../contract/metricNames.ts'
import type { Snapshot } from './exposition.ts'
import { readSnapshot } from './readSnapshot.ts'

/** The metrics that people ask for first, under words of their own; percentiles are those since the start. Absent: not known. */
export function statsOf(snapshot: Snapshot, nowSeconds: number) {
  const { value, byLabel, latency, uptimeSeconds, processState } = readSnapshot(snapshot, nowSeconds)
  const requests = (frontend: string) => ({
    announces: latency(REDSWARM.announceDuration, { frontend }),
    scrapes: latency(REDSWARM.scrapeDuration, { frontend }),
    refusals: byLabel(REDSWARM.refusals, 'reason', { frontend }),
  })
  return {
    uptimeSeconds: uptimeSeconds(),
    workers: value(REDSWARM.workers),
    swarms: { infohashes: value(INFOHASHES), seeders: value(SEEDERS), leechers: value(LEECHERS) },
    http: requests('http'),
    udp: { ...requests('udp'), droppedPackets: value(REDSWARM.droppedPackets) },
    store: {
      inFlight: value(REDSWARM.storeInFlight),
      failures: value(REDSWARM.storeFailures),
      errors: byLabel(REDSWARM.scriptErrors, 'kind'),
      announceScript: latency(REDSWARM.storeDuration, { script: 'announce' }),
      sweeps: value(GC_DURATION, {}, '_count'),
    },
    redis: {
      usedMemoryBytes: value(REDSWARM.redisUsedMemory),
      maxMemoryBytes: value(REDSWARM.redisMaxMemory),
      evictedKeys: value(REDSWARM.redisEvictedKeys),
      isNoEviction: flag(value(REDSWARM.redisNoEviction)),
    },
    passkeys: {
      listed: value(REDSWARM.passkeys),
      isListMissing: flag(value(REDSWARM.whitelistMissing)),
      siteCalls: latency(REDSWARM.verifyDuration, {}),
    },
    traffic: {
      entries: value(REDSWARM.streamEntries),
      oldestEntryAgeSeconds: value(REDSWARM.streamOldestAge),
      trimmed: value(REDSWARM.trafficTrimmed),
      deadLetters: byLabel(REDSWARM.deadLetters, 'queue'),
    },
    process: processState(),
  }
}

const flag = (value: number | undefined) => (value === undefined ? undefined : value === 1)
