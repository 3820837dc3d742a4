import { randomBytes } from 'node:crypto'
import type { Config } from '../../config/config.ts'

const GENERATED_KEY_BYTES = 32

/** A client's packets may reach any worker, so all workers sign connection IDs with one key. */
export function withConnectionIdKey(config: Config): Config {
  const { udp } = config
  if (!udp || udp.privateKey !== undefined) return config
  return { ...config, udp: { ...udp, privateKey: randomBytes(GENERATED_KEY_BYTES).toString('base64') } }
}

/** Keeps the ports that the system chose and the key that was generated. */
export function withPortsAndKeyOf({ http, udp }: Config, next: Config): Config {
  return {
    ...next,
    http: next.http && http && { ...next.http, addr: http.addr, httpsAddr: http.httpsAddr },
    udp: next.udp && udp && { ...next.udp, addr: udp.addr, privateKey: udp.privateKey },
  }
}
