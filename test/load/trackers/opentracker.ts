import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { announceHead, announceTail } from '../httpRequest.ts'
import { freePort, needProgram } from '../processes.ts'
import { type BenchTracker, whenReady } from './tracker.ts'

/** Debian's build of the C tracker: in memory, no passkeys, no accounting; it closes after every answer. */
export const opentracker: BenchTracker = {
  name: 'opentracker',
  transports: ['close', 'udp'],

  isWorthRunning: () => true,

  requirePrograms() {
    needProgram('opentracker', 'opentracker')
  },

  async start({ processes, workFolder, population }) {
    const port = await freePort()
    const folder = mkdtempSync(join(workFolder, 'opentracker-'))
    // It runs as nobody when started by root, inside a chroot, and Debian's build serves listed torrents only. The
    // list is read after the change of root, so it is named relative to that folder, which is also where it starts.
    chmodSync(folder, 0o755)
    const probe = {
      infohash: Buffer.alloc(20, 'a'),
      peerId: 'a'.repeat(20),
      port: 1,
      leftBytes: 0,
      passkey: '',
    }
    const lines = [probe.infohash, ...population.infohashes].map(
      (infohash) => `${infohash.toString('hex')}\n`,
    )
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
    await whenReady(started, port, `${announceHead('/announce', probe)}0${announceTail(port, 'close', '')}`)
    return {
      name: 'opentracker',
      pid: started.pid,
      port,
      transports: this.transports,
      usesRedis: false,
      maxPeersPerSwarm: Number.POSITIVE_INFINITY,
      givesSeedersLeechersOnly: false,
      isFilled: false,
      announcePath: () => '/announce',
      stop: started.stop,
    }
  },
}
