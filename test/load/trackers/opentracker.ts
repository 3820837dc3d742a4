import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPopulation } from '../../../src/load/population.ts'
import { freePort, needProgram } from '../processes.ts'
import { populationPlan } from '../scenario.ts'
import { type BenchTracker, whenReady } from './tracker.ts'

const PROBED_TEXT = 'a'.repeat(20)
const PROBED_INFOHASH = Buffer.from(PROBED_TEXT).toString('hex')
const PROBE = `/announce?info_hash=${PROBED_TEXT}&peer_id=${PROBED_TEXT}&port=1&uploaded=0&downloaded=0&left=0&compact=1`

/** Debian's build of the C tracker: in memory, no passkeys, no accounting; it closes after every answer. */
export const opentracker: BenchTracker = {
  name: 'opentracker',
  transports: ['close', 'udp'],

  isWorthRunning: () => true,

  requirePrograms() {
    needProgram('opentracker', 'opentracker')
  },

  async start({ processes, workFolder, scenario }) {
    const port = await freePort()
    const folder = mkdtempSync(join(workFolder, 'opentracker-'))
    // It runs as nobody when started by root, inside a chroot, and Debian's build serves listed torrents only. The
    // list is read after the change of root, so it is named relative to that folder, which is also where it starts.
    chmodSync(folder, 0o755)
    const population = createPopulation(populationPlan(scenario, { usesPasskeys: false, firstRound: 0 }))
    const infohashes = Array.from({ length: scenario.swarms }, (_, index) => population.swarm(index).infohash)
    const lines = [PROBED_INFOHASH, ...infohashes].map((infohash) => `${infohash}\n`)
    writeFileSync(join(folder, 'torrents.txt'), lines.join(''), { mode: 0o644 })
    const args = [
      '-i',
      '127.0.0.1',
      '-p',
      String(port),
      '-P',
      String(port),
      '-d',
      folder,
      '-w',
      'torrents.txt',
    ]
    const started = processes.start({ name: 'opentracker', program: 'opentracker', args, cwd: folder })
    // A thread of its own reads the list; until then every announce is refused.
    await whenReady(started, port, PROBE)
    return {
      name: 'opentracker',
      pid: started.pid,
      port,
      transports: this.transports,
      usesRedis: false,
      maxPeersPerSwarm: Number.POSITIVE_INFINITY,
      givesSeedersLeechersOnly: false,
      isFilled: false,
      usesPasskeys: false,
      stop: started.stop,
    }
  },
}
