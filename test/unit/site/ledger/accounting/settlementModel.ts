import fc from 'fast-check'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import { closeSession } from '../../../../../src/site/ledger/accounting/closing.ts'
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

const BASE = {
  passkey: 'p',
  infohash: 'i',
  peerId: 'c',
  event: 'none',
  leftBytes: 0,
} as unknown as TrafficEvent

export class SettlementModel {
  #now = 1_000
  #lastId = 0
  #client: Counters = { up: 10, down: 20 }
  #told: Counters = this.#client
  #redis: Redis = EMPTY
  #snapshot: Redis | undefined
  #hasRestarted = false
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
        this.#client = add(this.#client, action)
        this.#announce(action.seconds)
        break
      case 'restart':
        this.#client = { up: action.up, down: action.down }
        this.#hasRestarted = true
        this.#announce(1)
        break
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
        this.#redis = this.#snapshot ?? this.#redis
        break
      case 'wipe':
        this.#redis = EMPTY
        this.#snapshot = undefined
        break
      case 'trim':
        this.#redis = { ...this.#redis, stream: this.#redis.stream.slice(action.entries) }
        break
      case 'relic':
        this.#settle(this.#everything[action.pick % this.#everything.length]!)
        break
    }
  }

  #announce(seconds: number): void {
    this.#now += seconds
    const { up, down } = this.#client
    const hasGrown = up >= this.#told.up && down >= this.#told.down
    if (hasGrown) this.#announced = add(this.#announced, minus(this.#client, this.#told))
    this.#moved = add(this.#moved, this.#hasRestarted ? this.#client : minus(this.#client, this.#told))
    this.#hasRestarted = false
    this.#told = this.#client

    const { record, stream } = this.#redis
    const isGrowth = record !== undefined && up >= record.up && down >= record.down
    const delta = isGrowth ? minus(this.#client, record) : { up: 0, down: 0 }
    const since = isGrowth ? record.since : this.#now
    const event: TrafficEvent = {
      ...BASE,
      uploadedDeltaBytes: delta.up,
      downloadedDeltaBytes: delta.down,
      atSeconds: this.#now,
      elapsedSeconds: record === undefined ? 0 : this.#now - record.at,
      totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
    }
    const entry = { id: ++this.#lastId, event }
    this.#everything.push(entry)
    this.#redis = {
      ...this.#redis,
      record: { up, down, since, at: this.#now },
      stream: [...stream, entry],
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
      this.#settle(entry!)
      if (!again || taken % 2 === 0) acknowledged.add(entry!.id)
    }
    this.#redis = { ...this.#redis, acknowledged }
  }

  #settle({ event }: Entry): void {
    const { session, credit } = settleEvent(this.#session, event, 5_400)
    this.#session = session
    this.#credited = add(this.#credited, credit)
  }

  #close(): void {
    const { session, up, down } = closeSession(this.#session, { recover: true, forgetBefore: 0 })
    this.#session = session
    this.#credited = add(this.#credited, { up, down })
  }
}

function add(a: Counters, b: Counters): Counters {
  return { up: a.up + b.up, down: a.down + b.down }
}

function minus(a: Counters, b: Counters): Counters {
  return { up: a.up - b.up, down: a.down - b.down }
}
