import fc from 'fast-check'
import { isPossibleDelta } from '../../../../../src/contract/possibleDelta.ts'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import { closeSession } from '../../../../../src/site/ledger/accounting/closing.ts'
import { KnownLosses } from '../../../../../src/site/ledger/accounting/knownLosses.ts'
import { readSession, writeSession } from '../../../../../src/site/ledger/accounting/sessionRecord.ts'
import {
  NEW_SESSION,
  type Session,
  settleEvent,
} from '../../../../../src/site/ledger/accounting/settlement.ts'

/**
 * A client, a Redis that can lose what it holds, and a consumer. The client moves bytes and restarts its counters; the Redis
 * keeps one session record and a stream by the rules of lua/tracker/announce.lua; the consumer settles what it reads with the
 * code of the ledger. Whatever happens, what is credited can be compared with what the client moved.
 */
export type Action =
  | { readonly do: 'announce'; readonly seconds: number; readonly up: number; readonly down: number }
  /** The client starts anew and has moved so much by the time it announces. */
  | { readonly do: 'restart'; readonly up: number; readonly down: number; readonly saysSo: boolean }
  /** Pieces failed: the client's `downloaded` falls, its `uploaded` does not. */
  | { readonly do: 'discard'; readonly down: number }
  /** An announce of now is not executed now. */
  | { readonly do: 'delay' }
  /** It is executed, unless its deadline is over. */
  | { readonly do: 'late'; readonly pick: number }
  /** An announce claims totals that no client can have; the client itself does not move for it. */
  | { readonly do: 'absurd' }
  /** Settles some of what waits, in some order; `again` leaves an entry unacknowledged after it was settled. */
  | { readonly do: 'consume'; readonly picks: readonly number[]; readonly again: boolean }
  /** Settles everything that waits, so nothing older can come, and closes the session. */
  | { readonly do: 'drain'; readonly picks: readonly number[] }
  | { readonly do: 'snapshot' }
  /** Redis comes back as it was at the snapshot. */
  | { readonly do: 'rollback' }
  | { readonly do: 'wipe' }
  /** Redis is wiped, the client announces, and the wipe is undone, all within this second. */
  | { readonly do: 'undo'; readonly up: number }
  | { readonly do: 'trim'; readonly entries: number; readonly isNoticed: boolean }
  /** An entry of before, perhaps lost, is delivered again: a dead letter is replayed, an old file of Redis put back. */
  | { readonly do: 'relic'; readonly pick: number }
  /** Redis goes on on a machine with another clock. What it wrote before is settled by then. */
  | { readonly do: 'clock'; readonly seconds: number }
  /** Longer than a session is remembered. */
  | { readonly do: 'silence'; readonly up: number }

const ACCOUNTING_TTL_SECONDS = 7 * 86_400
/** A request is executed at most so long after it was received, by Redis' clock. */
const DEADLINE_SECONDS = 10

const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 4 })
const bytes = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(50) })
const seconds = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }) },
  { weight: 1, arbitrary: fc.integer({ min: 50, max: 2_000 }) },
)

const ARBITRARIES: Readonly<Record<Action['do'], fc.Arbitrary<Action>>> = {
  announce: fc.record({ do: fc.constant('announce'), seconds, up: bytes, down: bytes }),
  restart: fc.record({
    do: fc.constant('restart'),
    up: fc.nat(40),
    down: fc.nat(40),
    saysSo: fc.boolean(),
  }),
  discard: fc.record({ do: fc.constant('discard'), down: fc.nat(20) }),
  delay: fc.constant({ do: 'delay' }),
  late: fc.record({ do: fc.constant('late'), pick: fc.nat(10) }),
  absurd: fc.constant({ do: 'absurd' }),
  consume: fc.record({ do: fc.constant('consume'), picks, again: fc.boolean() }),
  drain: fc.record({ do: fc.constant('drain'), picks }),
  snapshot: fc.constant({ do: 'snapshot' }),
  rollback: fc.constant({ do: 'rollback' }),
  wipe: fc.constant({ do: 'wipe' }),
  undo: fc.record({ do: fc.constant('undo'), up: fc.nat(20) }),
  trim: fc.record({ do: fc.constant('trim'), entries: fc.nat(10), isNoticed: fc.boolean() }),
  relic: fc.record({ do: fc.constant('relic'), pick: fc.nat(1_000) }),
  clock: fc.record({
    do: fc.constant('clock'),
    seconds: fc.oneof(fc.integer({ min: -60, max: 60 }), fc.constantFrom(-86_400, 86_400)),
  }),
  silence: fc.record({ do: fc.constant('silence'), up: bytes }),
}

export type Fault = Exclude<Action['do'], 'announce' | 'consume' | 'drain'>

/** Runs in which the client announces and entries are consumed, out of order and again, and these things happen besides. */
export function runs(...faults: Fault[]): fc.Arbitrary<Action[]> {
  const normal = (['announce', 'consume', 'drain'] as const).map((name, index) => ({
    weight: [8, 3, 2][index]!,
    arbitrary: ARBITRARIES[name],
  }))
  const special = faults.map((name) => ({ weight: 1, arbitrary: ARBITRARIES[name] }))
  return fc.array(fc.oneof(...normal, ...special), { maxLength: 80, size: 'max' })
}

interface Counters {
  readonly up: number
  readonly down: number
}

interface Redis {
  readonly record: (Counters & { readonly since: number; readonly at: number }) | undefined
  readonly stream: readonly Entry[]
  /** What the group has finished is known to Redis alone, and comes again after a rollback. */
  readonly acknowledged: ReadonlySet<number>
  /** IDs rise within one stream, also when the clock steps back. */
  readonly lastId: number
}

const EMPTY: Redis = { record: undefined, stream: [], acknowledged: new Set(), lastId: 0 }

interface Entry {
  /** Names the entry in the model. */
  readonly id: number
  /** Its ID in the stream: milliseconds. */
  readonly streamId: number
  readonly event: TrafficEvent
}

interface Request extends Counters {
  readonly event: TrafficEvent['event']
  readonly deadline: number
}

export interface Outcome {
  readonly credited: Counters
  /** What one unbroken run of announces would have credited: growth from one to the next. */
  readonly announced: Counters
  /** What the client moved, a restarted one from zero. */
  readonly moved: Counters
}

const BASE = {
  passkey: 'p',
  infohash: 'i',
  peerId: 'c',
  leftBytes: 0,
} as unknown as TrafficEvent

const START = 1_000_000

export class SettlementModel {
  #now = START
  #lastId = 0
  #client: Counters = { up: 10, down: 20 }
  #told: Counters = this.#client
  #delayed: Request[] = []
  #redis: Redis = EMPTY
  #epoch = 0
  #snapshot: Redis | undefined
  readonly #everything: Entry[] = []
  #session: Session = NEW_SESSION
  #knownEpoch = 0
  #isEpochNew = false
  #epochLoss: [number, number] = [0, 0]
  /** Time of the newest entry that was read. */
  #newest = 0
  #newestId = 0
  /** Everything up to this time is settled, of the epoch before. */
  #lowWatermark = 0
  readonly #losses: [number, number][] = []
  #credited: Counters = { up: 0, down: 0 }
  #announced: Counters = { up: 0, down: 0 }
  #moved: Counters = { up: 0, down: 0 }
  readonly #log: ((line: string) => void) | undefined

  constructor(log?: (line: string) => void) {
    this.#log = log
  }

  /** Every run begins with a session that is known, and ends with an announce and nothing that waits. */
  run(actions: readonly Action[]): Outcome {
    const whole: Action[] = [
      { do: 'announce', seconds: 1, up: 0, down: 0 },
      { do: 'drain', picks: [0] },
      ...actions,
      { do: 'announce', seconds: 1, up: 1, down: 1 },
      { do: 'drain', picks: [0] },
      { do: 'drain', picks: [0] },
    ]
    for (const action of whole) {
      this.#log?.(JSON.stringify(action))
      this.#act(action)
    }
    return { credited: this.#credited, announced: this.#announced, moved: this.#moved }
  }

  session(): Session {
    return this.#session
  }

  #act(action: Action): void {
    switch (action.do) {
      case 'announce':
        this.#now += action.seconds
        this.#move(action)
        this.#announce('none')
        break
      case 'restart':
        this.#now += 1
        this.#restart(action)
        break
      case 'discard':
        this.#now += 1
        this.#delayed = []
        this.#client = { ...this.#client, down: Math.max(0, this.#client.down - action.down) }
        this.#announce('none')
        break
      case 'silence':
        this.#now += ACCOUNTING_TTL_SECONDS + 1
        this.#move({ up: action.up, down: 0 })
        this.#announce('none')
        break
      case 'delay':
        this.#delayed.push({ ...this.#client, event: 'none', deadline: this.#now + DEADLINE_SECONDS })
        break
      case 'late':
        this.#late(action.pick)
        break
      case 'absurd':
        this.#now += 1
        this.#execute({ up: 2 ** 52, down: 2 ** 52 }, 'none')
        break
      case 'clock':
        this.#actOnRedis({ do: 'drain', picks: [0] })
        this.#now = Math.max(START / 2, this.#now + action.seconds)
        break
      default:
        this.#actOnRedis(action)
    }
  }

  #actOnRedis(action: Action): void {
    switch (action.do) {
      case 'consume':
        this.#consume(action.picks, action.again, Math.ceil(this.#waiting().length / 2))
        break
      case 'drain':
        this.#consume(action.picks, false, this.#waiting().length)
        this.#close()
        break
      case 'snapshot':
        this.#snapshot = this.#redis
        break
      case 'rollback':
        if (this.#snapshot !== undefined) this.#replaceRedis(this.#snapshot)
        break
      case 'wipe':
        this.#replaceRedis(EMPTY)
        this.#snapshot = undefined
        break
      case 'undo':
        this.#undo(action.up)
        break
      case 'trim':
        this.#trim(action.entries, action.isNoticed)
        break
      case 'relic':
        this.#replay(this.#everything[action.pick % this.#everything.length]!)
        break
    }
  }

  #replaceRedis(redis: Redis): void {
    this.#redis = redis
    this.#epoch++
  }

  #undo(up: number): void {
    const before = this.#redis
    this.#replaceRedis(EMPTY)
    this.#announce('none')
    this.#consume([0], false, 1)
    this.#replaceRedis(before)
    this.#move({ up, down: 0 })
    this.#announce('none')
  }

  #trim(entries: number, isNoticed: boolean): void {
    const { stream, acknowledged } = this.#redis
    const gone = stream.slice(0, entries)
    this.#redis = { ...this.#redis, stream: stream.slice(entries) }
    const lost = gone.filter(({ id }) => !acknowledged.has(id)).map(({ event }) => event.atSeconds)
    if (isNoticed && lost.length > 0) this.#losses.push([Math.min(...lost), Math.max(...lost)])
  }

  #move(more: Counters): void {
    this.#client = add(this.#client, more)
    this.#moved = add(this.#moved, { up: more.up, down: more.down })
  }

  /** A request of the client's process before, that waits in a tracker, is over within its deadline. */
  #restart({ up, down, saysSo }: Counters & { readonly saysSo: boolean }): void {
    this.#delayed = []
    this.#client = { up, down }
    this.#moved = add(this.#moved, this.#client)
    this.#announce(saysSo ? 'started' : 'none')
  }

  #late(pick: number): void {
    const [request] = this.#delayed.splice(pick % Math.max(1, this.#delayed.length), 1)
    if (request !== undefined && this.#now <= request.deadline) this.#execute(request, request.event)
  }

  #announce(event: TrafficEvent['event']): void {
    if (this.#client.up >= this.#told.up) {
      const { up, down } = minus(this.#client, this.#told)
      this.#announced = add(this.#announced, { up, down: Math.max(0, down) })
    }
    this.#told = this.#client
    this.#execute(this.#client, event)
  }

  /** One call of the announce script. */
  #execute({ up, down }: Counters, eventName: TrafficEvent['event']): void {
    const now = this.#now
    const { record: stored, stream } = this.#redis
    const isExpired = stored !== undefined && stored.at < now - ACCOUNTING_TTL_SECONDS
    const record = isExpired ? undefined : stored
    const elapsed = record === undefined ? 0 : Math.max(0, now - record.at)
    const [du, dd] = record === undefined ? [0, 0] : [up - record.up, Math.max(0, down - record.down)]
    const isGrowth =
      record !== undefined && du >= 0 && isPossibleDelta(du, elapsed) && isPossibleDelta(dd, elapsed)
    const since = isGrowth ? record.since : now
    const event: TrafficEvent = {
      ...BASE,
      event: eventName,
      uploadedDeltaBytes: isGrowth ? du : 0,
      downloadedDeltaBytes: isGrowth ? dd : 0,
      atSeconds: now,
      elapsedSeconds: elapsed,
      totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
    }
    const streamId = Math.max(now * 1_000, this.#redis.lastId + 1)
    const entry = { id: ++this.#lastId, streamId, event }
    this.#everything.push(entry)
    this.#redis = {
      ...this.#redis,
      record: { up, down, since, at: now },
      stream: [...stream, entry],
      lastId: streamId,
    }
  }

  #waiting(): Entry[] {
    return this.#redis.stream.filter(({ id }) => !this.#redis.acknowledged.has(id))
  }

  #consume(picks: readonly number[], again: boolean, count: number): void {
    const waiting = this.#waiting()
    const acknowledged = new Set(this.#redis.acknowledged)
    for (let taken = 0; taken < count; taken++) {
      const [entry] = waiting.splice(picks[taken % picks.length]! % waiting.length, 1)
      this.#noticeEpoch(entry!.event.atSeconds)
      this.#settle(entry!)
      if (!again || taken % 2 === 0) acknowledged.add(entry!.id)
    }
    this.#redis = { ...this.#redis, acknowledged }
  }

  /**
   * The ledger notes a loss when it meets an epoch that it does not know: from its low watermark to the first
   * entry that is newer than all before.
   */
  #noticeEpoch(at = this.#newest): void {
    if (this.#epoch !== this.#knownEpoch) {
      this.#knownEpoch = this.#epoch
      this.#epochLoss = [this.#lowWatermark, this.#newest]
      this.#losses.push(this.#epochLoss)
      this.#isEpochNew = true
    }
    if (this.#isEpochNew) {
      this.#epochLoss[0] = Math.min(this.#epochLoss[0], at)
      this.#epochLoss[1] = Math.max(this.#epochLoss[1], at)
      if (at > this.#newest) this.#isEpochNew = false
    }
    this.#newest = Math.max(this.#newest, at)
  }

  #replay(entry: Entry): void {
    this.#newest = Math.max(this.#newest, entry.event.atSeconds)
    this.#settle(entry)
  }

  #settle({ event, streamId }: Entry): void {
    const { session, credit } = settleEvent(this.#session, event, 5_400, streamId > this.#newestId)
    this.#newestId = Math.max(this.#newestId, streamId)
    this.#log?.(`  ${JSON.stringify(event)} ${credit.up}/${credit.down} ${credit.reason}`)
    this.#session = readSession(writeSession(session))
    this.#log?.(`    ${writeSession(session)}`)
    this.#credited = add(this.#credited, credit)
  }

  #close(): void {
    this.#noticeEpoch()
    const closed = closeSession(this.#session, {
      recover: true,
      forgetBefore: this.#now - ACCOUNTING_TTL_SECONDS,
      losses: KnownLosses.of(this.#losses),
      expirySeconds: ACCOUNTING_TTL_SECONDS,
    })
    if (closed.recovered.length > 0) this.#log?.(`  recovered ${JSON.stringify(closed.recovered)}`)
    this.#session = readSession(writeSession(closed.session))
    this.#log?.(`    closed ${writeSession(closed.session)}`)
    this.#credited = add(this.#credited, closed)
    this.#lowWatermark = this.#newest
  }
}

function add(a: Counters, b: Counters): Counters {
  return { up: a.up + b.up, down: a.down + b.down }
}

function minus(a: Counters, b: Counters): Counters {
  return { up: a.up - b.up, down: a.down - b.down }
}
