import { infohashOf, peerIdOf } from '../../src/bittorrent/bytes20.ts'
import { ACTIONS } from '../../src/tracker/frontend/udp/packets.ts'
import { encodeAnnouncePacket } from '../../src/tracker/frontend/udp/requests.ts'
import { encodeUrlData } from '../../src/tracker/frontend/udp/urlData.ts'
import type { LoadGenerator } from './generator.ts'
import { type Population, swarmSizes } from './population.ts'
import type { RunningTracker } from './trackers/tracker.ts'
import { openUdpClient } from './udpClient.ts'

const NUMWANT = 50
const UPLOADED_OFFSET = 72
const UPLOADED_STEP_BYTES = 16_384
/** Action, transaction ID, interval, leechers, seeders (BEP 15); then 6 bytes for each peer. */
const ANSWER_HEADER_BYTES = 20
const PEER_BYTES = 6
const UINT32_RANGE = 2 ** 32

/** A re-announce, ready but for its total, and what its answer has to say. */
interface Announce {
  readonly packet: Buffer
  /** Seeders and leechers together. */
  readonly swarmSize: number
  readonly leastPeers: number
}

/**
 * UDP, from this process. Packets are ready before the clock starts, but for their totals. Unlike `wrk` it looks at
 * every answer: the swarm has to have its size still, and as many peers have to come as there are to be had.
 */
export const udpGenerator: LoadGenerator = async ({ tracker, population, ...run }) => {
  const announces = encodeAnnounces(tracker, population)
  const randomIndex = randomIndexes(announces.length)
  const failures: Record<string, number> = {}
  let [answered, receivedBytes, uploadedBytes] = [0, 0, run.uploadedFromBytes]

  const client = await openUdpClient(tracker.port)
  try {
    const startedMs = performance.now()
    const deadlineMs = startedMs + run.seconds * 1000
    await client.closedLoop<Announce>({
      inFlight: run.connections,
      next() {
        if (performance.now() >= deadlineMs) return undefined
        const announce = announces[randomIndex()]!
        uploadedBytes += UPLOADED_STEP_BYTES
        announce.packet.writeUInt32BE(Math.floor(uploadedBytes / UINT32_RANGE), UPLOADED_OFFSET)
        announce.packet.writeUInt32BE(uploadedBytes % UINT32_RANGE, UPLOADED_OFFSET + 4)
        return announce
      },
      onAnswer(answer, announce) {
        const fault = faultOf(answer, announce)
        if (fault !== undefined) failures[fault] = (failures[fault] ?? 0) + 1
        if (fault !== undefined || !answer) return
        answered++
        receivedBytes += answer.length
      },
    })
    return { announces: answered, seconds: (performance.now() - startedMs) / 1000, receivedBytes, failures }
  } finally {
    client.close()
  }
}

/** @returns the kind of the fault, or undefined when all is well */
function faultOf(answer: Buffer | undefined, { swarmSize, leastPeers }: Announce): string | undefined {
  if (!answer) return 'timeout'
  const action = answer.readUInt32BE(0)
  if (action === ACTIONS.error) return `error "${answer.toString('latin1', 8).replace('\0', '')}"`
  if (action !== ACTIONS.announce || answer.length < ANSWER_HEADER_BYTES) return 'malformed'
  if (answer.readUInt32BE(12) + answer.readUInt32BE(16) !== swarmSize) return 'wrong swarm size'
  return answer.length < ANSWER_HEADER_BYTES + leastPeers * PEER_BYTES ? 'too few peers' : undefined
}

function encodeAnnounces(tracker: RunningTracker, population: Population): Announce[] {
  const sizes = swarmSizes(population)
  return population.peers.map((peer) => {
    const { seeders, leechers } = sizes.get(peer.infohash)!
    const isSeeder = peer.leftBytes === 0
    const others = isSeeder && tracker.givesSeedersLeechersOnly ? leechers : seeders + leechers - 1
    return {
      packet: encodeAnnouncePacket({
        connectionId: new Uint8Array(8),
        transactionId: 0,
        infohash: infohashOf(peer.infohash)!,
        peerId: peerIdOf(Buffer.from(peer.peerId, 'latin1'))!,
        downloadedBytes: 0,
        leftBytes: peer.leftBytes,
        uploadedBytes: 0,
        eventId: 0,
        ip: new Uint8Array(4),
        key: 0,
        numwant: NUMWANT,
        port: peer.port,
        options: encodeUrlData(tracker.announcePath(peer.passkey)),
      }),
      swarmSize: Math.min(seeders + leechers, tracker.maxPeersPerSwarm),
      leastPeers: Math.min(others, NUMWANT),
    }
  })
}

/** The same ones for every tracker: a linear congruential generator. */
function randomIndexes(count: number): () => number {
  let state = 20
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / UINT32_RANGE) * count)
  }
}
