import type { Redis } from 'ioredis'
import { streamIdBefore } from '../../contract/streamId.ts'
import type { TrafficKeys } from './trafficKeys.ts'
import { type TrimOutcome, trafficCountScript, trafficTrimScript } from './trafficScripts.ts'

const TRIM_LIMIT = 20_000
const COUNT_AT_ONCE = 2_000

export interface TrimOptions {
  /** Entries younger than this stay. */
  readonly keepMs: number
  /** Called now and then with how many were dropped, or counted, so far. */
  readonly onProgress?: ((entries: number) => void) | undefined
}

/** Drops what every group has finished. Throws StoreUnavailable; what was dropped by then stays dropped. */
export async function trimTraffic(
  redis: Redis,
  keys: TrafficKeys,
  options: TrimOptions,
): Promise<TrimOutcome> {
  const args = { keepMs: String(options.keepMs), limit: String(TRIM_LIMIT), isDry: '0' }
  let dropped = 0
  for (;;) {
    const step = await trafficTrimScript(redis, { traffic: keys.traffic }, args)
    dropped += step.dropped
    options.onProgress?.(dropped)
    if (!step.isMoreLeft) return { ...step, dropped }
  }
}

/** What `trimTraffic` would drop now. */
export async function planTrim(redis: Redis, keys: TrafficKeys, options: TrimOptions): Promise<TrimOutcome> {
  const args = { keepMs: String(options.keepMs), limit: '0', isDry: '1' }
  const plan = await trafficTrimScript(redis, { traffic: keys.traffic }, args)
  let dropped = 0
  for (let fromId = '-'; plan.stayId !== undefined; ) {
    const range = { fromId, toId: streamIdBefore(plan.stayId), limit: String(COUNT_AT_ONCE) }
    const { entries, lastId } = await trafficCountScript(redis, { traffic: keys.traffic }, range)
    dropped += entries
    options.onProgress?.(dropped)
    if (entries < COUNT_AT_ONCE) break
    fromId = `(${lastId}`
  }
  return { ...plan, dropped }
}
