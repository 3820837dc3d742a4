import { readFileSync } from 'node:fs'

/** Arguments: the file of the server class, the port, the cap on peers of a swarm, a JSON file of peers to begin with. */
const [serverFile = '', port = '', peersCacheLength = '', peersFile = ''] = process.argv.slice(2)

interface Swarm {
  _onAnnounceStarted(peer: object, known: undefined, id: string): void
}

interface Server {
  createSwarm(infohash: string, done: (error: Error | null, swarm: Swarm) => void): void
  listen(port: number, host: string): void
  udp6: unknown
  on(event: 'error', listener: (error: Error) => void): void
}

const { default: TrackerServer } = (await import(serverFile)) as { default: new (options: object) => Server }
const server = new TrackerServer({
  http: true,
  udp: true,
  ws: false,
  stats: false,
  trustProxy: false,
  interval: 30 * 60 * 1000,
  peersCacheLength: Number(peersCacheLength),
})
server.udp6 = null // nobody sends there, and not every machine has IPv6
server.on('error', (error) => {
  throw error
})

const swarms = new Map<string, Swarm>()
const peers: [string, string, number, number][] = JSON.parse(readFileSync(peersFile, 'utf8'))
for (const [infohash, peerId, peerPort, left] of peers) {
  const swarm = swarms.get(infohash) ?? (await createSwarm(infohash))
  swarms.set(infohash, swarm)
  const peer = { type: 'http', left, peer_id: peerId, ip: '127.0.0.1', port: peerPort }
  swarm._onAnnounceStarted(peer, undefined, `127.0.0.1:${peerPort}`)
}

function createSwarm(infohash: string): Promise<Swarm> {
  return new Promise((resolve) => server.createSwarm(infohash, (_error, swarm) => resolve(swarm)))
}

server.listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
