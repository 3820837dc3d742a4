import type { Redis } from 'ioredis'
import { compareStreamIds } from '../../contract/streamId.ts'
import { StoreUnavailable } from '../../runtime/errors.ts'
import type { TrafficKeys } from './trafficKeys.ts'
import {
  type GroupState,
  type TrafficState,
  trafficCountScript,
  trafficStateScript,
} from './trafficScripts.ts'

const COUNT_AT_ONCE = 2_000
/** Counted one by one; past it the backlog is what Redis' own counters say. */
const COUNT_MOST = 200_000

export interface ConsumerLag {
  readonly name: string
  readonly pending: number
  /** Since it last asked for entries. */
  readonly idleMs: number
}

export interface GroupLag {
  readonly name: string
  readonly lastDeliveredId: string
  /** Age of the newest entry up to which all is settled, by the clock of Redis; 0 when nothing waits. */
  readonly lagMs: number
  /** Entries that nobody was given yet. */
  readonly backlog: number
  readonly isBacklogExact: boolean
  /** Given to a consumer and not acknowledged. */
  readonly pending: number
  readonly oldestPendingId: string | undefined
  /** Since it was announced; 0 when there is none. */
  readonly oldestPendingMs: number
  readonly consumers: readonly ConsumerLag[]
}

export interface TrafficLag {
  readonly stream: string
  readonly entries: number
  readonly oldestMs: number
  readonly deadLetters: number
  readonly failed: number
  readonly groups: readonly GroupLag[]
}

/**
 * How far each group is behind. XINFO's own `lag` is not used: after a trim it counts entries that are gone.
 * Throws StoreUnavailable.
 */
export async function readTrafficLag(redis: Redis, keys: TrafficKeys): Promise<TrafficLag> {
  const state = await trafficStateScript(redis, keys, { group: '' })
  const groups: GroupLag[] = []
  for (const group of state.groups) groups.push(await groupLag(redis, keys, state, group))
  return {
    stream: keys.traffic,
    entries: state.entries,
    oldestMs: state.entries > 0 ? ageMs(state, state.oldestId) : 0,
    deadLetters: state.deadLetters,
    failed: state.failed,
    groups,
  }
}

async function groupLag(
  redis: Redis,
  keys: TrafficKeys,
  state: TrafficState,
  group: GroupState,
): Promise<GroupLag> {
  const { name, pending, oldestPendingId, lastDeliveredId } = group
  const backlog = backlogOf(state, group) ?? (await countAfter(redis, keys, lastDeliveredId, state))
  return {
    name,
    lastDeliveredId,
    lagMs: lagMsOf(state, group, backlog.entries),
    backlog: backlog.entries,
    isBacklogExact: backlog.isExact,
    pending,
    oldestPendingId,
    oldestPendingMs: oldestPendingId === undefined ? 0 : ageMs(state, oldestPendingId),
    consumers: await consumersOf(redis, keys, name),
  }
}

interface Backlog {
  readonly entries: number
  readonly isExact: boolean
}

/** What follows from the ends of the stream alone; undefined when the group stands in the middle. */
export function backlogOf(state: TrafficState, { lastDeliveredId }: GroupState): Backlog | undefined {
  if (state.entries === 0 || compareStreamIds(lastDeliveredId, state.newestId) >= 0)
    return { entries: 0, isExact: true }
  if (compareStreamIds(lastDeliveredId, state.oldestId) < 0) return { entries: state.entries, isExact: true }
  return undefined
}

/** The best that can be said without counting; good to the entry in a group that only our consumers read. */
export function roughBacklogOf(state: TrafficState, group: GroupState): number {
  const known = backlogOf(state, group)
  if (known) return known.entries
  const behind = state.entriesAdded - (group.entriesRead ?? state.entriesAdded - state.entries)
  return Math.max(0, Math.min(state.entries, behind))
}

export function lagMsOf(state: TrafficState, group: GroupState, backlog: number): number {
  const { oldestPendingId, lastDeliveredId } = group
  if (oldestPendingId !== undefined) return ageMs(state, oldestPendingId)
  if (backlog === 0) return 0
  const isBehindAll = compareStreamIds(lastDeliveredId, state.oldestId) < 0
  return ageMs(state, isBehindAll ? state.oldestId : lastDeliveredId)
}

/** An ID may be of any size that its writer liked; one past our numbers is of the future. */
const ageMs = ({ nowMs }: TrafficState, id: string) => Math.max(0, nowMs - Number(id.split('-')[0]))

async function countAfter(
  redis: Redis,
  keys: TrafficKeys,
  id: string,
  state: TrafficState,
): Promise<Backlog> {
  let counted = 0
  for (let from = id; counted < COUNT_MOST; ) {
    const args = { fromId: `(${from}`, toId: state.newestId, limit: String(COUNT_AT_ONCE) }
    const { entries, lastId } = await trafficCountScript(redis, { traffic: keys.traffic }, args)
    counted += entries
    if (entries < COUNT_AT_ONCE) return { entries: counted, isExact: true }
    from = lastId
  }
  const group = state.groups.find(({ lastDeliveredId }) => lastDeliveredId === id)!
  return { entries: Math.max(counted, roughBacklogOf(state, group)), isExact: false }
}

async function consumersOf(redis: Redis, keys: TrafficKeys, group: string): Promise<ConsumerLag[]> {
  const reply = (await redis.xinfo('CONSUMERS', keys.traffic, group).catch((cause: unknown) => {
    throw new StoreUnavailable('reading the consumers', { cause })
  })) as unknown[][]
  return reply.map((list) => {
    const named = new Map<unknown, unknown>()
    for (let i = 0; i + 1 < list.length; i += 2) named.set(list[i], list[i + 1])
    return {
      name: String(named.get('name')),
      pending: Number(named.get('pending')),
      idleMs: Number(named.get('idle')),
    }
  })
}
