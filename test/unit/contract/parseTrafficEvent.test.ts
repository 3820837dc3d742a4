import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { MalformedEvent, parseTrafficEvent } from '../../../src/contract/parseTrafficEvent.ts'
import { PUBLISHED_FIELDS } from '../../../src/contract/trafficEvent.ts'
import { anInfohash, aPasskey, aPeerId, someFields } from '../../support/builders/builders.ts'

const TOP = Number.MAX_SAFE_INTEGER
const whole = fc.maxSafeNat()
const atMost = (max: number) => fc.integer({ min: 0, max })
const hex40 = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const address = fc.oneof(
  fc.ipV4().map((ip) => ({ ip, af: 'IPv4' })),
  fc.constantFrom('2001:db8::1', '::1', 'fe80::1:0:0:2').map((ip) => ({ ip, af: 'IPv6' })),
)
const totals = fc.option(
  fc.record({ base: atMost(2 ** 40), baseDown: atMost(2 ** 40), since: atMost(2 ** 32) }),
  { nil: undefined },
)
const entry = fc
  .record({
    address,
    totals,
    passkey: fc.stringMatching(/^[a-z0-9_-]{1,128}$/),
    infohash: hex40,
    peer_id: hex40,
    port: atMost(65535),
    du: atMost(2 ** 52),
    dd: atMost(2 ** 52),
    left: whole,
    event: fc.constantFrom('none', 'started', 'completed', 'stopped'),
    ts: atMost(4_000_000_000),
    dt: whole,
    interval: whole,
    min_interval: whole,
    seeders: fc.option(whole, { nil: undefined }),
    leechers: fc.option(whole, { nil: undefined }),
    agent: fc.option(fc.string({ maxLength: 64 }), { nil: undefined }),
    fd: fc.option(fc.stringMatching(/^[ -~]{0,256}$/), { nil: undefined }),
    pd: fc.option(fc.stringMatching(/^[ -~]{0,256}$/), { nil: undefined }),
  })
  .map(({ address, totals, ...rest }) => ({
    ...rest,
    ...address,
    up: totals && rest.du + totals.base,
    down: totals && rest.dd + totals.baseDown,
    since: totals?.since,
  }))

test('what the tracker writes comes back under the names of the code, in any order of the fields', () => {
  fc.assert(
    fc.property(entry, fc.infiniteStream(fc.nat()), (given, random) => {
      const pairs = Object.entries(given).filter(([, value]) => value !== undefined)
      const shuffled = pairs
        .map((pair) => [random.next().value as number, pair] as const)
        .sort(([a], [b]) => a - b)
        .flatMap(([, [name, value]]) => [name, String(value)])
      const event = parseTrafficEvent(shuffled)
      assert.deepEqual(
        {
          passkey: event.passkey,
          infohash: event.infohash,
          peer_id: event.peerId,
          port: event.port,
          ip: event.ip,
          af: event.addressFamily,
          du: event.uploadedDeltaBytes,
          dd: event.downloadedDeltaBytes,
          left: event.leftBytes,
          event: event.event,
          ts: event.atSeconds,
          dt: event.elapsedSeconds,
          interval: event.intervalSeconds,
          min_interval: event.minIntervalSeconds,
          up: event.totals?.uploadedBytes,
          down: event.totals?.downloadedBytes,
          since: event.totals?.sinceSeconds,
          seeders: event.seeders,
          leechers: event.leechers,
          agent: event.agent,
          fd: event.fd,
          pd: event.pd,
        },
        given,
      )
      const object = Object.fromEntries(pairs.map(([name, value]) => [name, String(value)]))
      assert.deepEqual(parseTrafficEvent(object), event)
    }),
  )
})

const anyText = fc.oneof(fc.string(), fc.string({ unit: 'binary', maxLength: 300 }), fc.double().map(String))

test('any values at all give an event with numbers in their bounds, or MalformedEvent, nothing else', () => {
  fc.assert(
    fc.property(fc.record(Object.fromEntries(PUBLISHED_FIELDS.map((name) => [name, anyText]))), (given) => {
      assert.throws(() => parseTrafficEvent(given), MalformedEvent)
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom(...PUBLISHED_FIELDS, 'up', 'agent', 'seeders'), anyText, (name, text) => {
      try {
        const event = parseTrafficEvent(someFields({ up: 2 ** 51, down: 2 ** 51, since: 1, [name]: text }))
        for (const value of Object.values(event))
          assert(typeof value !== 'number' || (Number.isSafeInteger(value) && value >= 0))
      } catch (error) {
        assert(error instanceof MalformedEvent)
      }
    }),
  )
})

test('fourteen fields are enough; there are no totals then', () => {
  const event = parseTrafficEvent(someFields({ du: 5 }))
  assert.deepEqual(
    [event.uploadedDeltaBytes, event.totals, event.seeders, event.agent],
    [5, undefined, undefined, undefined],
  )
})

test('fields that nobody knows do not matter', () => {
  assert.equal(
    parseTrafficEvent([...someFields({ dd: 7 }), 'colour', 'blue', '__proto__', 'x']).downloadedDeltaBytes,
    7,
  )
})

test('counters up to 2^53 - 1 keep every digit', () => {
  const event = parseTrafficEvent(someFields({ left: TOP, up: TOP, down: TOP - 1, since: 0 }))
  assert.deepEqual(
    [event.leftBytes, event.totals],
    [TOP, { uploadedBytes: TOP, downloadedBytes: TOP - 1, sinceSeconds: 0 }],
  )
})

test('hex is lowercased, other passkeys keep their case; an IPv4-mapped address is IPv4', () => {
  assert.equal(parseTrafficEvent(someFields({ passkey: 'ABCDEF0123' })).passkey, 'abcdef0123')
  const { infohash, peerId } = parseTrafficEvent(
    someFields({ infohash: 'AB'.repeat(20), peer_id: 'Cd'.repeat(20) }),
  )
  assert.deepEqual([infohash, peerId], ['ab'.repeat(20), 'cd'.repeat(20)])
  assert.equal(parseTrafficEvent(someFields({ passkey: 'ABCxyz' })).passkey, 'ABCxyz')
  assert.equal(parseTrafficEvent(someFields({ ip: '::ffff:10.0.0.1' })).ip, '10.0.0.1')
})

describe('refused, with a reason', () => {
  test.each(PUBLISHED_FIELDS)('without %s', (name) => {
    assert.throws(() => parseTrafficEvent(someFields({ [name]: undefined })), {
      name: 'MalformedEvent',
      message: `${name} is missing`,
    })
  })

  test.each([
    [{ du: -1 }, 'du is negative'],
    [{ dd: '12 MB' }, 'dd is not a whole decimal number'],
    [{ du: '1.5' }, 'du is not a whole decimal number'],
    [{ du: '1e3' }, 'du is not a whole decimal number'],
    [{ left: '' }, 'left is not a whole decimal number'],
    [{ left: '+1' }, 'left is not a whole decimal number'],
    [{ left: '9007199254740992' }, 'left is above 2^53 - 1'],
    [{ left: '9'.repeat(256) }, 'left is above 2^53 - 1'],
    [{ left: '9'.repeat(257) }, 'left is 257 characters long'],
    [{ ts: 1_800_000_000_000 }, 'ts is no time in Unix seconds'],
    [{ ts: 99_999_999_999 }, 'ts is no time in Unix seconds'],
    [{ up: 2, down: 0, since: 1_800_000_000_000 }, 'since is no time in Unix seconds'],
    [{ infohash: anInfohash().replace('0', 'g') }, 'infohash is not 40 hex digits'],
    [{ peer_id: `${aPeerId()}00` }, 'peer_id is not 40 hex digits'],
    [{ passkey: '' }, 'passkey is empty: on an open tracker there is nobody to credit'],
    [{ passkey: 'a b' }, 'passkey is not 1 to 128 of A-Z a-z 0-9 - _'],
    [{ passkey: 'a'.repeat(129) }, 'passkey is not 1 to 128 of A-Z a-z 0-9 - _'],
    [{ event: 'paused' }, 'event is none of none, started, completed, stopped'],
    [{ af: 'ipv4' }, 'af is neither IPv4 nor IPv6'],
    [{ af: 'IPv6' }, 'af is not the family of ip'],
    [{ ip: 'tracker.example' }, 'ip is not an address'],
    [{ port: 65536 }, 'port is above 65535'],
    [{ du: 2, up: 1, down: 0, since: 0 }, 'du is above up, the total it is part of'],
    [{ dd: 2, up: 0, down: 1, since: 0 }, 'dd is above down, the total it is part of'],
    [{ up: 1 }, 'up, down and since go together (extra_fields): only some of them are there'],
    [{ down: 1, since: 1 }, 'up, down and since go together (extra_fields): only some of them are there'],
    [{ up: 1, down: 1, since: -1 }, 'since is negative'],
    [{ seeders: 'many' }, 'seeders is not a whole decimal number'],
    [{ agent: 'é'.repeat(200) }, 'agent is longer than 256 bytes'],
    [{ fd: 'x'.repeat(1_000_000) }, 'fd is 1000000 characters long'],
  ])('%o', (overrides, message) => {
    assert.throws(() => parseTrafficEvent(someFields(overrides)), { name: 'MalformedEvent', message })
  })

  test('a field that stands there twice', () => {
    assert.throws(
      () => parseTrafficEvent([...someFields(), 'du', '7']),
      /^MalformedEvent: du stands there twice$/,
    )
  })

  test('no reason repeats what a field holds: it may be a passkey in the wrong place', () => {
    for (const name of PUBLISHED_FIELDS.filter((each) => each !== 'passkey')) {
      assert.throws(
        () => parseTrafficEvent(someFields({ [name]: aPasskey() })),
        (error: Error) => !error.message.includes(aPasskey()),
      )
    }
  })
})
