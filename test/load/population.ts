import { createHash } from 'node:crypto'
import type { Scenario } from './scenario.ts'

/** A client in a swarm. The same scenario always gives the same peers, so every tracker meets the same ones. */
export interface LoadPeer {
  /** 20 raw bytes. */
  readonly infohash: Buffer
  /** 20 bytes, all of them unreserved in a URL. */
  readonly peerId: string
  /** Differs within a swarm: everyone comes from 127.0.0.1, and some trackers know a peer by its endpoint only. */
  readonly port: number
  readonly leftBytes: number
  /** 32 hex digits; a user has several peers, but one in a swarm. */
  readonly passkey: string
}

export interface Population {
  readonly scenario: Scenario
  readonly infohashes: readonly Buffer[]
  readonly peers: readonly LoadPeer[]
  readonly passkeys: readonly string[]
}

const USERS = 15_000
const FIRST_PORT = 10_000

export function buildPopulation(scenario: Scenario): Population {
  const passkeys = Array.from({ length: USERS }, (_, user) =>
    digest(`passkey ${user}`).toString('hex').slice(0, 32),
  )
  const infohashes = Array.from({ length: scenario.swarms }, (_, swarm) =>
    digest(`${scenario.shape} ${scenario.seederPercent} swarm ${swarm}`),
  )
  const peers: LoadPeer[] = []
  for (const infohash of infohashes) {
    const size = swarmSize(scenario.peersPerSwarm, infohash)
    const seeders = Math.round((size * scenario.seederPercent) / 100)
    for (let index = 0; index < size; index++) {
      peers.push({
        infohash,
        peerId: `-qB4650-${digest(`peer ${peers.length}`).toString('base64url').slice(0, 12)}`,
        port: FIRST_PORT + index,
        leftBytes: index < seeders ? 0 : 1_073_741_824 + index,
        passkey: passkeys[peers.length % USERS]!,
      })
    }
  }
  return { scenario, infohashes, peers, passkeys }
}

/** What every tracker has to hold, by the infohash objects of the population. */
export function swarmSizes({
  infohashes,
  peers,
}: Population): Map<Buffer, { seeders: number; leechers: number }> {
  const sizes = new Map(infohashes.map((infohash) => [infohash, { seeders: 0, leechers: 0 }]))
  for (const { infohash, leftBytes } of peers)
    sizes.get(infohash)![leftBytes === 0 ? 'seeders' : 'leechers']++
  return sizes
}

/** From four to six fifths of the wanted size, by the infohash. */
function swarmSize(wanted: number, infohash: Buffer): number {
  const spread = Math.floor(wanted / 5)
  return wanted - spread + (infohash.readUInt16BE(0) % (2 * spread + 1))
}

/** The 20 bytes of any text; SHA-1 because infohashes are. */
function digest(text: string): Buffer {
  return createHash('sha1').update(text).digest()
}
