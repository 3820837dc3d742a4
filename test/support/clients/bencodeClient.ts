import { request } from 'node:http'
import { connect } from 'node:net'
import { type BencodeValue, bdecode } from '../../../src/bittorrent/bencode.ts'
import { noteSecretsOfUrl } from '../secretsWatch.ts'

export interface HttpAnswer {
  readonly status: number
  readonly body: Buffer
}

/** One GET on a connection of its own, the target sent exactly as written: no library touches the escapes. */
export function get(url: string, { method = 'GET' } = {}): Promise<HttpAnswer> {
  noteSecretsOfUrl(url)
  const [, host, port, target] = /^http:\/\/(\[[^\]]+\]|[^:/]+):(\d+)(\/.*)$/.exec(url) ?? []
  if (target === undefined) throw new RangeError(`${url} is not http://host:port/target`)
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: host!.replace(/[[\]]/g, ''), port, path: target, method, agent: false },
      (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => resolve({ status: response.statusCode!, body: Buffer.concat(pieces) }))
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

/** As `get`, for answers that are bencoded. Throws BencodeError, or Error when the status is not 200. */
export async function getDictionary(url: string): Promise<Map<string, BencodeValue>> {
  const { status, body } = await get(url)
  if (status !== 200) throw new Error(`HTTP ${status}: ${body}`)
  return bdecode(body) as Map<string, BencodeValue>
}

/** What a client tells; the defaults are those of a leecher that begins. */
export interface Announce {
  readonly infohash: Buffer
  readonly peerId: Buffer
  readonly port?: number
  readonly uploaded?: number
  readonly downloaded?: number
  readonly left?: number
  readonly event?: 'started' | 'completed' | 'stopped'
}

/** Appends the announce to a URL with or without a query. */
export function announceTo(url: string, announce: Announce): Promise<Map<string, BencodeValue>> {
  const { infohash, peerId, port = 6881, uploaded = 0, downloaded = 0, left = 1000, event } = announce
  const query = [
    `info_hash=${percentEncode(infohash)}`,
    `peer_id=${percentEncode(peerId)}`,
    `port=${port}&uploaded=${uploaded}&downloaded=${downloaded}&left=${left}&compact=1`,
    ...(event ? [`event=${event}`] : []),
  ].join('&')
  return getDictionary(`${url}${url.includes('?') ? '&' : '?'}${query}`)
}

/** Every byte escaped, so that nothing on the way can take one for text. */
export function percentEncode(bytes: Buffer): string {
  return bytes.toString('hex').replace(/../g, '%$&')
}

/** `127.0.0.1:6881`, `[::1]:6881`, of `peers` and `peers6`. */
export function peersOf(answer: ReadonlyMap<string, BencodeValue>): string[] {
  const ipv4 = pieces((answer.get('peers') as Buffer | undefined) ?? Buffer.alloc(0), 6)
  const ipv6 = pieces((answer.get('peers6') as Buffer | undefined) ?? Buffer.alloc(0), 18)
  return [
    ...ipv4.map((peer) => `${[...peer.subarray(0, 4)].join('.')}:${peer.readUInt16BE(4)}`),
    ...ipv6.map((peer) => `[${ipv6Text(peer.subarray(0, 16))}]:${peer.readUInt16BE(16)}`),
  ]
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

function ipv6Text(bytes: Buffer): string {
  const groups = bytes.toString('hex').match(/.{4}/g)!.join(':')
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1)
}

/** Sends these bytes as they are and gives everything that comes back until the other side closes. */
export function sendBytes(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes, 'latin1'))
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
    })
    socket.on('error', reject).on('close', () => resolve(received))
  })
}
