import { createHash } from 'node:crypto'
import { infohashOf, percentEncode } from '../bittorrent/bytes20.ts'
import type { Infohash } from '../bittorrent/types.ts'
import type { PopulationPlan } from './plan.ts'

const FIRST_PORT = 1024
const PORTS = 65_536 - FIRST_PORT
/** What a peer moves between two announces. */
const STEP_BYTES = 2 ** 20
/** Its low 32 bits never come to 0 by whole steps: opentracker looks at no others, and would count a leecher as a seeder. */
const TORRENT_BYTES = 1e12

/** What one peer says this time. */
export interface Announce {
  readonly infohash: Infohash
  /** The infohash as it stands in a URL. */
  readonly infohashInUrl: string
  /** 20 characters that need no escape in a URL. */
  readonly peerId: string
  readonly port: number
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  readonly leftBytes: number
  /** The first announce of a peer is `started`, all others have no event. */
  readonly isStarted: boolean
  /** Index in the plan's passkeys; 0 without any. */
  readonly passkeyIndex: number
  readonly numwant: number
}

export interface Swarm {
  readonly infohash: Infohash
  readonly seeders: number
  readonly leechers: number
}

/** Swarms and peers that are nowhere but in here. */
export interface Population {
  readonly seeders: number
  /** Peers of the largest swarm. */
  readonly largestSwarm: number
  /** From 0, the largest first. */
  swarm(index: number): Swarm
  /** Peers take turns, each as often as the others, in an order that goes all over the swarms. */
  next(): Announce
}

export function createPopulation(plan: PopulationPlan): Population {
  const { peers, passkeys, numwant, clientCode, seed, seederPercent, firstRound } = plan
  const sizes = zipfSizes(plan)
  const infohashes = sizes.map((_, swarm) => digest(`${seed} swarm ${swarm}`))
  const hex = infohashes.map((bytes) => infohashOf(bytes)!)
  const inUrl = infohashes.map(percentEncode)
  const swarmOf = new Uint32Array(peers)
  const firstPeerOf = new Uint32Array(sizes.length + 1)
  for (const [swarm, size] of sizes.entries()) {
    const first = firstPeerOf[swarm]!
    firstPeerOf[swarm + 1] = first + size
    swarmOf.fill(swarm, first, first + size)
  }
  const announcesOf = new Uint32Array(peers).fill(firstRound)
  const peerIdTail = digest(`${seed} peers`).toString('hex').slice(0, 5)
  const step = strideThrough(peers)
  let turn = 0

  return {
    seeders: seedersBefore(peers, seederPercent),
    largestSwarm: sizes[0]!,
    swarm(index) {
      const [first, end] = [firstPeerOf[index]!, firstPeerOf[index + 1]!]
      const seeders = seedersBefore(end, seederPercent) - seedersBefore(first, seederPercent)
      return { infohash: hex[index]!, seeders, leechers: end - first - seeders }
    },
    next() {
      const peer = turn
      turn = (turn + step) % peers
      const swarm = swarmOf[peer]!
      const round = announcesOf[peer]!
      announcesOf[peer] = round + 1
      const seeds = isSeeder(peer, seederPercent)
      const downloadedBytes = seeds ? 0 : round * STEP_BYTES
      return {
        infohash: hex[swarm]!,
        infohashInUrl: inUrl[swarm]!,
        peerId: `${clientCode}${peer.toString(36).padStart(7, '0')}${peerIdTail}`,
        port: FIRST_PORT + (peer % PORTS),
        uploadedBytes: round * STEP_BYTES,
        downloadedBytes,
        leftBytes: seeds ? 0 : Math.max(1, TORRENT_BYTES - downloadedBytes),
        isStarted: round === 0,
        passkeyIndex: passkeys.length > 0 ? peer % passkeys.length : 0,
        numwant,
      }
    },
  }
}

/**
 * Peers of each swarm, the largest first: one for each, and what is left by Zipf's law. What rounding leaves over goes to
 * the largest ones, one by one.
 */
export function zipfSizes({
  swarms,
  peers,
  zipf,
}: Pick<PopulationPlan, 'swarms' | 'peers' | 'zipf'>): number[] {
  const weights = Array.from({ length: swarms }, (_, i) => (i + 1) ** -zipf)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const sizes = weights.map((weight) => 1 + Math.floor(((peers - swarms) * weight) / sum))
  const missing = peers - sizes.reduce((total, size) => total + size, 0)
  for (let i = 0; i < missing; i++) sizes[i % swarms]! += 1
  return sizes
}

/** Every n-th peer and so on, so that swarms of one peer have the share of seeders too. */
function isSeeder(peer: number, percent: number): boolean {
  return seedersBefore(peer + 1, percent) > seedersBefore(peer, percent)
}

function seedersBefore(peer: number, percent: number): number {
  return Math.floor((peer * percent) / 100)
}

/** A step that visits all of `count` before it comes back, about five eighths of the way round each time. */
function strideThrough(count: number): number {
  let step = Math.max(1, Math.round(count * 0.618))
  while (greatestCommonDivisor(step, count) !== 1) step++
  return step
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

/** The 20 bytes of any text; SHA-1 because infohashes are. */
function digest(text: string): Buffer {
  return createHash('sha1').update(text).digest()
}
