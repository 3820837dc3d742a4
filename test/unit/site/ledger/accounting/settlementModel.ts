import fc from 'fast-check'
import { isPossibleDelta } from '../../../../../src/contract/possibleDelta.ts'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import { closeSession } from '../../../../../src/site/ledger/accounting/closing.ts'
import { knownLosses, type Loss } from '../../../../../src/site/ledger/accounting/knownLosses.ts'
import {
  NEW_SESSION,
  type Session,
  settleEvent,
} from '../../../../../src/site/ledger/accounting/settlement.ts'

/**
 * A client, a Redis that can lose what it was told, and a consumer. The client moves bytes and restarts its counters; the
 * Redis keeps one session record and a stream as lua/tracker/announce.lua does; the consumer settles what it is given.
 */
export type Action =
  | { readonly do: 'announce'; readonly seconds: number; readonly up: number; readonly down: number }
  /** The client starts anew and has moved so much by the time it announces. */
  | { readonly do: 'restart'; readonly up: number; readonly down: number }
  /** The same without saying `started`, which no client does. */
  | { readonly do: 'silentRestart'; readonly up: number; readonly down: number }
  /** The client says more than anybody can move, and the truth the next time. */
  | { readonly do: 'lie'; readonly bytes: number }
  /** Failed pieces are taken off `downloaded`, as libtorrent does. */
  | { readonly do: 'discard'; readonly bytes: number }
  /** The client announces, and the request lies somewhere until `execute` runs it. */
  | { readonly do: 'stall'; readonly up: number; readonly down: number }
  | { readonly do: 'execute' }
  /** The client is silent for longer than Redis keeps its record. */
  | { readonly do: 'silence' }
  /** Redis' clock steps. */
  | { readonly do: 'clock'; readonly seconds: number }
  /** Settles some of what waits, in some order; `again` leaves an entry unacknowledged after it was settled. */
  | { readonly do: 'consume'; readonly picks: readonly number[]; readonly again: boolean }
  /** Settles everything that waits, so nothing older can come, and closes the books. */
  | { readonly do: 'drain'; readonly picks: readonly number[] }
  | { readonly do: 'snapshot' }
  /** Redis comes back as it was at the snapshot. */
  | { readonly do: 'rollback' }
  | { readonly do: 'wipe' }
  | { readonly do: 'trim'; readonly entries: number }
  /** An entry of before, perhaps lost, is delivered again: a dead letter is replayed, an old file of Redis put back. */
  | { readonly do: 'relic'; readonly pick: number }

const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 4 })
const bytes = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: fc.nat(50) })

const ARBITRARIES: Readonly<Record<Action['do'], fc.Arbitrary<Action>>> = {
  announce: fc.record({
    do: fc.constant('announce'),
    seconds: fc.integer({ min: 1, max: 5 }),
    up: bytes,
    down: bytes,
  }),
  restart: fc.record({ do: fc.constant('restart'), up: fc.nat(40), down: fc.nat(40) }),
  silentRestart: fc.record({ do: fc.constant('silentRestart'), up: fc.nat(40), down: fc.nat(40) }),
  lie: fc.record({ do: fc.constant('lie'), bytes: fc.constantFrom(2 ** 42, 2 ** 51, 2 ** 53 - 1_000_000) }),
  discard: fc.record({ do: fc.constant('discard'), bytes: fc.nat(10) }),
  stall: fc.record({ do: fc.constant('stall'), up: bytes, down: bytes }),
  execute: fc.constant({ do: 'execute' }),
  silence: fc.constant({ do: 'silence' }),
  clock: fc.record({
    do: fc.constant('clock'),
    seconds: fc.constantFrom(-86_400, -30, -2, 2, 30, 86_400),
  }),
  consume: fc.record({ do: fc.constant('consume'), picks, again: fc.boolean() }),
  drain: fc.record({ do: fc.constant('drain'), picks }),
  snapshot: fc.constant({ do: 'snapshot' }),
  rollback: fc.constant({ do: 'rollback' }),
  wipe: fc.constant({ do: 'wipe' }),
  trim: fc.record({ do: fc.constant('trim'), entries: fc.nat(10) }),
  relic: fc.record({ do: fc.constant('relic'), pick: fc.nat(1_000) }),
}

/** Runs in which the client announces and entries are consumed, out of order and again, and these things happen besides. */
export function runs(...faults: Action['do'][]): fc.Arbitrary<Action[]> {
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
}

const EMPTY: Redis = { record: undefined, stream: [], acknowledged: new Set() }
const ACCOUNTING_TTL_SECONDS = 604_800

interface Entry {
  readonly id: number
  readonly event: TrafficEvent
}

export interface Outcome {
  readonly credited: Counters
  /** What one unbroken run of announces would have credited: growth from one to the next. */
  readonly announced: Counters
  /** What the client moved, a restarted one from zero. */
  readonly moved: Counters
}

const BASE = { passkey: 'p', infohash: 'i', peerId: 'c', leftBytes: 0 } as unknown as TrafficEvent
const START_SECONDS = 10_000_000

export class SettlementModel {
  #now = START_SECONDS
  #clockStep = 0
  #lastId = 0
  #client: Counters = { up: 10, down: 20 }
  #told: Counters = this.#client
  #redis: Redis = EMPTY
  #snapshot: Redis | undefined
  #epoch = 0
  #knownEpoch = 0
  /** Everything up to this time is settled. */
  #lowWatermark = 0
  readonly #losses: Loss[] = []
  #stalled: Counters | undefined
  /** One late announce between two in time: of two in a row nobody can tell that they are late. */
  #mayRunLate = true
  readonly #everything: Entry[] = []
  #session: Session = NEW_SESSION
  #credited: Counters = { up: 0, down: 0 }
  #announced: Counters = { up: 0, down: 0 }
  #moved: Counters = { up: 0, down: 0 }

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
    for (const action of whole) this.#act(action)
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
        this.#tell('none')
        break
      case 'restart':
      case 'silentRestart':
        this.#restart(action, action.do === 'restart' ? 'started' : 'none')
        break
      case 'lie':
        this.#now += 1
        this.#execute({ up: action.bytes, down: this.#client.down }, 'none')
        break
      case 'discard':
        this.#client = { ...this.#client, down: Math.max(0, this.#client.down - action.bytes) }
        break
      case 'stall':
        this.#move(action)
        this.#stalled = this.#client
        break
      case 'execute':
        this.#runStalled()
        break
      case 'silence':
        this.#now += ACCOUNTING_TTL_SECONDS + 1
        break
      case 'clock':
        this.#clockStep += action.seconds
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
        this.#lowWatermark = Math.max(this.#lowWatermark, this.#redis.stream.at(-1)?.event.atSeconds ?? 0)
        this.#close()
        break
      case 'snapshot':
        this.#snapshot = this.#redis
        break
      case 'rollback':
        this.#redis = this.#snapshot ?? this.#redis
        this.#epoch++
        break
      case 'wipe':
        this.#redis = EMPTY
        this.#snapshot = undefined
        this.#epoch++
        break
      case 'trim':
        this.#trim(action.entries)
        break
      case 'relic':
        this.#settle(this.#everything[action.pick % this.#everything.length]!)
        break
    }
  }

  #move({ up, down }: Counters): void {
    this.#client = add(this.#client, { up, down })
    this.#moved = add(this.#moved, { up, down })
  }

  #restart({ up, down }: Counters, event: 'started' | 'none'): void {
    this.#now += 1
    this.#client = { up, down }
    this.#moved = add(this.#moved, { up, down })
    this.#stalled = undefined // what a client of before sent is another matter: it may not run after `started`
    this.#tell(event)
  }

  #tell(event: TrafficEvent['event']): void {
    const { up, down } = this.#client
    const hasGrown = up >= this.#told.up && down >= this.#told.down
    if (hasGrown) this.#announced = add(this.#announced, minus(this.#client, this.#told))
    this.#told = this.#client
    this.#mayRunLate = true
    this.#execute(this.#client, event)
  }

  #runStalled(): void {
    const counters = this.#stalled
    if (counters === undefined || !this.#mayRunLate) return
    this.#stalled = undefined
    this.#mayRunLate = false
    this.#now += 1
    this.#execute(counters, 'none')
  }

  /** One announce, as the script has it with `counter_reset: per_counter`. */
  #execute({ up, down }: Counters, event: TrafficEvent['event']): void {
    const at = this.#now + this.#clockStep
    const { stream } = this.#redis
    const record =
      this.#redis.record && this.#redis.record.at >= at - ACCOUNTING_TTL_SECONDS
        ? this.#redis.record
        : undefined
    const elapsed = record === undefined ? 0 : Math.max(0, at - record.at)
    const grown = record === undefined ? { up: 0, down: 0 } : minus({ up, down }, record)
    const isRestart = grown.up < 0 || (event === 'started' && grown.down < 0)
    const isPossible = isPossibleDelta(grown.up, elapsed) && isPossibleDelta(grown.down, elapsed)
    const isBaseline = record === undefined || isRestart || !isPossible
    const since = isBaseline ? at : record.since
    const entry: Entry = {
      id: ++this.#lastId,
      event: {
        ...BASE,
        event,
        uploadedDeltaBytes: isBaseline ? 0 : grown.up,
        downloadedDeltaBytes: isBaseline ? 0 : Math.max(0, grown.down),
        atSeconds: at,
        elapsedSeconds: elapsed,
        totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
      },
    }
    this.#everything.push(entry)
    this.#redis = { ...this.#redis, record: { up, down, since, at }, stream: [...stream, entry] }
  }

  /** The consumer notices that entries went unread. */
  #trim(count: number): void {
    const lost = this.#redis.stream.slice(0, count).filter(({ id }) => !this.#redis.acknowledged.has(id))
    if (lost.length > 0) {
      const times = lost.map(({ event }) => event.atSeconds)
      this.#losses.push({ fromSeconds: Math.min(...times), toSeconds: Math.max(...times) })
    }
    this.#redis = { ...this.#redis, stream: this.#redis.stream.slice(count) }
  }

  #waiting(): Entry[] {
    return this.#redis.stream.filter(({ id }) => !this.#redis.acknowledged.has(id))
  }

  #consume(picks: readonly number[], again: boolean, count: number): void {
    const waiting = this.#waiting()
    const acknowledged = new Set(this.#redis.acknowledged)
    for (let taken = 0; taken < count; taken++) {
      const [entry] = waiting.splice(picks[taken % picks.length]! % waiting.length, 1)
      if (this.#knownEpoch !== this.#epoch) {
        this.#knownEpoch = this.#epoch
        const at = Math.min(...[entry!, ...waiting].map(({ event }) => event.atSeconds))
        this.#losses.push({ fromSeconds: Math.min(at, this.#lowWatermark), toSeconds: at })
      }
      this.#settle(entry!)
      if (!again || taken % 2 === 0) acknowledged.add(entry!.id)
    }
    this.#redis = { ...this.#redis, acknowledged }
  }

  #settle({ event }: Entry): void {
    const rules = { maxGapSeconds: 5_400, latestSeconds: this.#now + 60 }
    const { session, credit } = settleEvent(this.#session, event, rules)
    this.#session = session
    this.#credited = add(this.#credited, credit)
  }

  #close(): void {
    if (this.#knownEpoch !== this.#epoch) return // nothing of this life of Redis was read, so nothing is known to be settled
    const rules = {
      recover: true,
      forgetBefore: 0,
      expirySeconds: ACCOUNTING_TTL_SECONDS,
      losses: knownLosses(this.#losses),
    }
    const { session, recovered } = closeSession(this.#session, rules)
    this.#session = session
    for (const span of recovered) this.#credited = add(this.#credited, span)
  }
}

function add(a: Counters, b: Counters): Counters {
  return { up: a.up + b.up, down: a.down + b.down }
}

function minus(a: Counters, b: Counters): Counters {
  return { up: a.up - b.up, down: a.down - b.down }
}
