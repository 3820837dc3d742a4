import { join } from 'node:path'
import { freePorts } from '../programs/freePorts.ts'
import { type Exit, startProcess, temporaryFolder } from '../programs/trackerProcesses.ts'
import type { TestTorrent } from './torrent.ts'

export interface Leech {
  readonly filePath: string
  /** Ends as on Ctrl-C: the client announces `stopped` first. */
  stop(): Promise<Exit>
}

export interface LeechOptions {
  readonly limitBytesPerSecond?: number
  /** Announces this often, whatever the tracker asks for. */
  readonly announceEverySeconds?: number
  /** Speaks to UDP trackers, which this client does through the socket of its DHT; that knows nobody to talk to. */
  readonly enableUdp?: boolean
}

/** An aria2 that downloads and then seeds until it is stopped. It knows no peers but the tracker's. */
export async function startLeech(torrent: TestTorrent, options: LeechOptions = {}): Promise<Leech> {
  const { limitBytesPerSecond = 0, announceEverySeconds = 0, enableUdp = false } = options
  const [port] = await freePorts(1)
  const folder = temporaryFolder()
  const aria2 = await startProcess({
    name: 'aria2',
    program: 'aria2c',
    args: [
      '--no-conf',
      `--dir=${folder}`,
      '--interface=127.0.0.1',
      '--disable-ipv6=true',
      `--listen-port=${port}`,
      `--enable-dht=${enableUdp}`,
      `--dht-listen-port=${port}`,
      `--dht-file-path=${join(folder, 'dht.dat')}`,
      '--enable-dht6=false',
      '--bt-enable-lpd=false',
      '--enable-peer-exchange=false',
      '--file-allocation=none',
      // With a seed time of 0 it leaves without ever announcing `completed`; this way it seeds until it is told to end.
      '--seed-ratio=0.0',
      `--max-overall-download-limit=${limitBytesPerSecond}`,
      `--bt-tracker-interval=${announceEverySeconds}`,
      '--summary-interval=0',
      torrent.torrentPath,
    ],
  })
  return { filePath: join(folder, torrent.fileName), stop: () => aria2.end('SIGINT') }
}
