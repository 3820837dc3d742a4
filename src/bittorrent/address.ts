import type { AddressFamily, IpAddress } from './types.ts'

const DOT = 46
const ZERO = 48

/**
 * An address in its one canonical form: dotted quad, or RFC 5952 text for IPv6; an IPv4-mapped IPv6 address is IPv4.
 *
 * @returns undefined for anything else: leading zeros in a quad, zone ids, brackets, ports, spaces
 */
export function parseAddress(text: string): IpAddress | undefined {
  // A socket that serves both families names its IPv4 peers like this, so it has to be quick.
  const ipv4Text = text.startsWith('::ffff:') ? text.slice(7) : text
  const quad = parseQuad(ipv4Text)
  if (quad >= 0) return { family: 'IPv4', text: ipv4Text, bytes: quadBytes(quad) }
  const bytes = parseIpv6(text)
  return bytes && addressOf(bytes)
}

/** The same with a port allowed, which is ignored: `1.2.3.4:80`, `[2001:db8::1]:80`; brackets alone are fine too. */
export function parseAddressMaybePort(text: string): IpAddress | undefined {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)
  if (bracketed) {
    const isIpv6 = bracketed[1]!.includes(':')
    return isIpv6 ? parseAddress(bracketed[1]!) : undefined
  }
  const withPort = /^([\d.]+):\d{1,5}$/.exec(text)
  return parseAddress(withPort ? withPort[1]! : text)
}

/** @param bytes 4 or 16, network order; an IPv4-mapped address becomes the IPv4 address it is */
export function addressOf(bytes: Uint8Array): IpAddress {
  if (bytes.length === 16 && isMapped(bytes)) return addressOf(bytes.subarray(12))
  return { family: bytes.length === 4 ? 'IPv4' : 'IPv6', text: formatAddress(bytes), bytes }
}

/** @param bytes 4 or 16, network order */
export function formatAddress(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes)
}

/** Whether a peer could be reached there: not the unspecified address, not multicast, not reserved (224.0.0.0 and up). */
export function isReachable({ family, bytes }: IpAddress): boolean {
  const first = bytes[0]!
  if (family === 'IPv4') return first !== 0 && first < 224
  return first !== 255 && bytes.some((byte) => byte !== 0)
}

/**
 * Compiles a list of networks (`10.0.0.0/8`, `fc00::/7`; a lone address is a network of one).
 *
 * @throws RangeError naming the first entry that is neither
 */
export function compileNetworks(networks: readonly string[]): (address: IpAddress) => boolean {
  const compiled = networks.map(parseNetwork)
  return (address) => compiled.some((network) => contains(network, address))
}

interface Network {
  readonly family: AddressFamily
  readonly bytes: Uint8Array
  readonly prefixBits: number
}

function parseNetwork(text: string): Network {
  const [, host = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(host)
  if (!address) throw new RangeError(`"${text}" is no network: expected address or address/bits`)
  const { family, bytes } = address
  const isMappedText = family === 'IPv4' && host.includes(':')
  const prefixBits = bits === undefined ? bytes.length * 8 : Number(bits) - (isMappedText ? 96 : 0)
  if (prefixBits < 0 || prefixBits > bytes.length * 8)
    throw new RangeError(`"${text}" has a prefix out of range`)
  return { family, bytes, prefixBits }
}

function contains({ family, bytes, prefixBits }: Network, address: IpAddress): boolean {
  if (family !== address.family) return false
  const whole = prefixBits >> 3
  for (let i = 0; i < whole; i++) if (bytes[i] !== address.bytes[i]) return false
  const shift = 8 - (prefixBits & 7)
  return shift === 8 || bytes[whole]! >> shift === address.bytes[whole]! >> shift
}

/** The dotted quad as an unsigned number, or -1. */
function parseQuad(text: string): number {
  if (text.length < 7 || text.length > 15) return -1
  let quad = 0
  let octet = 0
  let digits = 0
  let dots = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) return -1
      quad = quad * 256 + octet
      octet = digits = 0
    } else {
      if (code < ZERO || code > ZERO + 9 || (digits > 0 && octet === 0)) return -1
      octet = octet * 10 + code - ZERO
      digits++
      if (octet > 255) return -1
    }
  }
  return dots === 3 && digits > 0 ? quad * 256 + octet : -1
}

function quadBytes(quad: number): Uint8Array {
  const bytes = new Uint8Array(4)
  bytes[0] = quad >>> 24
  bytes[1] = quad >>> 16
  bytes[2] = quad >>> 8
  bytes[3] = quad
  return bytes
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.length > 45 ? [] : text.split('::')
  const hasGap = halves.length === 2
  if (!hasGap && halves.length !== 1) return undefined
  const head = parseGroups(halves[0]!, !hasGap)
  const tail = hasGap ? parseGroups(halves[1]!, true) : []
  if (!head || !tail) return undefined
  const missing = 8 - head.length - tail.length
  if (hasGap ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
}

/** Groups of up to four hex digits; the last may be a dotted quad, which counts as two. */
function parseGroups(text: string, mayEndInQuad: boolean): number[] | undefined {
  if (text === '') return []
  const pieces = text.split(':')
  const groups: number[] = []
  for (const [i, piece] of pieces.entries()) {
    const quad = mayEndInQuad && i === pieces.length - 1 ? parseQuad(piece) : -1
    if (quad >= 0) groups.push(quad >>> 16, quad & 0xffff)
    else if (/^[0-9a-f]{1,4}$/i.test(piece)) groups.push(Number.parseInt(piece, 16))
    else return undefined
  }
  return groups
}

function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 255 && bytes[11] === 255
}

/** RFC 5952: lowercase, no leading zeros, the first longest run of two or more zero groups as `::`. */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  let gapStart = 0
  let gapLength = 1
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > gapLength) [gapStart, gapLength] = [start, length]
  }
  const hex = groups.map((group) => group.toString(16))
  if (gapLength < 2) return hex.join(':')
  return `${hex.slice(0, gapStart).join(':')}::${hex.slice(gapStart + gapLength).join(':')}`
}

/** Cuts off the interface that the system names for a link-local peer (`fe80::1%eth0`); it means nothing to others. */
export function withoutZone(text: string): string {
  const zone = text.indexOf('%')
  return zone < 0 ? text : text.slice(0, zone)
}
