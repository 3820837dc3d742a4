import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Redis } from 'ioredis'
import { afterAll } from 'vitest'
import type { Logger } from '../../../src/runtime/logger.ts'
import { type Ledger, openLedger } from '../../../src/site/ledger/ledger.ts'
import type { SettlementLedger } from '../../../src/site/ledger/types.ts'
import type { TrafficConsumerOptions } from '../../../src/site/traffic/consumerOptions.ts'
import { createTrafficConsumer, type TrafficConsumer } from '../../../src/site/traffic/trafficConsumer.ts'
import { trafficKeys } from '../../../src/site/traffic/trafficKeys.ts'
import { anInfohash, aPasskey, aPeerId, someFields } from '../builders/builders.ts'
import { becomes } from '../programs/becomes.ts'
import type { LogLine } from './trackerUnderTest.ts'

/** The site's side of one stream: a ledger in a SQLite file of its own, and consumers that are stopped after the file's last test. */
export interface TrafficSite {
  readonly stream: string
  readonly keys: ReturnType<typeof trafficKeys>
  readonly dbUrl: string
  readonly ledger: Ledger
  readonly log: LogLine[]
  consume(options?: Partial<TrafficConsumerOptions>): TrafficConsumer
  /** Rows of the ledger, read past it. */
  rows<T>(sql: string): T[]
  totals(): { up: number; down: number }
  /** Of one user. */
  uploadedBy(passkey: string): number
}

const folder = mkdtempSync(join(tmpdir(), 'redswarm-traffic-'))
const running: { stop(): Promise<void> }[] = []
const ledgers: Ledger[] = []
let sites = 0
afterAll(async () => {
  await Promise.all(running.splice(0).map((consumer) => consumer.stop()))
  await Promise.all(ledgers.splice(0).map((ledger) => ledger.close()))
  rmSync(folder, { recursive: true, force: true })
})

export async function aTrafficSite(redisUrl: string, keyPrefix: string): Promise<TrafficSite> {
  const file = join(folder, `${++sites}.db`)
  const dbUrl = `sqlite://${file}`
  const ledger = await openLedger(dbUrl)
  ledgers.push(ledger)
  const database = new Database(file, { readonly: true })
  const prefix = `${keyPrefix}${sites}:`
  const stream = `${prefix}tracker:traffic`
  const log: LogLine[] = []
  const rows = <T>(sql: string) => database.prepare(sql).all() as T[]
  return {
    stream,
    keys: trafficKeys(stream),
    dbUrl,
    ledger,
    log,
    rows,
    consume(options) {
      const consumer = createTrafficConsumer({
        redis: redisUrl,
        keyPrefix: prefix,
        ledger,
        consumer: 'one',
        claimIdleMs: 100,
        keepSeconds: 3600,
        log: recordInto(log),
        ...options,
      })
      running.push(consumer)
      void consumer.run()
      return consumer
    },
    totals: () =>
      rows<{ up: number; down: number }>(
        'select coalesce(sum(uploaded), 0) up, coalesce(sum(downloaded), 0) down from pt_users',
      )[0]!,
    uploadedBy: (passkey) =>
      rows<{ uploaded: number }>(`select uploaded from pt_users where passkey = '${passkey}'`)[0]?.uploaded ??
      0,
  }
}

/** The real ledger with something that happens around its calls. */
export function around(
  ledger: SettlementLedger,
  settle: (
    call: () => ReturnType<SettlementLedger['settle']>,
    entryIds: readonly string[],
  ) => ReturnType<SettlementLedger['settle']>,
): SettlementLedger {
  return {
    settle: (history, entries) =>
      settle(
        () => ledger.settle(history, entries),
        entries.map(({ id }) => id),
      ),
    lowWatermarkOf: (history) => ledger.lowWatermarkOf(history),
    closeUpTo: (history, floor, limit) => ledger.closeUpTo(history, floor, limit),
    prune: (floor) => ledger.prune(floor),
    noteDeadLetters: (history, letters) => ledger.noteDeadLetters(history, letters),
    close: () => ledger.close(),
  }
}

/** One client of the stream's producer: each entry says what it moved since the last. */
export class FakeSession {
  readonly #number: number
  #up = 0
  #down = 0
  #atSeconds = 1_800_000_000
  #sinceSeconds = 1_800_000_000
  #isNew = true

  constructor(number: number) {
    this.#number = number
  }

  get passkey(): string {
    return aPasskey(this.#number)
  }

  /** Fields of the next announce; `moved` bytes went up, and twice as many came down. */
  next(moved: number, overrides: Parameters<typeof someFields>[0] = {}): string[] {
    const du = this.#isNew ? 0 : moved
    const dt = this.#isNew ? 0 : 1800
    this.#isNew = false
    this.#up += moved
    this.#down += 2 * moved
    this.#atSeconds += dt
    return someFields({
      passkey: this.passkey,
      infohash: anInfohash(this.#number),
      peer_id: aPeerId(this.#number),
      du,
      dd: 2 * du,
      ts: this.#atSeconds,
      dt,
      up: this.#up,
      down: this.#down,
      since: this.#sinceSeconds,
      ...overrides,
    })
  }

  /** Redis forgot it: the next announce is the first again, its totals go on. */
  forget(): void {
    this.#isNew = true
    this.#atSeconds += 1800
    this.#sinceSeconds = this.#atSeconds
  }
}

/** @returns the IDs */
export async function append(
  redis: Redis,
  stream: string,
  entries: readonly (readonly string[])[],
): Promise<string[]> {
  const pipeline = redis.pipeline()
  for (const fields of entries) pipeline.xadd(stream, '*', ...fields)
  return (await pipeline.exec())!.map(([error, id]) => {
    if (error) throw error
    return id as string
  })
}

/** Every entry read and acknowledged. */
export const isSettled = (redis: Redis, { stream }: TrafficSite, group = 'group-pt') =>
  becomes(
    async () => {
      const groups = (await redis.xinfo('GROUPS', stream).catch(() => [])) as unknown[][]
      const list = groups.find((each) => each[1] === group) ?? []
      const [newest] = await redis.xrevrange(stream, '+', '-', 'COUNT', 1)
      const delivered = String(list[list.indexOf('last-delivered-id') + 1])
      return { isAllRead: !newest || delivered === newest[0], pending: list[list.indexOf('pending') + 1] }
    },
    { isAllRead: true, pending: 0 },
  )

function recordInto(log: LogLine[]): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    log.push({ level, message, fields })
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
