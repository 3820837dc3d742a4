import type { Redis } from 'ioredis'
import type { SwarmConfig } from '../../config/config.ts'
import type { Keys } from '../../redis/keys.ts'
import type { ObserveCall } from '../store/swarmStore.ts'
import { createSweeper, type SweepRound } from '../store/sweeper.ts'

/** A lease outlives this many missed rounds of its holder. */
const LEASE_ROUNDS = 2

export interface SweepingOptions {
  readonly redis: Redis
  readonly keys: Keys
  readonly swarm: SwarmConfig
  /** Without a connection there is nothing to ask for. */
  readonly isConnected: () => boolean
  readonly onSwept: (round: SweepRound, elapsedMs: number) => void
  readonly onFailure: (error: Error) => void
  readonly onCall: ObserveCall
}

/** Sweeps every `gcIntervalMs`, where this instance gets the lease. */
export interface Sweeping {
  /** No further round; another instance may take over at once. A round under way goes on to its end. */
  stop(): Promise<void>
}

export function startSweeping(options: SweepingOptions): Sweeping {
  const { redis, keys, swarm, isConnected, onSwept, onFailure, onCall } = options
  const sweeper = createSweeper({ redis, keys, ...swarm, onCall, leaseMs: LEASE_ROUNDS * swarm.gcIntervalMs })
  const sweep = async () => {
    if (!isConnected()) return
    const startedMs = performance.now()
    const round = await sweeper.round()
    if (round.isLeader) onSwept(round, performance.now() - startedMs)
  }
  const timer = setInterval(() => sweep().catch(onFailure), swarm.gcIntervalMs)
  return {
    async stop() {
      clearInterval(timer)
      if (isConnected()) await sweeper.release().catch(() => undefined) // the lease runs out by itself
    },
  }
}
