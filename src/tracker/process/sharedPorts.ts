import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { type AddressInfo, createServer } from 'node:net'
import type { Config } from '../../config/config.ts'
import type { ListenAddress } from '../../config/values.ts'

/** Listens and stops again. @returns the port it had; rejects with the system's error */
type Probe = (at: ListenAddress, reusePort: boolean) => Promise<number>

/**
 * The same configuration with ports that several processes can share: 0 becomes a port that is free.
 *
 * A port that is shared would let in any further process of the same user, a tracker started by mistake as well. So each
 * port is tried alone first. Throws the system's error when it is taken, or Error when the system cannot share ports.
 */
export async function withSharedPorts(config: Config): Promise<Config> {
  const { http, udp } = config
  return {
    ...config,
    http: http && {
      ...http,
      addr: http.addr && (await sharedPort(http.addr, probeTcp)),
      httpsAddr: http.httpsAddr && (await sharedPort(http.httpsAddr, probeTcp)),
    },
    udp: udp && { ...udp, addr: await sharedPort(udp.addr, probeUdp) },
  }
}

async function sharedPort({ host, port }: ListenAddress, probe: Probe): Promise<ListenAddress> {
  const at = { host, port: await probe({ host, port }, false) }
  await probe(at, true).catch((cause: Error) => {
    throw new Error(
      `several workers need a system that shares ports (SO_REUSEPORT), write workers: 1: ${cause.message}`,
      { cause },
    )
  })
  return at
}

const probeTcp: Probe = ({ host, port }, reusePort) =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen({ host, port, ipv6Only: false, reusePort }, () => {
      const at = server.address() as AddressInfo
      server.close(() => resolve(at.port))
    })
  })

const probeUdp: Probe = async ({ host, port }, reusePort) => {
  const { address, family } = await lookup(host)
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: false, reusePort })
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ address, port }, () => {
      const at = socket.address()
      socket.close(() => resolve(at.port))
    })
  })
}
