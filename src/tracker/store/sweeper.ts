import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Infohash } from '../../bittorrent/types.ts'
import type { Keys } from '../../redis/keys.ts'
import { leaseScript } from './scripts/lease.ts'
import { sweepScript } from './scripts/sweep.ts'
import { type ObserveCall, SERVER_CLOCK } from './swarmStore.ts'

/** Swept side by side. Few, since they share the connection with announces. */
const SWARMS_PER_BATCH = 20

export interface SweeperOptions {
  readonly redis: Redis
  readonly keys: Keys
  readonly peerLifetimeSeconds: number
  /** Silent peers of each role that one call drops at most. */
  readonly sweepLimit: number
  /** How long the lease of the one sweeping instance holds without a renewal; longer than the pause between rounds. */
  readonly leaseMs: number
  readonly onCall?: ObserveCall | undefined
  /** For tests that move time by hand: Unix seconds. */
  readonly nowSeconds?: () => number
}

export interface SweepRound {
  /** False: another instance holds the lease, nothing was totals. */
  readonly isLeader: boolean
  readonly swarms: number
  readonly seedersDropped: number
  readonly leechersDropped: number
}

export interface Sweeper {
  /**
   * Visits every swarm whose oldest peer may have expired. Throws when Redis does not answer; and, after all others,
   * when some swarms cannot be swept (a key of a wrong type), which are tried again every round.
   * While a round is under way, another call joins it.
   */
  round(): Promise<SweepRound>
  /** Lets another instance take over at once. */
  release(): Promise<void>
}

/** A swarm's time may be this much later than now and its peers' lifetime together, while a sweep takes its time. */
const CLOCK_SLACK_SECONDS = 10

/**
 * Drops the silent peers of swarms that nobody announces to any more; announces do it for the others on their way.
 * One instance at a time holds the lease. Two at once would do no harm, only work: each sweep is one atomic script.
 */
export function createSweeper(options: SweeperOptions): Sweeper {
  const { redis, keys, peerLifetimeSeconds, sweepLimit, leaseMs, onCall, nowSeconds } = options
  const owner = randomUUID()

  async function timed<T>(script: string, call: () => Promise<T>): Promise<T> {
    const startedMs = performance.now()
    try {
      return await call()
    } finally {
      onCall?.(script, (performance.now() - startedMs) / 1000)
    }
  }

  const lease = (holdMs: number) =>
    timed('lease', () => leaseScript(redis, { lease: keys.sweepLease }, { owner, leaseMs: String(holdMs) }))

  async function sweepSwarm(infohash: Infohash) {
    const swarm = {
      seeders: keys.seeders(infohash),
      leechers: keys.leechers(infohash),
      swarms: keys.swarms,
      stats: keys.stats,
    }
    const args = {
      nowSeconds: nowSeconds ? String(nowSeconds()) : SERVER_CLOCK,
      peerLifetimeSeconds: String(peerLifetimeSeconds),
      limit: String(sweepLimit),
      infohash,
    }
    let seedersDropped = 0
    let leechersDropped = 0
    for (;;) {
      const outcome = await timed('sweep', () => sweepScript(redis, swarm, args))
      seedersDropped += outcome.seedersDropped
      leechersDropped += outcome.leechersDropped
      if (!outcome.isMoreLeft) return { seedersDropped, leechersDropped }
    }
  }

  /** Those whose oldest peer may have expired, then those whose time was written by a clock that was ahead. */
  async function dueSwarms(failed: number): Promise<string[]> {
    const now = nowSeconds ? nowSeconds() : Number((await redis.time())[0])
    const select = (min: string, max: string) =>
      // Those that failed keep their place at the front.
      redis.zrangebyscore(keys.swarms, min, max, 'LIMIT', failed, SWARMS_PER_BATCH)
    const due = await select('-inf', String(now))
    return due.length > 0 ? due : select(`(${now + peerLifetimeSeconds + CLOCK_SLACK_SECONDS}`, '+inf')
  }

  async function round(): Promise<SweepRound> {
    const totals = { isLeader: true, swarms: 0, seedersDropped: 0, leechersDropped: 0 }
    const failures: unknown[] = []
    for (;;) {
      if (!(await lease(leaseMs))) return { ...totals, isLeader: totals.swarms > 0 }
      const due = await dueSwarms(failures.length)
      for (const swarm of await Promise.allSettled(due.map((infohash) => sweepSwarm(infohash as Infohash)))) {
        totals.swarms++
        if (swarm.status === 'rejected') {
          failures.push(swarm.reason)
          continue
        }
        totals.seedersDropped += swarm.value.seedersDropped
        totals.leechersDropped += swarm.value.leechersDropped
      }
      if (due.length === 0) break
    }
    if (failures.length === 0) return totals
    throw new Error(`${failures.length} of ${totals.swarms} swarms cannot be swept`, { cause: failures[0] })
  }

  let running: Promise<SweepRound> | undefined
  return {
    round() {
      running ??= round().finally(() => {
        running = undefined
      })
      return running
    },

    async release() {
      await lease(0)
    },
  }
}
