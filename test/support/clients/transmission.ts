import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts } from '../programs/freePorts.ts'
import { eventually, startProcess, temporaryFolder } from '../programs/trackerProcesses.ts'
import type { TestTorrent } from './torrent.ts'

export interface Seed {
  /** What the client itself says it has sent, to the byte. */
  uploadedBytes(): Promise<number>
  /** Stops the torrent, on which the client announces `stopped`; the client runs on. */
  leaveSwarm(): Promise<void>
  stop(): Promise<void>
}

const LOOPBACK = '127.0.0.1'
const READY_WITHIN_MS = 20_000
const SEEDING = 6

/**
 * A transmission-daemon that has checked the file and seeds it. It knows no peers but the tracker's.
 *
 * @param env further variables of its environment
 */
export async function startSeed(
  torrent: TestTorrent,
  env: Readonly<Record<string, string>> = {},
): Promise<Seed> {
  const [peerPort, rpcPort] = await freePorts(2)
  const folder = join(temporaryFolder(), 'transmission')
  mkdirSync(folder)
  const settings = {
    'bind-address-ipv4': LOOPBACK,
    'bind-address-ipv6': '::1',
    'dht-enabled': false,
    'download-dir': torrent.seedFolder,
    'lpd-enabled': false,
    'peer-port': peerPort,
    'pex-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-bind-address': LOOPBACK,
    'rpc-port': rpcPort,
    'utp-enabled': false,
  }
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
  const daemon = await startProcess({
    name: 'transmission',
    program: 'transmission-daemon',
    args: ['-f', '-g', folder],
    env,
  })
  const rpc = rpcClient(`http://${LOOPBACK}:${rpcPort}/transmission/rpc`)
  const ask = async (): Promise<{ status: number; uploadedEver: number } | undefined> => {
    const { torrents } = (await rpc('torrent-get', { fields: ['status', 'uploadedEver'] })) as {
      torrents: { status: number; uploadedEver: number }[]
    }
    return torrents[0]
  }
  await eventually(
    'transmission answers',
    READY_WITHIN_MS,
    () => rpc('session-get', {}).catch(() => undefined), // not listening yet
  )
  await rpc('torrent-add', {
    metainfo: readFileSync(torrent.torrentPath).toString('base64'),
    'download-dir': torrent.seedFolder,
  })
  await eventually(
    'transmission seeds',
    READY_WITHIN_MS,
    async () => (await ask())?.status === SEEDING || undefined,
  )
  return {
    uploadedBytes: async () => (await ask())!.uploadedEver,
    leaveSwarm: async () => void (await rpc('torrent-stop', {})),
    stop: async () => void (await daemon.end('SIGTERM')),
  }
}

/** Its RPC wants a token against cross-site requests, which it hands out with a 409. */
function rpcClient(url: string) {
  let token = ''
  return async function rpc(method: string, parameters: object): Promise<object> {
    const send = () =>
      fetch(url, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': token },
        body: JSON.stringify({ method, arguments: parameters }),
      })
    let response = await send()
    if (response.status === 409) {
      token = response.headers.get('x-transmission-session-id') ?? ''
      response = await send()
    }
    const { result, arguments: answer } = (await response.json()) as { result: string; arguments: object }
    if (result !== 'success') throw new Error(`transmission, ${method}: ${result}`)
    return answer
  }
}
