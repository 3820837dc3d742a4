import { countEndpoints, writeEndpoints } from '../../../bittorrent/compactPeers.ts'
import { ENDPOINT_BYTES } from '../../../bittorrent/packedPeer.ts'
import type { AddressFamily, Endpoint, SwarmCounts } from '../../../bittorrent/types.ts'
import { ACTIONS, MAX_ANSWER_BYTES } from './packets.ts'

/** Action and transaction ID. */
const HEADER_BYTES = 8
const CONNECT_BYTES = 16
/** Interval, leechers, seeders. */
const ANNOUNCE_COUNTS_BYTES = 12
/** Seeders, snatches, leechers. */
const SCRAPE_ENTRY_BYTES = 12
const MAX_UINT32 = 2 ** 32 - 1

function header(action: number, transactionId: number, bodyBytes: number): Buffer {
  const packet = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes)
  packet.writeUInt32BE(action, 0)
  packet.writeUInt32BE(transactionId, 4)
  return packet
}

/** @param connectionId 8 bytes */
export function encodeConnectResponse(transactionId: number, connectionId: Uint8Array): Buffer {
  const packet = header(ACTIONS.connect, transactionId, connectionId.length)
  packet.set(connectionId, HEADER_BYTES)
  return packet
}

/** Size of the error packet with this text. */
export function errorBytes(text: string): number {
  return HEADER_BYTES + text.length + 1
}

/** @param text ASCII; a NUL ends it, as Chihaya writes it */
export function encodeErrorResponse(transactionId: number, text: string): Buffer {
  const packet = header(ACTIONS.error, transactionId, text.length + 1)
  packet.write(`${text}\0`, HEADER_BYTES, 'latin1')
  return packet
}

export interface AnnounceAnswer {
  readonly intervalSeconds: number
  readonly leechers: number
  readonly seeders: number
  /** Packed peers of any families (bittorrent/packedPeer.ts). */
  readonly peers: Uint8Array
}

/** How an announce arrived, which decides how it is answered. */
export interface AnnounceStyle {
  readonly transactionId: number
  /** Asked with action 4, so answered with it. */
  readonly isOldIpv6: boolean
  /** Of the socket: the client knows from it how long each address is. */
  readonly wantedFamily: AddressFamily
}

/** Peers of the requester's family alone, as many as one datagram carries. */
export function encodeAnnounceResponse(answer: AnnounceAnswer, style: AnnounceStyle): Buffer {
  const { transactionId, isOldIpv6, wantedFamily: family } = style
  const endpointBytes = ENDPOINT_BYTES[family]
  const room = MAX_ANSWER_BYTES[family] - HEADER_BYTES - ANNOUNCE_COUNTS_BYTES
  const peersBytes = countEndpoints(answer.peers, family) * endpointBytes
  const action = isOldIpv6 ? ACTIONS.announceIpv6 : ACTIONS.announce
  const packet = header(action, transactionId, ANNOUNCE_COUNTS_BYTES + peersBytes)
  packet.writeUInt32BE(answer.intervalSeconds, HEADER_BYTES)
  packet.writeUInt32BE(answer.leechers, HEADER_BYTES + 4)
  packet.writeUInt32BE(answer.seeders, HEADER_BYTES + 8)
  writeEndpoints(answer.peers, family, packet, HEADER_BYTES + ANNOUNCE_COUNTS_BYTES)
  if (peersBytes <= room) return packet
  return packet.subarray(0, packet.length - peersBytes + room - (room % endpointBytes))
}

/** How many infohashes one datagram answers. */
export function maxScrapeEntries(family: AddressFamily): number {
  return Math.floor((MAX_ANSWER_BYTES[family] - HEADER_BYTES) / SCRAPE_ENTRY_BYTES)
}

/** @param swarms in the order asked, at most `maxScrapeEntries` */
export function encodeScrapeResponse(transactionId: number, swarms: readonly SwarmCounts[]): Buffer {
  const packet = header(ACTIONS.scrape, transactionId, swarms.length * SCRAPE_ENTRY_BYTES)
  let at = HEADER_BYTES
  for (const { seeders, snatches, leechers } of swarms) {
    packet.writeUInt32BE(seeders, at)
    packet.writeUInt32BE(Math.min(snatches, MAX_UINT32), at + 4)
    packet.writeUInt32BE(leechers, at + 8)
    at += SCRAPE_ENTRY_BYTES
  }
  return packet
}

/** An answer as a client reads it. */
export type UdpResponse =
  | { readonly kind: 'connect'; readonly transactionId: number; readonly connectionId: Uint8Array }
  | {
      readonly kind: 'announce'
      readonly transactionId: number
      readonly isOldIpv6: boolean
      readonly intervalSeconds: number
      readonly leechers: number
      readonly seeders: number
      readonly peers: readonly Endpoint[]
    }
  | { readonly kind: 'scrape'; readonly transactionId: number; readonly swarms: readonly SwarmCounts[] }
  | { readonly kind: 'error'; readonly transactionId: number; readonly text: string }

/**
 * The client's half, for tests and load generators.
 *
 * @param family of the socket it arrived at
 * @returns undefined for what is no answer of BEP 15
 */
export function parseResponse(datagram: Buffer, family: AddressFamily): UdpResponse | undefined {
  if (datagram.length < HEADER_BYTES) return undefined
  const action = datagram.readUInt32BE(0)
  const transactionId = datagram.readUInt32BE(4)
  const body = datagram.subarray(HEADER_BYTES)
  switch (action) {
    case ACTIONS.connect:
      return datagram.length === CONNECT_BYTES
        ? { kind: 'connect', transactionId, connectionId: body }
        : undefined
    case ACTIONS.announce:
    case ACTIONS.announceIpv6: {
      const peers = parseEndpoints(body.subarray(ANNOUNCE_COUNTS_BYTES), ENDPOINT_BYTES[family])
      if (body.length < ANNOUNCE_COUNTS_BYTES || !peers) return undefined
      return {
        kind: 'announce',
        transactionId,
        isOldIpv6: action === ACTIONS.announceIpv6,
        intervalSeconds: body.readUInt32BE(0),
        leechers: body.readUInt32BE(4),
        seeders: body.readUInt32BE(8),
        peers,
      }
    }
    case ACTIONS.scrape: {
      const swarms = parseScrapeEntries(body)
      return swarms && { kind: 'scrape', transactionId, swarms }
    }
    case ACTIONS.error:
      return body.at(-1) === 0
        ? { kind: 'error', transactionId, text: body.toString('latin1', 0, body.length - 1) }
        : undefined
    default:
      return undefined
  }
}

function parseEndpoints(list: Buffer, size: number): Endpoint[] | undefined {
  if (list.length % size !== 0) return undefined
  return Array.from({ length: list.length / size }, (_, i) => ({
    bytes: list.subarray(i * size, (i + 1) * size - 2),
    port: list.readUInt16BE((i + 1) * size - 2),
  }))
}

function parseScrapeEntries(list: Buffer): SwarmCounts[] | undefined {
  if (list.length === 0 || list.length % SCRAPE_ENTRY_BYTES !== 0) return undefined
  return Array.from({ length: list.length / SCRAPE_ENTRY_BYTES }, (_, i) => ({
    seeders: list.readUInt32BE(i * SCRAPE_ENTRY_BYTES),
    snatches: list.readUInt32BE(i * SCRAPE_ENTRY_BYTES + 4),
    leechers: list.readUInt32BE(i * SCRAPE_ENTRY_BYTES + 8),
  }))
}
