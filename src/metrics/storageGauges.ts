import { Gauge, type Registry } from 'prom-client'
import { INFOHASHES, LEECHERS, REDSWARM, SEEDERS } from '../contract/metricNames.ts'

/** Fleet-wide numbers, read from Redis when someone scrapes: the same on every instance. undefined: it may not be asked. */
export interface StorageNumbers {
  readonly infohashes: number | undefined
  readonly seeders: number | undefined
  readonly leechers: number | undefined
  /** False: Redis may evict sessions and events when it is full. */
  readonly isNoEviction: boolean | undefined
  readonly usedMemoryBytes: number | undefined
  /** 0: no limit. */
  readonly maxMemoryBytes: number | undefined
  readonly evictedKeys: number | undefined
  /** Members of the whitelist. */
  readonly passkeys: number | undefined
  /** True: passkeys are checked against a set that is not there. */
  readonly isWhitelistMissing: boolean | undefined
  readonly streamEntries: number | undefined
  /** 0 when there is none. */
  readonly oldestEntryAgeSeconds: number | undefined
  /** Traffic events that the stream's length cap pushed out before anyone trimmed them. */
  readonly trafficTrimmed: number | undefined
  readonly deadLetters: number | undefined
  readonly failedEntries: number | undefined
}

type Read = () => Promise<StorageNumbers | undefined>
type Pick = (numbers: StorageNumbers) => number | boolean | undefined

const GAUGES: readonly (readonly [name: string, help: string, pick: Pick])[] = [
  [INFOHASHES, 'The number of Infohashes tracked', (read) => read.infohashes],
  [SEEDERS, 'The number of seeders tracked', (read) => read.seeders],
  [LEECHERS, 'The number of leechers tracked', (read) => read.leechers],
  [
    REDSWARM.redisNoEviction,
    '1 while maxmemory-policy is noeviction; 0: a full Redis throws away credit',
    (read) => read.isNoEviction,
  ],
  [REDSWARM.redisUsedMemory, 'Memory that Redis has in use', (read) => read.usedMemoryBytes],
  [REDSWARM.redisMaxMemory, 'maxmemory of Redis; 0: no limit', (read) => read.maxMemoryBytes],
  [
    REDSWARM.redisEvictedKeys,
    'Keys that Redis threw away for lack of memory since it started',
    (read) => read.evictedKeys,
  ],
  [REDSWARM.passkeys, 'Members of the passkey whitelist', (read) => read.passkeys],
  [
    REDSWARM.whitelistMissing,
    '1 while passkeys are checked against a whitelist that does not exist; clients are asked to come back',
    (read) => read.isWhitelistMissing,
  ],
  [
    REDSWARM.streamEntries,
    'Entries of the traffic stream, settled ones that were not trimmed yet among them',
    (read) => read.streamEntries,
  ],
  [
    REDSWARM.streamOldestAge,
    'Age of the oldest entry of the traffic stream by the clock of Redis; 0 when there is none',
    (read) => read.oldestEntryAgeSeconds,
  ],
  [
    REDSWARM.trafficTrimmed,
    'Traffic events that max_len pushed out of the stream since Redis was empty, fleet-wide',
    (read) => read.trafficTrimmed,
  ],
]

/** @param readNumbers asked once a scrape; undefined while Redis does not answer, and the gauges keep their last values */
export function addStorageGauges(registry: Registry, readNumbers: Read): void {
  const registers = [registry]
  const read = shared(readNumbers)
  for (const [name, help, pick] of GAUGES) {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers,
      aggregator: 'max', // every process of a machine reads the same numbers
      async collect() {
        const numbers = await read()
        if (!numbers) return
        const value = pick(numbers)
        if (value === undefined) this.remove()
        else this.set(Number(value))
      },
    })
    gauge.remove() // not 0 before it is known
  }
  new Gauge({
    name: REDSWARM.deadLetters,
    help: 'Traffic entries that could not be settled (dlq) and that were given up (failed)',
    labelNames: ['queue'],
    registers,
    aggregator: 'max',
    async collect() {
      const numbers = await read()
      if (!numbers) return
      this.reset()
      for (const [queue, entries] of [
        ['dlq', numbers.deadLetters],
        ['failed', numbers.failedEntries],
      ] as const)
        if (entries !== undefined) this.set({ queue }, entries)
    },
  })
}

/** A registry asks every gauge for itself, all at once; they share one answer. */
function shared(read: Read): Read {
  let reading: Promise<StorageNumbers | undefined> | undefined
  return () => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
}
