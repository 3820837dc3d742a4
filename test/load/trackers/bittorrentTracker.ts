import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPopulation } from '../../../src/load/population.ts'
import { freePort, MissingProgram } from '../processes.ts'
import { populationPlan, type Scenario } from '../scenario.ts'
import { type BenchTracker, type TrackerName, whenReady } from './tracker.ts'

const packageFolder = join(import.meta.dirname, '../../../node_modules/bittorrent-tracker')
const serverFile = join(packageFolder, 'server.js')

/** Its own default for the peers it remembers of a swarm. */
const DEFAULT_CAP = 1000
const NO_CAP = 1_000_000

/** The npm package's HTTP and UDP servers in a process of its own: in memory, no passkeys, no accounting. */
export const bittorrentTracker = variant('bittorrent-tracker', DEFAULT_CAP)

/** The same with the cap lifted, for swarms that exceed it. It lists all peers of a swarm for each announce. */
export const bittorrentTrackerUncapped = variant('bittorrent-tracker-uncapped', NO_CAP)

function variant(name: TrackerName, maxPeersPerSwarm: number): BenchTracker {
  const transports = ['keep-alive', 'close', 'udp'] as const
  const isFilled = maxPeersPerSwarm > DEFAULT_CAP
  return {
    name,
    transports,

    isWorthRunning: ({ peersPerSwarm }) => maxPeersPerSwarm === DEFAULT_CAP || peersPerSwarm > DEFAULT_CAP,

    requirePrograms() {
      if (!existsSync(serverFile)) throw new MissingProgram('bittorrent-tracker is missing: npm install')
    },

    async start({ processes, workFolder, scenario }) {
      const port = await freePort()
      const peersFile = join(workFolder, 'peers.json')
      writeFileSync(peersFile, JSON.stringify(isFilled ? peersToLoad(scenario) : []))
      const child = join(import.meta.dirname, 'bittorrentTrackerChild.ts')
      const args = [child, serverFile, String(port), String(maxPeersPerSwarm), peersFile]
      const started = processes.start({ name, program: process.execPath, args })
      await whenReady(started, port)
      return {
        name,
        pid: started.pid,
        port,
        transports,
        usesRedis: false,
        maxPeersPerSwarm,
        givesSeedersLeechersOnly: false,
        isFilled,
        usesPasskeys: false,
        stop: started.stop,
      }
    },
  }
}

/** Announcing 10,000 peers to one swarm takes it minutes, so the uncapped one gets them as a file. */
function peersToLoad(
  scenario: Scenario,
): [infohash: string, peerId: string, port: number, leftBytes: number][] {
  const plan = populationPlan(scenario, { usesPasskeys: false, firstRound: 0 })
  const population = createPopulation(plan)
  return Array.from({ length: plan.peers }, () => {
    const { infohash, peerId, port, leftBytes } = population.next()
    return [infohash, Buffer.from(peerId, 'latin1').toString('hex'), port, leftBytes]
  })
}
