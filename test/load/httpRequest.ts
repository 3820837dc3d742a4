import type { LoadPeer } from './population.ts'
import type { HttpTransport } from './scenario.ts'

const USER_AGENT = 'qBittorrent/4.6.5'

/** The parameters a common client sends (BEP 3, 23), in one order for every tracker. */
export function announceHead(path: string, peer: LoadPeer): string {
  return (
    `GET ${path}?info_hash=${percentEncode(peer.infohash)}&peer_id=${peer.peerId}&port=${peer.port}` +
    `&downloaded=0&left=${peer.leftBytes}&numwant=50&compact=1&uploaded=`
  )
}

export function announceTail(port: number, transport: HttpTransport, event: '' | '&event=started'): string {
  return `${event} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: ${USER_AGENT}\r\nAccept-Encoding: gzip\r\n${
    transport === 'close' ? 'Connection: close\r\n' : ''
  }\r\n`
}

export function scrapeRequest(port: number, infohash: Buffer, transport: HttpTransport): string {
  const close = transport === 'close' ? 'Connection: close\r\n' : ''
  return `GET /scrape?info_hash=${percentEncode(infohash)} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${close}\r\n`
}

/** Unreserved bytes of RFC 3986 stay, everything else is escaped, as clients do it. */
function percentEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    const character = String.fromCharCode(byte)
    text += /[A-Za-z0-9\-._~]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }
  return text
}
