import { infohashOf, peerIdOf } from '../../../bittorrent/bytes20.ts'
import { Refusal } from '../../../bittorrent/failure.ts'
import type { Infohash, PeerId } from '../../../bittorrent/types.ts'
import {
  ACTION_OFFSET,
  ACTIONS,
  CONNECT_MAGIC,
  INFOHASH_BYTES,
  REQUEST_HEADER_BYTES,
  readUint64,
  TRANSACTION_ID_OFFSET,
  writeUint64,
} from './packets.ts'

export interface AnnouncePacket {
  /** 8 bytes. */
  readonly connectionId: Uint8Array
  readonly transactionId: number
  readonly infohash: Infohash
  readonly peerId: PeerId
  /** 0 to 2^53 - 1; a parsed packet may hold more, then inexact. The same for the next two. */
  readonly downloadedBytes: number
  readonly leftBytes: number
  readonly uploadedBytes: number
  /** 0 none, 1 completed, 2 started, 3 stopped, 4 paused; up to 255, since the last of its four bytes is all that counts. */
  readonly eventId: number
  /** 4 bytes; 16 make it the old IPv6 announce. */
  readonly ip: Uint8Array
  readonly key: number
  /** Signed, 32 bits. */
  readonly numwant: number
  readonly port: number
  /** What follows the port (BEP 41). */
  readonly options: Uint8Array
}

export interface ScrapePacket {
  /** 8 bytes. */
  readonly connectionId: Uint8Array
  readonly transactionId: number
  /** At least one. */
  readonly infohashes: readonly Infohash[]
}

const INFOHASH_OFFSET = 16
const PEER_ID_OFFSET = 36
const DOWNLOADED_OFFSET = 56
const LEFT_OFFSET = 64
const UPLOADED_OFFSET = 72
const EVENT_OFFSET = 80
const IP_OFFSET = 84
/** After the IP address: key 4, numwant 4, port 2. */
const AFTER_IP_BYTES = 10

/** @param datagram has a whole header */
export function isConnectRequest(datagram: Buffer): boolean {
  return datagram.readUInt32BE(0) === CONNECT_MAGIC.high && datagram.readUInt32BE(4) === CONNECT_MAGIC.low
}

export function encodeConnectRequest(transactionId: number): Buffer {
  const packet = Buffer.alloc(REQUEST_HEADER_BYTES)
  packet.writeUInt32BE(CONNECT_MAGIC.high, 0)
  packet.writeUInt32BE(CONNECT_MAGIC.low, 4)
  packet.writeUInt32BE(ACTIONS.connect, ACTION_OFFSET)
  packet.writeUInt32BE(transactionId, TRANSACTION_ID_OFFSET)
  return packet
}

/**
 * @param datagram has a header with one of the two announce actions; the packet's bytes are views of it
 * @throws Refusal `malformedPacket` when it is too short
 */
export function parseAnnouncePacket(datagram: Buffer): AnnouncePacket {
  const ipBytes = datagram.readUInt32BE(ACTION_OFFSET) === ACTIONS.announceIpv6 ? 16 : 4
  const afterIp = IP_OFFSET + ipBytes
  if (datagram.length < afterIp + AFTER_IP_BYTES) throw new Refusal('malformedPacket')
  return {
    connectionId: datagram.subarray(0, ACTION_OFFSET),
    transactionId: datagram.readUInt32BE(TRANSACTION_ID_OFFSET),
    infohash: infohashOf(datagram.subarray(INFOHASH_OFFSET, PEER_ID_OFFSET))!,
    peerId: peerIdOf(datagram.subarray(PEER_ID_OFFSET, DOWNLOADED_OFFSET))!,
    downloadedBytes: readUint64(datagram, DOWNLOADED_OFFSET),
    leftBytes: readUint64(datagram, LEFT_OFFSET),
    uploadedBytes: readUint64(datagram, UPLOADED_OFFSET),
    eventId: datagram[EVENT_OFFSET + 3]!,
    ip: datagram.subarray(IP_OFFSET, afterIp),
    key: datagram.readUInt32BE(afterIp),
    numwant: datagram.readInt32BE(afterIp + 4),
    port: datagram.readUInt16BE(afterIp + 8),
    options: datagram.subarray(afterIp + AFTER_IP_BYTES),
  }
}

export function encodeAnnouncePacket(announce: AnnouncePacket): Buffer {
  const { ip, options } = announce
  const afterIp = IP_OFFSET + ip.length
  const packet = Buffer.alloc(afterIp + AFTER_IP_BYTES + options.length)
  packet.set(announce.connectionId, 0)
  packet.writeUInt32BE(ip.length === 16 ? ACTIONS.announceIpv6 : ACTIONS.announce, ACTION_OFFSET)
  packet.writeUInt32BE(announce.transactionId, TRANSACTION_ID_OFFSET)
  packet.write(announce.infohash, INFOHASH_OFFSET, 'hex')
  packet.write(announce.peerId, PEER_ID_OFFSET, 'hex')
  writeUint64(packet, announce.downloadedBytes, DOWNLOADED_OFFSET)
  writeUint64(packet, announce.leftBytes, LEFT_OFFSET)
  writeUint64(packet, announce.uploadedBytes, UPLOADED_OFFSET)
  packet.writeUInt32BE(announce.eventId, EVENT_OFFSET)
  packet.set(ip, IP_OFFSET)
  packet.writeUInt32BE(announce.key, afterIp)
  packet.writeInt32BE(announce.numwant, afterIp + 4)
  packet.writeUInt16BE(announce.port, afterIp + 8)
  packet.set(options, afterIp + AFTER_IP_BYTES)
  return packet
}

/**
 * @param datagram has a header with the scrape action
 * @throws Refusal `malformedPacket` without a whole infohash. Bytes behind the last whole one are ignored.
 */
export function parseScrapePacket(datagram: Buffer): ScrapePacket {
  const listBytes = datagram.length - REQUEST_HEADER_BYTES
  if (listBytes < INFOHASH_BYTES) throw new Refusal('malformedPacket')
  const infohashes: Infohash[] = []
  for (let at = REQUEST_HEADER_BYTES; at + INFOHASH_BYTES <= datagram.length; at += INFOHASH_BYTES)
    infohashes.push(infohashOf(datagram.subarray(at, at + INFOHASH_BYTES))!)
  return {
    connectionId: datagram.subarray(0, ACTION_OFFSET),
    transactionId: datagram.readUInt32BE(TRANSACTION_ID_OFFSET),
    infohashes,
  }
}

export function encodeScrapePacket({ connectionId, transactionId, infohashes }: ScrapePacket): Buffer {
  const packet = Buffer.alloc(REQUEST_HEADER_BYTES + infohashes.length * INFOHASH_BYTES)
  packet.set(connectionId, 0)
  packet.writeUInt32BE(ACTIONS.scrape, ACTION_OFFSET)
  packet.writeUInt32BE(transactionId, TRANSACTION_ID_OFFSET)
  for (const [i, infohash] of infohashes.entries())
    packet.write(infohash, REQUEST_HEADER_BYTES + i * INFOHASH_BYTES, 'hex')
  return packet
}
