import { describe, expect, test } from 'vitest'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import { closeSession, isOpen } from '../../../../../src/site/ledger/accounting/closing.ts'
import { KnownLosses } from '../../../../../src/site/ledger/accounting/knownLosses.ts'
import { readSession, writeSession } from '../../../../../src/site/ledger/accounting/sessionRecord.ts'
import {
  MOST_GENERATIONS,
  NEW_SESSION,
  type Session,
  settleEvent,
} from '../../../../../src/site/ledger/accounting/settlement.ts'

interface Entry {
  readonly at: number
  readonly up: number
  readonly du?: number
  readonly since: number
  readonly down?: number
  readonly dd?: number
  readonly dt?: number
  readonly event?: TrafficEvent['event']
  /** Its ID is above those before. Default: its time is. */
  readonly isNewest?: boolean
}

/** Credit and reasons of one session, which survives its text after each entry. */
class Account {
  up = 0
  down = 0
  readonly reasons: string[] = []
  session: Session = NEW_SESSION

  settle(...entries: readonly Entry[]): this {
    for (const { at, up, du = 0, since, down = 0, dd = 0, dt = 1_000, event = 'none', isNewest } of entries) {
      const entry = {
        uploadedDeltaBytes: du,
        downloadedDeltaBytes: dd,
        leftBytes: 0,
        event,
        atSeconds: at,
        elapsedSeconds: dt,
        totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
      } as TrafficEvent
      const isLast = isNewest ?? at > this.session.last
      const { session, credit } = settleEvent(this.session, entry, 5_400, isLast)
      this.session = readSession(writeSession(session))
      this.up += credit.up
      this.down += credit.down
      this.reasons.push(credit.reason)
    }
    return this
  }

  /** @param losses times of known losses */
  close(...losses: readonly number[]): this {
    const spans = losses.map((at): [number, number] => [at, at])
    const rules = { recover: true, forgetBefore: 0, losses: KnownLosses.of(spans) }
    const { session, up, down } = closeSession(this.session, rules)
    expect(isOpen(session)).toBe(false)
    this.session = readSession(writeSession(session))
    this.up += up
    this.down += down
    return this
  }
}

const TEBI = 2 ** 40
const GIBI = 2 ** 30

describe('a claim of more than is possible', () => {
  const first = { at: 100, up: 0, since: 100 }
  const after = { at: 104, up: 50 * GIBI, since: 104 }

  test('credits nothing, and neither does what follows it lower', () => {
    const account = new Account().settle(first, { at: 102, up: 2 ** 51, since: 102, dt: 2 }, after).close()
    expect(account.up).toBe(0)
    expect(account.reasons).toEqual(['first', 'impossible', 'baseline'])
  })

  test('credits nothing where an older tracker kept its baseline', () => {
    const claim = { at: 102, up: 2 ** 51, du: 2 ** 51, since: 100, dt: 2 }
    expect(new Account().settle(first, claim, after).close().up).toBe(0)
  })

  test('is no loss that could be recovered, though one is known', () => {
    const account = new Account().settle(first, { at: 102, up: 2 ** 51, since: 102, dt: 2 }, after)
    expect(account.close(101, 103).up).toBe(0)
  })

  test('credits what is claimed above it alone', () => {
    const next = { at: 103, up: 2 ** 51 + 1, du: 1, since: 102, dt: 1 }
    const account = new Account().settle(first, { at: 102, up: 2 ** 51, since: 102, dt: 2 }, next)
    expect(account.close(101).up).toBe(1)
  })

  test('credits nothing when it comes again', () => {
    const claim = { at: 102, up: 2 ** 51, du: 2 ** 51, since: 100, dt: 2 }
    const account = new Account().settle(first, claim, claim, claim)
    expect(account.up).toBe(0)
    expect(account.session.generations).toHaveLength(2)
  })

  test('is judged by the time since the announce before', () => {
    const slow = { at: 3_700, up: 40 * TEBI, du: 40 * TEBI, since: 100, dt: 3_600 }
    expect(new Account().settle(first, slow).up).toBe(40 * TEBI)
    expect(new Account().settle(first, { ...slow, at: 101, dt: 1 }).up).toBe(0)
  })
})

describe('recovery', () => {
  const before = { at: 1_000, up: 500, since: 1_000 }
  const again = { at: 9_000, up: 100 * GIBI, since: 9_000, dt: 0 }

  test('credits nothing for the time in which a session expired', () => {
    expect(new Account().settle(before).close().settle(again).close().up).toBe(0)
  })

  test('credits a step across a known loss, and says when it was moved', () => {
    const session = new Account().settle(before).close().settle(again).session
    const closed = closeSession(session, {
      recover: true,
      forgetBefore: 0,
      losses: KnownLosses.of([[5_000, 5_001]]),
    })
    expect(closed.recovered).toEqual([
      { up: 100 * GIBI - 500, down: 0, fromSeconds: 1_000, toSeconds: 9_000 },
    ])
  })

  test('credits nothing for a loss before or after', () => {
    expect(new Account().settle(before).close().settle(again).close(999, 9_001).up).toBe(0)
  })

  test('credits nothing across a time in which the session expired as well', () => {
    const { session } = new Account().settle(before).close().settle(again)
    const losses = KnownLosses.of([[5_000, 5_000]])
    expect(closeSession(session, { recover: true, forgetBefore: 0, losses, expirySeconds: 7_999 }).up).toBe(0)
  })

  test('leaves a hole without a known loss to the entry that turns up after all', () => {
    const account = new Account().settle(before, { at: 3_000, up: 900, du: 100, since: 1_000 }).close()
    expect(account.up).toBe(100)
    account.close(2_000)
    expect(account.up).toBe(100)
    expect(account.settle({ at: 2_000, up: 800, du: 300, since: 1_000 }).up).toBe(400)
  })
})

describe('an announce that runs late', () => {
  const entries: readonly Entry[] = [
    { at: 100, up: 0, since: 100 },
    { at: 200, up: 1_000, du: 1_000, since: 100 },
    { at: 300, up: 2_000, du: 1_000, since: 100 },
    { at: 301, up: 1_500, since: 301 },
    { at: 2_000, up: 2_100, du: 600, since: 301 },
  ]

  test('is no restart', () => {
    expect(new Account().settle(...entries).close().up).toBe(2_100)
  })

  test('is none in any order, nor when all comes twice', () => {
    for (const order of permutations(entries))
      expect(new Account().settle(...order, ...order).close().up).toBe(2_100)
  })

  test('is none when several do', () => {
    const account = new Account().settle(
      ...entries.slice(0, 4),
      { at: 302, up: 1_700, du: 200, since: 301 },
      { at: 303, up: 1_600, since: 303 },
      { at: 2_000, up: 2_100, du: 500, since: 303 },
    )
    expect(account.close().up).toBe(2_100)
  })

  test('leaves a later restart exact', () => {
    const account = new Account().settle(
      ...entries,
      { at: 3_000, up: 0, since: 3_000, event: 'started' },
      { at: 4_000, up: 5_000, du: 5_000, since: 3_000 },
    )
    expect(account.close().up).toBe(7_100)
  })

  test('is none when the counter stays lower: what was withheld of a restart is credited then', () => {
    const account = new Account().settle(...entries.slice(0, 4)).close()
    account.settle({ at: 320, up: 1_600, du: 100, since: 301 })
    expect(account.up).toBe(2_000)
    account.settle({ at: 2_000, up: 1_700, du: 100, since: 301 })
    expect(account.up).toBe(2_200)
    expect(account.reasons.at(-1)).toBe('restart')
  })

  test('is none when the start of the client turns up after all', () => {
    const account = new Account().settle(
      ...entries.slice(0, 3),
      { at: 2_000, up: 2_500, du: 2_500, since: 400 },
      { at: 400, up: 0, since: 400, event: 'started' },
    )
    expect(account.close().up).toBe(4_500)
  })
})

describe('clocks', () => {
  test('a wipe that is undone within a second', () => {
    const account = new Account().settle(
      { at: 100, up: 0, since: 100 },
      { at: 200, up: 1_000, du: 1_000, since: 100 },
      { at: 200, up: 1_000, since: 200 },
      { at: 200, up: 2_000, du: 1_000, since: 100 },
      { at: 210, up: 2_000, since: 100 },
      { at: 220, up: 2_100, du: 100, since: 100 },
    )
    expect(account.close(200).up).toBe(2_100)
  })

  test('a wipe by a machine whose clock is behind', () => {
    const account = new Account()
      .settle({ at: 1_000, up: 0, since: 1_000 })
      .close()
      .settle({ at: 970, up: 100, since: 970, dt: 0 }, { at: 971, up: 200, du: 100, since: 970 })
      .settle({ at: 1_001, up: 201, du: 1, since: 970 }, { at: 1_002, up: 202, du: 1, since: 970 })
    expect(account.close(970, 1_000).up).toBe(202)
  })

  test('a client that restarts after the clock went back by a day earns', () => {
    const day = 86_400
    const account = new Account()
      .settle({ at: 1_000, up: 0, since: 1_000 }, { at: day + 2_000, up: 900, du: 900, since: 1_000 })
      .close()
    const entries: readonly Entry[] = [
      { at: 2_100, up: 0, since: 2_100, event: 'started', isNewest: true },
      { at: 3_900, up: 500, du: 500, since: 2_100, isNewest: true },
      { at: day + 9_000, up: 600, du: 100, since: 2_100, isNewest: true },
    ]
    expect(account.settle(...entries).close().up).toBe(1_500)
  })
})

test('libtorrent’s downloaded falls a little: neither counter begins anew', () => {
  const account = new Account().settle(
    { at: 100, up: 0, since: 100, event: 'started' },
    { at: 200, up: 1e9, du: 1e9, down: 5e9, dd: 5e9, since: 100, event: 'completed' },
    { at: 3_800, up: 41e9, du: 40e9, down: 4_999_935_175, since: 100, dt: 3_600 },
    { at: 4_800, up: 42e9, du: 1e9, down: 4_999_935_175, since: 100 },
  )
  expect([account.close().up, account.down]).toEqual([42e9, 5e9])
})

describe('a client whose counters begin anew all the time', () => {
  const falling = (event: TrafficEvent['event']) =>
    Array.from({ length: 7_200 }, (_, n): Entry => {
      const at = 1_000 + n
      return { at, up: 100_000 - n, since: at, dt: 1, event: n === 0 ? 'none' : event }
    })

  test.each(['none', 'started'] as const)('keeps a small record: %s', (event) => {
    const account = new Account()
    let longest = 0
    for (const [n, entry] of falling(event).entries()) {
      account.settle(entry)
      if (n % 40 === 0) account.close()
      longest = Math.max(longest, writeSession(account.session).length)
    }
    expect(account.up).toBe(0)
    expect(longest).toBeLessThan(2_048)
    expect(account.session.generations.length).toBeLessThanOrEqual(MOST_GENERATIONS)
    expect(account.session.isCrowded).toBe(event === 'started')
  })

  test('is shown to staff', () => {
    expect(new Account().settle(...falling('started').slice(0, 40)).reasons.at(-1)).toBe('crowded')
  })
})

test('a session of release 0.1.0 goes on where it was', () => {
  const session = readSession(
    '[400,0,0,[100,400],[100,100,300,0,0,[0,1000],[7,7]],[400,400,400,1,0,[5,50],[0,0]]]',
  )
  const account = new Account()
  account.session = session
  account.settle({ at: 500, up: 90, du: 40, since: 400 })
  expect(account.up).toBe(40)
  account.settle({ at: 500, up: 90, du: 40, since: 400 }, { at: 250, up: 900, du: 100, since: 100 })
  expect(account.up).toBe(40)
})

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]))
}
