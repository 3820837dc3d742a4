import { addressOf } from '../../../src/bittorrent/address.ts'

const SIGNATURE = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10])

/** The text form. `client` and `proxy` of one family, as a proxy writes them. */
export function proxyV1(client: string, proxy: string, clientPort = 40_000, proxyPort = 6969): Buffer {
  const protocol = client.includes(':') ? 'TCP6' : 'TCP4'
  return Buffer.from(`PROXY ${protocol} ${client} ${proxy} ${clientPort} ${proxyPort}\r\n`)
}

/** The binary form: two addresses of 4 or 16 bytes, two ports, and whatever extensions. */
export function proxyV2(
  client: Uint8Array,
  proxy: Uint8Array,
  extensions: Uint8Array = new Uint8Array(),
): Buffer {
  const family = client.length === 4 ? 0x11 : 0x21
  return proxyV2Raw(0x21, family, Buffer.concat([client, proxy, Buffer.from([156, 64, 27, 57]), extensions]))
}

/** Any command and family, with a right length. */
export function proxyV2Raw(command: number, family: number, following: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(following.length)
  return Buffer.concat([SIGNATURE, Buffer.from([command, family]), length, following])
}

/** `198.51.100.7` and `2001:db8::7` as bytes. */
export const V4_CLIENT = Buffer.from([198, 51, 100, 7])
export const V6_CLIENT = Buffer.from('20010db8000000000000000000000007', 'hex')
export const V4_PROXY = Buffer.from([10, 0, 0, 1])
export const V6_PROXY = Buffer.from('fd000000000000000000000000000001', 'hex')

/** The canonical text, which an IPv4-mapped address shares with the IPv4 address it is. */
export const textOf = (bytes: Uint8Array) => addressOf(bytes).text
