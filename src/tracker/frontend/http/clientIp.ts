import {
  compileNetworks,
  isReachable,
  parseAddress,
  parseAddressMaybePort,
  withoutZone,
} from '../../../bittorrent/address.ts'
import { percentDecode } from '../../../bittorrent/bytes20.ts'
import { Refusal } from '../../../bittorrent/failure.ts'
import type { Query } from '../../../bittorrent/query.ts'
import type { AddressFamily, IpAddress } from '../../../bittorrent/types.ts'

/** What is known of a client's address before anything is believed. */
export interface AddressSource {
  /** The socket's other end, or whom the PROXY protocol names in its place; undefined when it is gone already. */
  readonly socket: string | undefined
  /** The real-ip header, undefined when there is none or none is configured. An empty one says nothing. */
  readonly forwarded: string | undefined
}

/** Finds the client's address, or throws Refusal `unparsableIp`. */
export type FindClientIp = (source: AddressSource) => IpAddress

/** @throws RangeError naming the first of `trustedProxies` that is no network */
export function clientIpFinder(trustedProxies: readonly string[]): FindClientIp {
  const isTrusted = compileNetworks(trustedProxies)
  return function findClientIp({ socket, forwarded }) {
    const peer = requireAddress(parseAddress(socket === undefined ? '' : withoutZone(socket)))
    return forwarded?.trim() && isTrusted(peer) ? rightmostUntrusted(forwarded, isTrusted) : peer
  }
}

/**
 * The nearest hop that is not ours. What stands left of it was written by the client and is not even looked at; when
 * every hop is ours, the first one is the client.
 */
function rightmostUntrusted(forwarded: string, isTrusted: (address: IpAddress) => boolean): IpAddress {
  const hops = forwarded.split(',')
  for (let i = hops.length - 1; ; i--) {
    const hop = requireAddress(parseAddressMaybePort(hops[i]!.trim()))
    if (i === 0 || !isTrusted(hop)) return hop
  }
}

/**
 * The addresses that the client claims to have (BEP 3 `ip`, BEP 7 `ipv4` and `ipv6`, the latter two with or without
 * port). A claim that cannot be used is ignored: text that is no address of its family, or one where no peer can be.
 *
 * @param connected the address it came from, in use where it claims none
 * @returns `address` in the family of `ip`, else of `connected`; `otherAddress` in the other family
 */
export function spoofedAddresses(
  query: Query,
  connected: IpAddress,
): { address: IpAddress; otherAddress: IpAddress | undefined } {
  const ip = usable(query.ip, parseAddress)
  const addressHints = { IPv4: ofFamily(query.ipv4, 'IPv4'), IPv6: ofFamily(query.ipv6, 'IPv6') }
  const { family } = ip ?? connected
  return {
    address: ip ?? addressHints[family] ?? connected,
    otherAddress: family === 'IPv4' ? addressHints.IPv6 : addressHints.IPv4,
  }
}

function ofFamily(value: string | undefined, family: AddressFamily): IpAddress | undefined {
  const address = usable(value, parseAddressMaybePort)
  return address?.family === family ? address : undefined
}

function usable(
  value: string | undefined,
  parse: (text: string) => IpAddress | undefined,
): IpAddress | undefined {
  const address = value ? parse(percentDecode(value) ?? '') : undefined
  return address && isReachable(address) ? address : undefined
}

function requireAddress(address: IpAddress | undefined): IpAddress {
  if (!address) throw new Refusal('unparsableIp')
  return address
}

/** @throws Refusal `invalidIp` when no peer can be there */
export function requireReachable(address: IpAddress): void {
  if (!isReachable(address)) throw new Refusal('invalidIp')
}
