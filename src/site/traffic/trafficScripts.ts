import { defineScript } from '../../redis/script.ts'

/** Wrappers of the scripts on the consumer's side of the stream; each is one round trip and throws StoreUnavailable. */

const integer = (reply: unknown): number => {
  if (!Number.isSafeInteger(reply)) throw new TypeError('reply is not an integer')
  return reply as number
}
const list = (reply: unknown): unknown[] => {
  if (!Array.isArray(reply)) throw new TypeError('reply is not a list')
  return reply
}

/** An entry as it was delivered. */
export interface DeliveredEntry {
  readonly id: string
  /** This delivery counted. */
  readonly deliveries: number
  /** Names and values in turn; undefined when the entry has left the stream. */
  readonly fields: readonly string[] | undefined
}

/** What the group is given for the first time, and what was trimmed before that. */
export interface Delivery {
  /** One life of one Redis; see lua/lib/redisEpoch.lua. */
  readonly redisEpoch: string
  readonly hasGroup: boolean
  readonly lostEntries: number
  /** The first ID that may be missing; empty when nothing is lost. */
  readonly missingId: string
  readonly entries: readonly DeliveredEntry[]
}

export const trafficReadScript = defineScript({
  file: 'traffic/trafficRead.lua',
  keys: ['traffic', 'deadLetters'],
  args: ['group', 'consumer', 'limit'],
  parse: (reply): Delivery => {
    const [redisEpoch, hasGroup, lostEntries, missingId, entries] = list(reply)
    return {
      redisEpoch: String(redisEpoch),
      hasGroup: integer(hasGroup) === 1,
      lostEntries: integer(lostEntries),
      missingId: String(missingId),
      entries: (entries === null ? [] : list(entries)).map((entry) => {
        const [id, fields] = list(entry)
        return { id: String(id), deliveries: 1, fields: list(fields).map(String) }
      }),
    }
  },
})

/** @returns 1 made, 0 was there, -1 another Redis epoch */
export const trafficGroupScript = defineScript({
  file: 'traffic/trafficGroup.lua',
  keys: ['traffic'],
  args: ['group', 'redisEpoch', 'lowWatermark'],
  parse: integer,
})

/** @returns how many were pending, or -1 for another Redis epoch */
export const trafficAckScript = defineScript({
  file: 'traffic/trafficAck.lua',
  keys: ['traffic'],
  args: ['group', 'redisEpoch', '...ids'],
  parse: integer,
})

export interface ClaimedEntries {
  readonly redisEpoch: string
  readonly hasGroup: boolean
  /** To go on from; empty: there is no more. */
  readonly lastId: string
  readonly entries: readonly DeliveredEntry[]
}

export const trafficClaimScript = defineScript({
  file: 'traffic/trafficClaim.lua',
  keys: ['traffic', 'deadLetters'],
  args: ['group', 'consumer', 'owner', 'minIdleMs', 'fromId', 'limit', 'counts'],
  parse: (reply): ClaimedEntries => {
    const [redisEpoch, lastId, ...entries] = list(reply)
    return {
      redisEpoch: String(redisEpoch),
      hasGroup: lastId !== undefined,
      lastId: String(lastId ?? ''),
      entries: entries.map((entry) => {
        const [id, deliveries, fields] = list(entry)
        return {
          id: String(id),
          deliveries: integer(deliveries),
          fields: fields === null ? undefined : list(fields).map(String),
        }
      }),
    }
  },
})

/** @returns 1 parked, 0 not pending any more, -1 another Redis epoch */
export const trafficParkScript = defineScript({
  file: 'traffic/trafficPark.lua',
  keys: ['traffic', 'deadLetters'],
  args: ['group', 'redisEpoch', 'id', 'reason', 'attempts'],
  parse: integer,
})

/** Where one consumer group of the stream stands. */
export interface GroupState {
  readonly name: string
  readonly pending: number
  readonly oldestPendingId: string | undefined
  readonly lastDeliveredId: string
  /** Entries ever added up to the last delivered one, as Redis knows it; undefined when it does not. */
  readonly entriesRead: number | undefined
  readonly consumers: number
}

/** Where the stream stands, read in one step. */
export interface TrafficState {
  readonly redisEpoch: string
  /** Redis' clock. */
  readonly nowMs: number
  readonly usedMemoryBytes: number
  /** 0: no limit. */
  readonly maxMemoryBytes: number
  /** Entries waiting there; -1: the key is no stream. */
  readonly deadLetters: number
  readonly failed: number
  readonly entries: number
  readonly oldestId: string
  /** Also of an entry that is gone. */
  readonly newestId: string
  readonly entriesAdded: number
  readonly groups: readonly GroupState[]
}

export const trafficStateScript = defineScript({
  file: 'traffic/trafficState.lua',
  keys: ['traffic', 'deadLetters', 'failed'],
  args: ['group'],
  parse: (reply): TrafficState => {
    const [redisEpoch, nowMs, used, max, dead, failed, entries, oldestId, newestId, added, ...groups] =
      list(reply)
    return {
      redisEpoch: String(redisEpoch),
      nowMs: integer(nowMs),
      usedMemoryBytes: integer(used),
      maxMemoryBytes: integer(max),
      deadLetters: integer(dead),
      failed: integer(failed),
      entries: integer(entries),
      oldestId: String(oldestId),
      newestId: String(newestId),
      entriesAdded: integer(added),
      groups: groups.map(groupState),
    }
  },
})

function groupState(reply: unknown): GroupState {
  const [name, pending, oldestPendingId, lastDeliveredId, entriesRead, consumers] = list(reply)
  const read = integer(entriesRead)
  return {
    name: String(name),
    pending: integer(pending),
    oldestPendingId: String(oldestPendingId) || undefined,
    lastDeliveredId: String(lastDeliveredId),
    entriesRead: read < 0 ? undefined : read,
    consumers: integer(consumers),
  }
}

export interface TrimOutcome {
  readonly dropped: number
  /** The oldest ID that stays; undefined: no group reads the stream, so nothing is finished. */
  readonly stayId: string | undefined
  /** Undefined: it stays only because it is young. */
  readonly neededBy: string | undefined
  readonly isMoreLeft: boolean
}

export const trafficTrimScript = defineScript({
  file: 'traffic/trafficTrim.lua',
  keys: ['traffic'],
  args: ['keepMs', 'limit', 'isDry'],
  parse: (reply): TrimOutcome => {
    const [dropped, stayId, neededBy, isMoreLeft] = list(reply)
    return {
      dropped: integer(dropped),
      stayId: String(stayId) || undefined,
      neededBy: String(neededBy) || undefined,
      isMoreLeft: integer(isMoreLeft) === 1,
    }
  },
})

export const trafficCountScript = defineScript({
  file: 'traffic/trafficCount.lua',
  keys: ['traffic'],
  args: ['fromId', 'toId', 'limit'],
  parse: (reply) => {
    const [entries, lastId] = list(reply)
    return { entries: integer(entries), lastId: String(lastId) }
  },
})

/** @returns how many were removed */
export const trafficLeaveScript = defineScript({
  file: 'traffic/trafficLeave.lua',
  keys: ['traffic'],
  args: ['group', 'consumer', 'idleMs'],
  parse: integer,
})
