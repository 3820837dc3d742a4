import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../programs/freePorts.ts'
import { type StartedProcess, startProcess, temporaryFolder } from '../programs/trackerProcesses.ts'
import type { TestTorrent } from './torrent.ts'

const PROGRAM = fileURLToPath(new URL('./libtorrentClient.py', import.meta.url))

/** Debian's own: another python3 may come first on the PATH, and it does not know Debian's modules. */
const PYTHON = '/usr/bin/python3'

/**
 * Whether libtorrent, the engine of qBittorrent and Deluge, is missing here (`python3-libtorrent`). Said aloud; under
 * `CI=true` nothing is skipped: then it throws.
 */
export function isLibtorrentMissing(): boolean {
  if (spawnSync(PYTHON, ['-c', 'import libtorrent']).status === 0) return false
  if (process.env.CI === 'true') throw new Error('not installed: python3-libtorrent (nothing is skipped)')
  process.stderr.write('\n### SKIPPING tests, not installed: python3-libtorrent\n')
  return true
}

export interface LibtorrentClient {
  readonly filePath: string
  readonly process: StartedProcess
  /** Announces `stopped` first. */
  leave(): Promise<void>
}

/** A client on the IPv4 loopback that knows no peers but the tracker's. */
export async function startLibtorrent(
  torrent: TestTorrent,
  announceUrl: string,
  role: 'seed' | 'leech',
): Promise<LibtorrentClient> {
  const [port] = await freePorts(1)
  const folder = role === 'seed' ? torrent.seedFolder : temporaryFolder()
  const started = await startProcess({
    name: `libtorrent (${role})`,
    program: PYTHON,
    args: [PROGRAM, torrent.torrentPath, announceUrl, folder, String(port), role],
  })
  return {
    filePath: join(folder, torrent.fileName),
    process: started,
    async leave() {
      const exit = await started.end('SIGTERM')
      if (exit.code !== 0) throw new Error(`libtorrent ended with ${exit.code}:\n${started.output()}`)
    },
  }
}
