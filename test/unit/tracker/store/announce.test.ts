import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { IpAddress, PeerId } from '../../../../src/bittorrent/types.ts'
import {
  MOST_BYTES_PER_SECOND,
  MOST_DELTA_BYTES,
  SPARE_SECONDS,
} from '../../../../src/contract/possibleDelta.ts'
import { EXTRA_FIELDS } from '../../../../src/contract/trafficEvent.ts'
import { announceScript } from '../../../../src/tracker/store/scripts/announce.ts'
import { ANNOUNCE_POLICY, ANNOUNCE_REQUEST } from '../../../../src/tracker/store/scripts/announceLayouts.ts'
import { scrapeScript } from '../../../../src/tracker/store/scripts/scrape.ts'
import { sweepScript } from '../../../../src/tracker/store/scripts/sweep.ts'
import { aPlan, aPolicy } from '../../../support/builders/builders.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const address = (family: IpAddress['family'], length: number): fc.Arbitrary<IpAddress> =>
  bytes(length).map((each) => ({ family, text: '', bytes: each }))

/** Reads the layout written in the header of announce.lua, as the script does. */
function unpackPolicy(packed: Buffer) {
  expect(packed).toHaveLength(39)
  expect(packed.readBigUInt64BE(21)).toBe(BigInt(MOST_DELTA_BYTES))
  expect(packed.readBigUInt64BE(29)).toBe(BigInt(MOST_BYTES_PER_SECOND))
  expect(packed.readUInt16BE(37)).toBe(SPARE_SECONDS)
  const bits = packed.readUInt8(10)
  return {
    peerLifetimeSeconds: packed.readUInt32BE(0),
    accountingTtlSeconds: packed.readUInt32BE(4),
    counterReset: packed.readUInt8(8) === 1 ? 'per_counter' : 'zero',
    skipsIdle: packed.readUInt8(9) === 1,
    extraFields: EXTRA_FIELDS.filter((_, i) => bits & (1 << i)),
    expireLimit: packed.readUInt16BE(11),
    maxLen: Number(packed.readBigUInt64BE(13)),
  }
}

test('every policy survives packing', () => {
  const policy = fc.record({
    peerLifetimeSeconds: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    accountingTtlSeconds: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    counterReset: fc.constantFrom('zero' as const, 'per_counter' as const),
    skipsIdle: fc.boolean(),
    extraFields: fc.subarray([...EXTRA_FIELDS]),
    expireLimit: fc.integer({ min: 0, max: 65_535 }),
    maxLen: fc.maxSafeNat(),
  })
  fc.assert(
    fc.property(policy, (each) => {
      expect(unpackPolicy(ANNOUNCE_POLICY.pack(each))).toEqual(each)
    }),
  )
})

test('the order in which extras are asked for does not matter', () => {
  const one = ANNOUNCE_POLICY.pack(aPolicy({ extraFields: ['agent', 'up'] }))
  expect(ANNOUNCE_POLICY.pack(aPolicy({ extraFields: ['up', 'agent'] }))).toEqual(one)
})

const plan = fc.record({
  peerId: bytes(20).map((each) => Buffer.from(each).toString('hex') as PeerId),
  families: fc.constantFrom('4', '6', '46', '64'),
  ipv4: address('IPv4', 4),
  ipv6: address('IPv6', 16),
  port: fc.integer({ min: 0, max: 65_535 }),
  numwant: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  wantedFamily: fc.constantFrom(undefined, 'IPv4' as const, 'IPv6' as const),
  approval: fc.constantFrom('none' as const, 'whitelist' as const, 'verified' as const, 'endpoint' as const),
  isTraffic: fc.boolean(),
  checksTorrent: fc.boolean(),
  peerLimit: fc.option(fc.record({ leeching: fc.nat(65_535), seeding: fc.nat(65_535) }), { nil: undefined }),
  earlySeconds: fc.nat(2 ** 32 - 1),
})

test('every request survives packing; a family that is not announced is zeros', () => {
  fc.assert(
    fc.property(plan, ({ families, ipv4, ipv6, isTraffic, ...rest }) => {
      const traffic = isTraffic ? { agent: 'TR3000' } : undefined
      const [first, second] = [...families].map((each) => (each === '4' ? ipv4 : ipv6))
      const packed = ANNOUNCE_REQUEST.pack(aPlan({ ...rest, address: first!, otherAddress: second, traffic }))
      expect(packed).toHaveLength(60)
      const endpoint = (family: string, { bytes: raw }: IpAddress) =>
        families.includes(family)
          ? Buffer.concat([raw, Buffer.from([rest.port >> 8, rest.port & 255])])
          : Buffer.alloc(raw.length + 2)
      expect(packed.toString('hex', 0, 20)).toBe(rest.peerId)
      expect(packed.subarray(20, 26)).toEqual(endpoint('4', ipv4))
      expect(packed.subarray(26, 44)).toEqual(endpoint('6', ipv6))
      expect(packed.readUInt32BE(44)).toBe(rest.numwant)
      expect(packed[48]).toBe(['none', 'whitelist', 'verified', 'endpoint'].indexOf(rest.approval))
      expect(packed[49]).toBe(Number(isTraffic))
      expect(packed[50]).toBe(rest.wantedFamily === undefined ? 0 : rest.wantedFamily === 'IPv4' ? 25 : 43)
      expect(packed[51]).toBe(Number(rest.checksTorrent))
      expect(packed.readUInt16BE(52)).toBe(rest.peerLimit?.leeching ?? 0)
      expect(packed.readUInt16BE(54)).toBe(rest.peerLimit?.seeding ?? 0)
      expect(packed.readUInt32BE(56)).toBe(rest.earlySeconds)
    }),
  )
})

test('a reply of the announce script becomes counts and peers, or a refusal', () => {
  const parse = (reply: unknown[]) => announceScript.definition.parse(reply).outcome
  const [seeders, leechers, none] = [Buffer.alloc(88, 7), Buffer.alloc(44, 8), Buffer.alloc(0)]
  const served = (peers: Buffer, isEarly = false) => {
    return { status: 'served', seeders: 3, leechers: 4, snatches: 5, peers, isEarly }
  }
  expect(parse([0, 3, 4, 5, seeders, leechers])).toEqual(served(Buffer.concat([seeders, leechers])))
  expect(parse([0, 3, 4, 5, none, leechers])).toEqual(served(leechers))
  expect(parse([0, 3, 4, 5, seeders, none])).toEqual(served(seeders))
  expect(parse([1, 3, 4, 5, none, none])).toEqual(served(none, true))
  expect(parse([-1])).toEqual({ status: 'passkeyUnknown' })
  expect(parse([-2])).toEqual({ status: 'passkeyRejected' })
  expect(parse([-3])).toEqual({ status: 'whitelistMissing' })
  expect(parse([-4])).toEqual({ status: 'torrentUnapproved' })
  expect(parse([-5])).toEqual({ status: 'torrentListMissing' })
  expect(parse([-6])).toEqual({ status: 'peerLimitReached' })
})

test('a reply brings the clock of Redis, and a late announce brings nothing else', () => {
  const { parse } = announceScript.definition
  expect(parse([0, 3, 4, 5, Buffer.alloc(0), Buffer.alloc(0), 1_234])).toMatchObject({ nowMs: 1_234 })
  expect(parse([-7, 1_234])).toEqual({ outcome: 'tooLate', nowMs: 1_234 })
  expect(parse([-1])).toMatchObject({ nowMs: undefined })
})

test.each([[null], ['OK'], [[]], [[-99]], [[1, 2, 3]], [[0, 1, 1, 1]], [[0, 1, 1, 1, 'text', 'text']]])(
  'a reply of another shape is an error and no answer: %j',
  (reply) => {
    expect(() => announceScript.definition.parse(reply)).toThrow(TypeError)
  },
)

test('a scrape reply is three integers a swarm', () => {
  const { parse } = scrapeScript.definition
  expect(parse([])).toEqual([])
  expect(parse([1, 2, 3, 0, 0, 0])).toEqual([
    { seeders: 1, leechers: 2, snatches: 3 },
    { seeders: 0, leechers: 0, snatches: 0 },
  ])
  for (const reply of [null, 'OK', [1, 2, '3'], [1.5, 2, 3]]) expect(() => parse(reply)).toThrow(TypeError)
})

test('a sweep reply says how many went and whether more are left', () => {
  const { parse } = sweepScript.definition
  expect(parse([2, 3, 1])).toEqual({ seedersDropped: 2, leechersDropped: 3, isMoreLeft: true })
  expect(parse([0, 0, 0])).toEqual({ seedersDropped: 0, leechersDropped: 0, isMoreLeft: false })
})
