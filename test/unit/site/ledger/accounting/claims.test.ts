import { describe, expect, test } from 'vitest'
import { MOST_BYTES_PER_SECOND, MOST_DELTA_BYTES } from '../../../../../src/contract/possibleDelta.ts'
import type { TrafficEvent } from '../../../../../src/contract/trafficEvent.ts'
import { closeSession } from '../../../../../src/site/ledger/accounting/closing.ts'
import {
  type KnownLosses,
  knownLosses,
  NO_LOSSES,
} from '../../../../../src/site/ledger/accounting/knownLosses.ts'
import { writeSession } from '../../../../../src/site/ledger/accounting/sessionRecord.ts'
import { NEW_SESSION, settleEvent } from '../../../../../src/site/ledger/accounting/settlement.ts'

interface Claim {
  readonly at: number
  readonly up: number
  readonly du?: number
  readonly since: number
  readonly down?: number
  readonly dd?: number
  readonly dt?: number
  readonly event?: TrafficEvent['event']
}

const anEvent = ({ at, up, since, du = 0, down = 0, dd = 0, dt = 60, event = 'none' }: Claim) =>
  ({
    uploadedDeltaBytes: du,
    downloadedDeltaBytes: dd,
    leftBytes: 0,
    event,
    atSeconds: at,
    elapsedSeconds: dt,
    totals: { uploadedBytes: up, downloadedBytes: down, sinceSeconds: since },
  }) as TrafficEvent

/** Settles the claims one after the other and closes: what is credited in all, and how. */
function settle(claims: readonly Claim[], losses: KnownLosses, latestSeconds = Number.MAX_SAFE_INTEGER) {
  let session = NEW_SESSION
  const rules = { maxGapSeconds: 5_400, latestSeconds }
  const credits = claims.map((claim) => {
    const settled = settleEvent(session, anEvent(claim), rules)
    session = settled.session
    return settled.credit
  })
  const closed = closeSession(session, { recover: true, forgetBefore: 0, losses, expirySeconds: 604_800 })
  const all = [...credits, ...closed.recovered]
  return {
    up: all.reduce((sum, { up }) => sum + up, 0),
    down: all.reduce((sum, { down }) => sum + down, 0),
    reasons: credits.map(({ reason }) => reason),
    recovered: closed.recovered,
    session: closed.session,
  }
}

const lossAt = (...times: number[]) =>
  knownLosses(times.map((time) => ({ fromSeconds: time, toSeconds: time })))
const GIB = 2 ** 30

describe('a claim that nobody can have moved', () => {
  test('credits nothing, not even by a third announce that goes back to a possible total', () => {
    const { up, reasons } = settle(
      [
        { at: 100, up: 0, since: 100, dt: 0 },
        { at: 102, up: 2 ** 51, du: 2 ** 51, since: 100, dt: 2 },
        { at: 104, up: 50 * GIB, since: 104, dt: 2 },
      ],
      lossAt(101, 103),
    )
    expect(up).toBe(0)
    expect(reasons).toEqual(['first', 'impossible', 'reset'])
  })

  test('is where counting begins: what follows it counts as ever', () => {
    const lie = { at: 102, up: 2 ** 51, du: 2 ** 51, since: 100, dt: 2 }
    const { up } = settle(
      [{ at: 100, up: 0, since: 100 }, lie, { at: 104, up: 2 ** 51 + 1, du: 1, since: 100, dt: 2 }],
      lossAt(101),
    )
    expect(up).toBe(1)
  })

  test.each([
    ['1 PiB, however long it took', MOST_DELTA_BYTES, 10 ** 6, MOST_DELTA_BYTES],
    ['more than 1 PiB', MOST_DELTA_BYTES + 1, 10 ** 6, 0],
    ['100 Gbit/s', MOST_BYTES_PER_SECOND * 63, 60, MOST_BYTES_PER_SECOND * 63],
    ['more than 100 Gbit/s', MOST_BYTES_PER_SECOND * 63 + 1, 60, 0],
  ])('%s', (_, du, dt, credited) => {
    const claims = [
      { at: 100, up: 0, since: 100 },
      { at: 100 + dt, up: du, du, since: 100, dt },
    ]
    expect(settle(claims, NO_LOSSES).up).toBe(credited)
  })
})

describe('a step up to a new baseline', () => {
  const silent = [
    { at: 100, up: 1_000, since: 100 },
    { at: 900_000, up: 1_000 + 100 * GIB, since: 900_000, dt: 0 },
  ]

  test('credits nothing where nothing was lost: the record in Redis had expired', () => {
    expect(settle(silent, NO_LOSSES)).toMatchObject({ up: 0, recovered: [] })
    expect(settle(silent, lossAt(50, 900_001)).up).toBe(0)
    expect(settle(silent, lossAt(300)).up).toBe(0) // it had expired before that
  })

  test('is recovered where the ledger knows of a loss between the two, with the time that it spans', () => {
    const wiped = [
      { at: 100, up: 1_000, since: 100 },
      { at: 500, up: 1_700, since: 500, dt: 0 },
    ]
    expect(settle(wiped, lossAt(300)).recovered).toEqual([{ up: 700, down: 0, from: 100, to: 500 }])
  })

  test('that no client can have made is not recovered after a loss either', () => {
    const wiped = [
      { at: 100, up: 1_000, since: 100 },
      { at: 102, up: 1_000 + 2 ** 50, since: 102, dt: 0 },
    ]
    expect(settle(wiped, lossAt(101)).up).toBe(0)
  })
})

describe('an announce that ran late', () => {
  const before = [
    { at: 100, up: 0, since: 100 },
    { at: 200, up: 1_000, du: 1_000, since: 100 },
    { at: 300, up: 2_000, du: 1_000, since: 100 },
  ]
  const late = { at: 310, up: 1_500, since: 310 }

  test('is no restart: the next claim passes the older top, and counts from there', () => {
    const next = { at: 400, up: 2_100, du: 600, since: 310 }
    expect(settle([...before, late, next], NO_LOSSES).up).toBe(2_100)
    expect(settle([...before, next, late], NO_LOSSES).up).toBe(2_100)
  })

  test('is a restart when it says so, in whatever order entries come', () => {
    const started = { ...late, up: 0, event: 'started' as const }
    const next = { at: 400, up: 2_100, du: 2_100, since: 310 }
    expect(settle([...before, started, next], NO_LOSSES).up).toBe(4_100)
    expect(settle([...before, next, started], NO_LOSSES).up).toBe(4_100)
  })

  test('is a restart when the next claim stays below the older top', () => {
    const next = { at: 400, up: 1_600, du: 100, since: 310 }
    expect(settle([...before, late, next], NO_LOSSES).up).toBe(2_100)
  })
})

describe('clocks and lives of Redis', () => {
  test('a wipe that is undone within a second credits each byte once', () => {
    const { up } = settle(
      [
        { at: 50, up: 0, since: 50 },
        { at: 100, up: 1_000, du: 1_000, since: 50 },
        { at: 200, up: 1_000, since: 200, dt: 0 },
        { at: 200, up: 2_000, du: 1_000, since: 50 },
        { at: 300, up: 2_000, since: 50 },
        { at: 400, up: 2_100, du: 100, since: 50 },
      ],
      lossAt(200),
    )
    expect(up).toBe(2_100)
  })

  test('an empty machine whose clock is 30 s behind takes over: each byte is credited once', () => {
    const { up } = settle(
      [
        { at: 990, up: 0, since: 990, dt: 0 },
        { at: 1_000, up: 100, du: 100, since: 990, dt: 10 },
        { at: 971, up: 100, since: 971, dt: 0 },
        { at: 972, up: 200, du: 100, since: 971, dt: 1 },
        { at: 1_002, up: 201, du: 1, since: 971, dt: 30 },
        { at: 1_003, up: 202, du: 1, since: 971, dt: 1 },
      ],
      lossAt(971, 1_000),
    )
    expect(up).toBe(202)
  })

  test('a client that restarts after the clock was set back earns at once', () => {
    const day = 86_400
    const { up, reasons } = settle(
      [
        { at: 100, up: 0, since: 100 },
        { at: 100 + day, up: 10, du: 10, since: 100, dt: day },
        { at: 110, up: 0, since: 110, dt: 0, event: 'started' },
        { at: 120, up: 50, du: 50, since: 110, dt: 10 },
        { at: 130, up: 60, du: 10, since: 110, dt: 10 },
      ],
      NO_LOSSES,
      190,
    )
    expect(up).toBe(70)
    expect(reasons).toEqual(['first', 'growth', 'reset', 'growth', 'growth'])
  })
})

test('a downloaded counter that falls a little takes no upload away', () => {
  const { up, down, reasons } = settle(
    [
      { at: 100, up: 0, down: 0, since: 100, event: 'started' },
      { at: 1_900, up: 1e9, du: 1e9, down: 5e9, dd: 5e9, since: 100, dt: 1_800, event: 'completed' },
      { at: 3_700, up: 41e9, du: 40e9, down: 4_999_935_175, since: 100, dt: 1_800 },
      { at: 5_500, up: 42e9, du: 1e9, down: 4_999_935_175, since: 100, dt: 1_800 },
    ],
    NO_LOSSES,
  )
  expect({ up, down }).toEqual({ up: 42e9, down: 5e9 })
  expect(reasons).toEqual(['first', 'growth', 'growth', 'growth'])
})

test('a counter that falls all the time keeps the session small', () => {
  const claims = Array.from({ length: 5_000 }, (_, n) => ({ at: 100 + n, up: 10_000 - n, since: 100 + n }))
  const { session, up } = settle(claims, NO_LOSSES)
  expect(up).toBe(0)
  expect(writeSession(session).length).toBeLessThan(1_500)
  expect(session.dropped).toBeGreaterThan(4_900)
})
