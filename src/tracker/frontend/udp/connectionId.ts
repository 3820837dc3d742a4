import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { IpAddress } from '../../../bittorrent/types.ts'

export const CONNECTION_ID_BYTES = 8
const MAC_BYTES = 4

export interface ConnectionIdOptions {
  readonly privateKey: string | Uint8Array
  /** Accepted, but never signed with: the key can change without refusing anyone. */
  readonly previousPrivateKeys: readonly string[]
  readonly lifetimeSeconds: number
  /** How far in the future an ID may lie: the clocks of a fleet differ. */
  readonly maxClockSkewSeconds: number
  /** Unix seconds, fractions are fine. */
  readonly nowSeconds: () => number
}

/**
 * Connection IDs that nobody has to remember (BEP 15): 4 bytes Unix seconds, then the first 4 bytes of the HMAC-SHA256
 * of those 4 bytes and the raw address. Chihaya makes the same ones, and every instance with the key accepts them.
 */
export interface ConnectionIds {
  /** 8 bytes. */
  issue(address: IpAddress): Buffer
  /** @param datagram begins with the ID */
  isValid(datagram: Buffer, address: IpAddress): boolean
}

export function createConnectionIds(options: ConnectionIdOptions): ConnectionIds {
  const { lifetimeSeconds, maxClockSkewSeconds, nowSeconds } = options
  // A key object costs a seventh of a key in bytes: createHmac would import those anew each time.
  const signingKey = keyOf(options.privateKey)
  const acceptedKeys = [signingKey, ...options.previousPrivateKeys.map(keyOf)]

  return {
    issue(address) {
      const seconds = Math.floor(nowSeconds())
      const id = Buffer.allocUnsafe(CONNECTION_ID_BYTES)
      id.writeUInt32BE(seconds, 0)
      id.write(macOf(seconds, address, signingKey), CONNECTION_ID_BYTES - MAC_BYTES, MAC_BYTES, 'latin1')
      return id
    },

    isValid(datagram, address) {
      const now = nowSeconds()
      const seconds = datagram.readUInt32BE(0)
      if (now > seconds + lifetimeSeconds || seconds > now + maxClockSkewSeconds) return false
      return acceptedKeys.some((key) => hasMac(datagram, macOf(seconds, address, key)))
    },
  }
}

function keyOf(key: string | Uint8Array): KeyObject {
  return createSecretKey(typeof key === 'string' ? Buffer.from(key) : key)
}

/** Filled and read within one synchronous call. */
const signed = { IPv4: Buffer.alloc(4 + 4), IPv6: Buffer.alloc(4 + 16) } as const

/** The whole MAC, one character per byte: a string costs less than a buffer of its own. */
function macOf(seconds: number, { family, bytes }: IpAddress, key: KeyObject): string {
  const message = signed[family]
  message.writeUInt32BE(seconds, 0)
  message.set(bytes, 4)
  return createHmac('sha256', key).update(message).digest('binary')
}

/** Takes the same time wherever they differ, so that nobody can find a MAC byte by byte. */
function hasMac(datagram: Buffer, mac: string): boolean {
  let difference = 0
  for (let i = 0; i < MAC_BYTES; i++) difference |= datagram[MAC_BYTES + i]! ^ mac.charCodeAt(i)
  return difference === 0
}
