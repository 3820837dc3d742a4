import { addressOf, parseAddress } from '../../../bittorrent/address.ts'

/** How the beginning of a connection reads under the PROXY protocol, version 1 (text) or 2 (binary). */
export type ProxyHeader =
  /** So far it may become a header. */
  | { readonly status: 'incomplete' }
  /** It does not begin as a header does. */
  | { readonly status: 'missing' }
  /** It begins as one and goes on otherwise, or for too long. */
  | { readonly status: 'malformed' }
  | {
      readonly status: 'complete'
      /** What follows belongs to the client. */
      readonly bytes: number
      /** The client's address in its canonical text; undefined where the proxy speaks for itself (health checks) or does not say. */
      readonly client: string | undefined
    }

const V1_BEGINNING = Buffer.from('PROXY ')
const V1_LONGEST_BYTES = 107
const V1_LINE = /^PROXY (?:(TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})|UNKNOWN(?: [^\r\n]*)?)$/

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const V2_FIXED_BYTES = 16
/** Extensions (TLS details, names of cloud networks) stay far below; a length that says more is not waited for. */
const V2_LONGEST_BYTES = 4096
const V2_LOCAL = 0x20
const V2_PROXY = 0x21
/** Family and transport to the size of an address and of all that must follow: two addresses, two ports. */
const V2_FORMS: ReadonlyMap<number, { readonly addressBytes: number; readonly needed: number }> = new Map([
  [0x00, { addressBytes: 0, needed: 0 }], // not said
  [0x11, { addressBytes: 4, needed: 12 }],
  [0x21, { addressBytes: 16, needed: 36 }],
  [0x31, { addressBytes: 0, needed: 216 }], // a unix socket at the proxy
])

const INCOMPLETE: ProxyHeader = { status: 'incomplete' }
const MISSING: ProxyHeader = { status: 'missing' }
const MALFORMED: ProxyHeader = { status: 'malformed' }

/** @param received all bytes of the connection so far; past 4,096 of them the answer is never `incomplete` */
export function parseProxyHeader(received: Buffer): ProxyHeader {
  if (isBegun(received, V2_SIGNATURE)) return parseV2(received)
  if (isBegun(received, V1_BEGINNING)) return parseV1(received)
  return MISSING
}

/** As much of the beginning as has arrived is right. */
function isBegun(received: Buffer, beginning: Buffer): boolean {
  const length = Math.min(received.length, beginning.length)
  return received.subarray(0, length).equals(beginning.subarray(0, length))
}

function parseV1(received: Buffer): ProxyHeader {
  const start = received.toString('latin1', 0, V1_LONGEST_BYTES)
  const end = start.indexOf('\r\n')
  if (end < 0) return received.length < V1_LONGEST_BYTES ? INCOMPLETE : MALFORMED
  const [line, protocol, source = '', destination = '', ...ports] = V1_LINE.exec(start.slice(0, end)) ?? []
  if (line === undefined) return MALFORMED
  const bytes = end + 2
  if (protocol === undefined) return { status: 'complete', bytes, client: undefined }
  const isIpv6 = protocol === 'TCP6'
  const client = parseAddress(source)
  const isAsSaid = [source, destination].every((text) => text.includes(':') === isIpv6)
  if (!isAsSaid || !client || !parseAddress(destination) || ports.some((port) => Number(port) > 65_535))
    return MALFORMED
  return { status: 'complete', bytes, client: client.text }
}

function parseV2(received: Buffer): ProxyHeader {
  if (received.length < V2_FIXED_BYTES) return INCOMPLETE
  const command = received[12]
  if (command !== V2_LOCAL && command !== V2_PROXY) return MALFORMED
  const following = received.readUInt16BE(14)
  const bytes = V2_FIXED_BYTES + following
  if (bytes > V2_LONGEST_BYTES) return MALFORMED
  const form = V2_FORMS.get(received[13]!)
  if (command === V2_PROXY && (!form || following < form.needed)) return MALFORMED
  if (received.length < bytes) return INCOMPLETE
  if (command === V2_LOCAL || !form || form.addressBytes === 0)
    return { status: 'complete', bytes, client: undefined }
  const address = received.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + form.addressBytes)
  return { status: 'complete', bytes, client: addressOf(address).text }
}
