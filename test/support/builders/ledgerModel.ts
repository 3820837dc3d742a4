import fc from 'fast-check'
import type { TrafficEntry } from '../../../src/contract/trafficEvent.ts'
import type { Ledger } from '../../../src/site/ledger/ledger.ts'
import { anInfohash, aPasskey, aPeerId } from './builders.ts'
import { anEntry, lossOf, T0 } from './trafficEntries.ts'

const CLIENTS = 6
const USERS = 2

/** What happens to clients, to the Redis that keeps their records and the stream, and to the consumer. */
export type Step =
  | { readonly do: 'announce'; readonly client: number; readonly up: number; readonly down: number }
  | { readonly do: 'settle'; readonly picks: readonly number[]; readonly isAcknowledged: boolean }
  | { readonly do: 'drain' }
  | { readonly do: 'snapshot' }
  | { readonly do: 'rollback' }
  | { readonly do: 'wipe' }
  | { readonly do: 'trim'; readonly entries: number }

const bytes = fc.oneof(fc.constant(0), fc.nat(50), fc.integer({ min: 2 ** 30, max: 2 ** 34 }))
const picks = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 4 })

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constant('announce'),
        client: fc.nat(CLIENTS - 1),
        up: bytes,
        down: bytes,
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('settle'), picks, isAcknowledged: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('drain') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('snapshot') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wipe') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('trim'), entries: fc.nat(6) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60, size: 'max' },
)

interface Redis {
  readonly history: number
  readonly records: ReadonlyMap<number, { up: number; down: number; at: number; since: number }>
  readonly stream: readonly TrafficEntry[]
  readonly acknowledged: ReadonlySet<string>
}

const EMPTY = { records: new Map(), stream: [], acknowledged: new Set<string>() }

/** Plays steps against a ledger and knows what the clients moved. None of them restarts, so every byte must be there. */
export class LedgerModel {
  readonly #ledger: Ledger
  readonly #totals = Array.from({ length: CLIENTS }, () => ({ up: 5, down: 5 }))
  readonly #moved = Array.from({ length: USERS }, () => ({ up: 0n, down: 0n }))
  readonly #everything: TrafficEntry[] = []
  #now = T0
  #histories = 0
  #redis: Redis = { history: 0, ...EMPTY }
  #snapshot: Redis | undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** @returns what each user moved */
  async play(list: readonly Step[]): Promise<{ up: bigint; down: bigint }[]> {
    for (let client = 0; client < CLIENTS; client++) this.#announce(client, 0, 0)
    await this.#drain()
    for (const step of list) await this.#act(step)
    for (let client = 0; client < CLIENTS; client++) this.#announce(client, 1, 1)
    await this.#drain()
    return this.#moved
  }

  /** Every entry that ever was in the stream, also those that a fault took out of it. */
  everything(): readonly TrafficEntry[] {
    return this.#everything
  }

  async #act(step: Step): Promise<void> {
    switch (step.do) {
      case 'announce':
        this.#announce(step.client, step.up, step.down)
        break
      case 'settle':
        await this.#settle(step.picks, step.isAcknowledged)
        break
      case 'drain':
        await this.#drain()
        break
      case 'snapshot':
        this.#snapshot = this.#redis
        break
      case 'rollback':
        this.#redis = { ...(this.#snapshot ?? this.#redis), history: ++this.#histories }
        break
      case 'wipe':
        this.#redis = { history: ++this.#histories, ...EMPTY }
        this.#snapshot = undefined
        break
      case 'trim':
        await this.#trim(step.entries)
        break
    }
  }

  #announce(client: number, moreUp: number, moreDown: number): void {
    this.#now += 1 + (client % 3)
    const totals = this.#totals[client]!
    totals.up += moreUp
    totals.down += moreDown
    const user = this.#moved[client % USERS]!
    user.up += BigInt(moreUp)
    user.down += BigInt(moreDown)
    const before = this.#redis.records.get(client)
    const { up, down } = totals
    const since = before?.since ?? this.#now
    const entry = anEntry({
      passkey: aPasskey(client % USERS),
      infohash: anInfohash(client % 3),
      peerId: aPeerId(client),
      at: this.#now,
      du: up - (before?.up ?? up),
      dd: down - (before?.down ?? down),
      dt: this.#now - (before?.at ?? this.#now),
      up,
      down,
      since,
    })
    const records = new Map(this.#redis.records).set(client, { up, down, at: this.#now, since })
    this.#redis = { ...this.#redis, records, stream: [...this.#redis.stream, entry] }
    this.#everything.push(entry)
  }

  async #settle(which: readonly number[], isAcknowledged: boolean): Promise<void> {
    const waiting = this.#waiting()
    const taken = which.map((pick) => waiting[pick % waiting.length]).filter((entry) => entry !== undefined)
    await this.#ledger.settle(this.#history(), taken)
    if (isAcknowledged) this.#acknowledge(taken)
  }

  /** The consumer notices the entries that went unread. */
  async #trim(count: number): Promise<void> {
    const waiting = this.#waiting()
    const lost = this.#redis.stream.slice(0, count).filter((entry) => waiting.includes(entry))
    this.#redis = { ...this.#redis, stream: this.#redis.stream.slice(count) }
    await this.#ledger.noteDeadLetters(this.#history(), lost.map(lossOf))
  }

  /** Everything that waits, in two parts and the second one first; then nothing older can come. */
  async #drain(): Promise<void> {
    const waiting = this.#waiting()
    const middle = waiting.length >> 1
    for (const part of [waiting.slice(middle), waiting.slice(0, middle)]) {
      await this.#ledger.settle(this.#history(), part)
      this.#acknowledge(part)
    }
    const floor = `${this.#now * 1000}-0`
    while ((await this.#ledger.closeUpTo(this.#history(), floor, 2)).isMoreLeft);
  }

  #waiting(): TrafficEntry[] {
    return this.#redis.stream.filter(({ id }) => !this.#redis.acknowledged.has(id))
  }

  #acknowledge(entries: readonly TrafficEntry[]): void {
    const acknowledged = new Set([...this.#redis.acknowledged, ...entries.map(({ id }) => id)])
    this.#redis = { ...this.#redis, acknowledged }
  }

  #history(): string {
    return `run ${this.#redis.history}`
  }
}
