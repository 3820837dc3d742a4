import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../../../../src/bittorrent/address.ts'
import { FAILURE_REASONS, type FailureCode, Refusal } from '../../../../../src/bittorrent/failure.ts'
import { compileRoutes } from '../../../../../src/bittorrent/routePattern.ts'
import type { AnnounceRequest, ScrapeRequest } from '../../../../../src/bittorrent/types.ts'
import { StoreUnavailable } from '../../../../../src/runtime/errors.ts'
import { createConnectionIds } from '../../../../../src/tracker/frontend/udp/connectionId.ts'
import { createHandler, type HandlerOptions } from '../../../../../src/tracker/frontend/udp/handler.ts'
import { MAX_ANSWER_BYTES } from '../../../../../src/tracker/frontend/udp/packets.ts'
import {
  type AnnouncePacket,
  encodeAnnouncePacket,
  encodeConnectRequest,
  encodeScrapePacket,
} from '../../../../../src/tracker/frontend/udp/requests.ts'
import { encodeErrorResponse, parseResponse } from '../../../../../src/tracker/frontend/udp/responses.ts'
import { encodeUrlData } from '../../../../../src/tracker/frontend/udp/urlData.ts'
import { anInfohash, aPeerId } from '../../../../support/builders/builders.ts'
import { anAnnouncePacket } from '../../../../support/clients/udpClient.ts'

const IPV4 = '198.51.100.1'
const IPV6 = '2001:db8::1'
const familyOf = (from: string) => parseAddress(from)!.family

function setUp(options: Partial<HandlerOptions> & { fails?: unknown; peers?: Uint8Array } = {}) {
  const announces: AnnounceRequest[] = []
  const scrapes: ScrapeRequest[] = []
  const faults: unknown[] = []
  const observed: string[] = []
  const counts = { seeders: 1, leechers: 2, snatches: 3 }
  const connectionIds = createConnectionIds({
    privateKey: 'key',
    previousPrivateKeys: [],
    lifetimeSeconds: 120,
    maxClockSkewSeconds: 10,
    nowSeconds: () => 1_800_000_000,
  })
  const handle = createHandler({
    connectionIds,
    matchRoute: compileRoutes(['/announce', '/announce/:passkey']),
    passkeyParams: ['passkey'],
    defaultNumwant: 50,
    maxNumwant: 100,
    maxScrapeInfohashes: 50,
    allowIpSpoofing: false,
    observe: (action, family, error) => observed.push(`${action || '-'} ${family} ${error}`.trim()),
    reportFault: (fault) => faults.push(fault),
    tracker: {
      async announce(request) {
        announces.push(request)
        if (options.fails) throw options.fails
        return {
          ...counts,
          intervalSeconds: 1800,
          minIntervalSeconds: 900,
          peers: options.peers ?? new Uint8Array(),
          externalIp: request.address,
          warning: undefined,
        }
      },
      async scrape(request) {
        scrapes.push(request)
        if (options.fails) throw options.fails
        return { files: request.infohashes.map((infohash) => ({ ...counts, infohash })) }
      },
    },
    ...options,
  })
  const idFor = (from: string) => connectionIds.issue(parseAddress(from)!)
  /** The answer to bytes whose first 8 are replaced by a valid connection ID. */
  const ask = async (datagram: Buffer, from = IPV4) => {
    datagram.set(idFor(from))
    return parseResponse((await handle(datagram, from))!, familyOf(from))
  }
  const announce = (packet: Partial<AnnouncePacket> = {}, from = IPV4) =>
    ask(encodeAnnouncePacket(anAnnouncePacket(packet)), from)
  const refusalOf = async (packet: Partial<AnnouncePacket>, from?: string) => {
    const response = await announce(packet, from)
    return response?.kind === 'error' ? response.text : undefined
  }
  return { handle, ask, announce, refusalOf, idFor, announces, scrapes, faults, observed }
}

const uint64Max = (at: number) => {
  const packet = encodeAnnouncePacket(anAnnouncePacket())
  packet.fill(0xff, at, at + 8)
  return packet
}

describe('an announce', () => {
  test('reaches the core as the same request that HTTP would make of it', async () => {
    const { announce, announces } = setUp()
    await announce({
      infohash: anInfohash(7),
      peerId: aPeerId(8),
      downloadedBytes: 1,
      leftBytes: 2,
      uploadedBytes: 3,
      eventId: 2,
      port: 4,
      options: encodeUrlData('/announce/abc?a=b'),
    })
    expect(announces[0]).toMatchObject({
      infohash: anInfohash(7),
      peerId: aPeerId(8),
      downloadedBytes: 1,
      leftBytes: 2,
      uploadedBytes: 3,
      event: 'started',
      port: 4,
      numwant: 50,
      passkey: 'abc',
      userAgent: '',
      otherAddress: undefined,
      address: { family: 'IPv4', text: IPV4 },
    })
    expect([...announces[0]!.params]).toEqual([['a', 'b']])
  })

  test('is answered with interval and counts under its transaction ID', async () => {
    expect(await setUp().announce({ transactionId: 77 })).toEqual({
      kind: 'announce',
      transactionId: 77,
      isOldIpv6: false,
      intervalSeconds: 1800,
      leechers: 2,
      seeders: 1,
      peers: [],
    })
  })

  test('with action 4 is answered with action 4', async () => {
    const response = await setUp().announce({ ip: new Uint8Array(16) }, IPV6)
    expect(response).toMatchObject({ kind: 'announce', isOldIpv6: true })
  })

  test.each([
    [IPV4, 'IPv4', 6],
    ['::ffff:198.51.100.1', 'IPv4', 6],
    [IPV6, 'IPv6', 18],
  ])('from %s gets %s peers alone', async (from, _family, endpointBytes) => {
    const { handle, idFor } = setUp({ peers: Buffer.alloc(44, 1) })
    const packet = encodeAnnouncePacket(anAnnouncePacket({ connectionId: idFor(from) }))
    expect((await handle(packet, from))!.length).toBe(20 + endpointBytes)
  })

  test('events are none, completed, started and stopped', async () => {
    const { announce, announces } = setUp()
    for (const eventId of [0, 1, 2, 3]) await announce({ eventId })
    expect(announces.map(({ event }) => event)).toEqual(['none', 'completed', 'started', 'stopped'])
  })

  test('wants the default when it says -1 or less, at most the maximum, and none when it says 0', async () => {
    const { announce, announces } = setUp()
    for (const numwant of [-1, -(2 ** 31), 0, 1, 100, 101, 2 ** 31 - 1]) await announce({ numwant })
    expect(announces.map(({ numwant }) => numwant)).toEqual([50, 50, 0, 1, 100, 100, 100])
  })

  test('with a left beyond 2^53 - 1 does not know what is left', async () => {
    const { ask, announces } = setUp()
    await ask(uint64Max(64))
    expect(announces[0]!.leftBytes).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('names another address only where spoofing is allowed, and then only with one that is not zero', async () => {
    const told = Uint8Array.of(203, 0, 113, 9)
    const addressSeen = async (allowIpSpoofing: boolean, ip: Uint8Array, from = IPV4) => {
      const { announce, announces } = setUp({ allowIpSpoofing })
      await announce({ ip }, from)
      return announces[0]!.address.text
    }
    expect(await addressSeen(false, told)).toBe(IPV4)
    expect(await addressSeen(true, told)).toBe('203.0.113.9')
    expect(await addressSeen(true, new Uint8Array(4))).toBe(IPV4)
    expect(await addressSeen(true, new Uint8Array(16), IPV6)).toBe(IPV6)
    expect(await addressSeen(true, parseAddress('2001:db8::9')!.bytes, IPV6)).toBe('2001:db8::9')
  })

  test('from a link-local address loses the zone', async () => {
    const { handle, announces, idFor } = setUp()
    const packet = encodeAnnouncePacket(anAnnouncePacket({ connectionId: idFor('fe80::1') }))
    await handle(packet, 'fe80::1%eth0')
    expect(announces[0]!.address.text).toBe('fe80::1')
  })
})

describe('refusals', () => {
  test.each<[FailureCode, Partial<AnnouncePacket>]>([
    ['malformedPacket', { options: Uint8Array.of(2, 1), port: 0 }],
    ['invalidQueryEscape', { options: encodeUrlData('/announce?a=%zz'), port: 0 }],
    ['invalidInfohash', { options: encodeUrlData('/announce?info_hash=abc'), port: 0 }],
    ['invalidPort', { port: 0 }],
  ])('%s, which is checked before what is also wrong', async (code, packet) => {
    expect(await setUp().refusalOf(packet)).toBe(FAILURE_REASONS[code])
  })

  test.each([4, 5, 9, 255])('event %i is served as no event', async (eventId) => {
    const { refusalOf, announces } = setUp()
    expect(await refusalOf({ eventId })).toBeUndefined()
    expect(announces[0]).toMatchObject({ event: 'none', isPaused: eventId === 4 })
  })

  test('port 0 is fine with stopped', async () => {
    expect(await setUp().refusalOf({ port: 0, eventId: 3 })).toBeUndefined()
  })

  test('an address where no peer can be is refused', async () => {
    expect(await setUp().refusalOf({}, '224.0.0.1')).toBe('invalid IP')
  })

  test('totals beyond 2^53 - 1 are refused', async () => {
    const { ask } = setUp()
    const text = async (at: number) => (await ask(uint64Max(at))) as { text?: string }
    expect((await text(56)).text).toBe('failed to parse parameter: downloaded')
    expect((await text(72)).text).toBe('failed to parse parameter: uploaded')
  })

  test('an unknown action of a verified sender is named', async () => {
    const { ask, observed } = setUp()
    const packet = Buffer.alloc(16)
    for (const action of [3, 5, 2 ** 32 - 1]) {
      packet.writeUInt32BE(action, 8)
      expect(await ask(packet)).toMatchObject({ kind: 'error', text: 'unknown action ID' })
    }
    expect(observed).toEqual(new Array(3).fill('- Unknown unknown action ID'))
  })

  test('what the core refuses is said in its words', async () => {
    const { refusalOf, observed, faults } = setUp({ fails: new Refusal('unapprovedPasskey') })
    expect(await refusalOf({})).toBe('unapproved passkey')
    expect(observed).toEqual(['announce IPv4 unapproved passkey'])
    expect(faults).toEqual([])
  })

  test('a store that does not answer is a temporary failure', async () => {
    const failure = new StoreUnavailable('announce.lua')
    const { refusalOf, faults } = setUp({ fails: failure })
    expect(await refusalOf({})).toBe('tracker temporarily unavailable')
    expect(faults).toEqual([failure])
  })

  test('anything else thrown is our fault: reported, and not shown', async () => {
    const fault = new Error('secret')
    const { refusalOf, faults, observed } = setUp({ fails: fault })
    expect(await refusalOf({})).toBe('internal server error')
    expect(faults).toEqual([fault])
    expect(observed).toEqual(['announce IPv4 internal error'])
  })

  test('a fault is reported under the transaction ID of its packet', async () => {
    const requestIds: string[] = []
    const { refusalOf } = setUp({
      fails: new Error('secret'),
      reportFault: (_, requestId) => requestIds.push(requestId),
    })
    await refusalOf({ transactionId: 0x00c0ffee })
    expect(requestIds).toEqual(['00c0ffee'])
  })
})

describe('senders that are not verified', () => {
  test('connecting gives a connection ID of 16 bytes in all', async () => {
    const { handle, idFor, observed } = setUp()
    const answer = await handle(encodeConnectRequest(5), IPV6)
    expect(answer).toEqual(Buffer.concat([Buffer.from('0000000000000005', 'hex'), idFor(IPV6)]))
    expect(observed).toEqual(['connect IPv6'])
  })

  test('connecting with another magic, or with less than 16 bytes, is met with silence', async () => {
    const { handle, observed } = setUp()
    const wrong = encodeConnectRequest(5)
    wrong[0] = 1
    expect(await handle(wrong, IPV4)).toBeUndefined()
    for (let length = 0; length < 16; length++)
      expect(await handle(encodeConnectRequest(5).subarray(0, length), IPV4)).toBeUndefined()
    expect(observed).toEqual([
      'connect Unknown malformed packet',
      ...new Array(16).fill('- Unknown malformed packet'),
    ])
  })

  test('a wrong connection ID is named to those who sent more than that takes', async () => {
    const { handle, announces, observed } = setUp()
    const packet = encodeAnnouncePacket(anAnnouncePacket({ connectionId: new Uint8Array(8).fill(7) }))
    for (let length = 16; length <= packet.length; length++) {
      const answer = await handle(packet.subarray(0, length), IPV4)
      if (length <= 26) expect(answer).toBeUndefined()
      else expect(parseResponse(answer!, 'IPv4')).toMatchObject({ kind: 'error', text: 'bad connection ID' })
    }
    expect(announces).toEqual([])
    expect(new Set(observed)).toEqual(new Set(['- Unknown bad connection ID']))
  })

  test('an error is met with silence: trackers never answer each other for ever', async () => {
    const { handle, idFor } = setUp()
    for (const text of [
      'bad connection ID',
      'an error text of another tracker, much longer than any of ours',
    ])
      expect(await handle(encodeErrorResponse(7, text), IPV4)).toBeUndefined()
    const unknownAction = Buffer.alloc(100)
    unknownAction.set(idFor('198.51.100.2'))
    unknownAction.writeUInt32BE(9, 8)
    expect(await handle(unknownAction, IPV4)).toBeUndefined()
  })

  test('another address is not verified by my ID', async () => {
    const { handle, idFor } = setUp()
    const packet = encodeAnnouncePacket(anAnnouncePacket({ connectionId: idFor('198.51.100.2') }))
    expect(parseResponse((await handle(packet, IPV4))!, 'IPv4')).toMatchObject({ text: 'bad connection ID' })
  })
})

describe('a scrape', () => {
  const infohashes = Array.from({ length: 130 }, (_, i) => anInfohash(i))
  const scrape = { connectionId: new Uint8Array(8), transactionId: 6 }

  test('is answered for each infohash in the order asked', async () => {
    const { ask, scrapes, observed } = setUp()
    const swarms = new Array(3).fill({ seeders: 1, leechers: 2, snatches: 3 })
    const asked = [anInfohash(2), anInfohash(1), anInfohash(2)]
    expect(await ask(encodeScrapePacket({ ...scrape, infohashes: asked }))).toEqual({
      kind: 'scrape',
      transactionId: 6,
      swarms,
    })
    expect(scrapes[0]).toMatchObject({ infohashes: asked, passkey: undefined, address: { text: IPV4 } })
    expect(observed).toEqual(['scrape IPv4'])
  })

  test.each([
    [IPV4, 50, 50],
    [IPV4, 1000, 120],
    [IPV6, 1000, 102],
  ])('from %s with %i allowed is cut to %i', async (from, maxScrapeInfohashes, expected) => {
    const { ask } = setUp({ maxScrapeInfohashes })
    const response = await ask(encodeScrapePacket({ ...scrape, infohashes }), from)
    expect(response?.kind === 'scrape' && response.swarms.length).toBe(expected)
  })
})

describe('any bytes at any length', () => {
  const tail = fc.uint8Array({ maxLength: 400 })
  const action = fc.constantFrom(0, 1, 1, 2, 3, 4, 5)
  const from = fc.constantFrom(IPV4, IPV6)

  test('from a stranger give silence or an answer no larger, connect apart', async () => {
    const { handle, announces, scrapes, faults } = setUp()
    await fc.assert(
      fc.asyncProperty(tail, from, async (bytes, sender) => {
        const answer = await handle(Buffer.from(bytes), sender)
        if (answer === undefined) return
        expect(answer.length).toBeLessThanOrEqual(Math.max(bytes.length, 16))
        expect(parseResponse(answer, familyOf(sender))).toBeDefined()
      }),
    )
    expect([announces, scrapes, faults]).toEqual([[], [], []])
  })

  test('behind a valid connection ID give an answer of the protocol', async () => {
    const { handle, idFor, faults } = setUp({ allowIpSpoofing: true, peers: Buffer.alloc(44 * 2000, 1) })
    await fc.assert(
      fc.asyncProperty(action, tail, from, async (asked, bytes, sender) => {
        const datagram = Buffer.concat([idFor(sender), Buffer.from([0, 0, 0, asked]), bytes])
        if (asked === 0 || datagram.length < 16) return
        const answer = (await handle(datagram, sender))!
        expect(answer.length).toBeLessThanOrEqual(MAX_ANSWER_BYTES[familyOf(sender)])
        expect(parseResponse(answer, familyOf(sender))?.transactionId).toBe(datagram.readUInt32BE(12))
      }),
      { numRuns: 500 },
    )
    expect(faults).toEqual([])
  })

  test('in the options of an announce give an answer or one of their refusals', async () => {
    const { refusalOf, faults } = setUp()
    const texts = ['malformedPacket', 'invalidQueryEscape', 'invalidInfohash'] as const
    await fc.assert(
      fc.asyncProperty(tail, async (options) => {
        const text = await refusalOf({ options })
        expect([undefined, ...texts.map((code) => FAILURE_REASONS[code])]).toContain(text)
      }),
    )
    expect(faults).toEqual([])
  })
})
