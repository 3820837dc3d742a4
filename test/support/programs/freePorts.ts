import { createServer, type Server } from 'node:net'

/**
 * Loopback ports that were free a moment ago, all different: they are held open together while they are chosen. For
 * programs that cannot choose one themselves; whatever can listen on port 0 should.
 */
export async function freePorts(count: number): Promise<number[]> {
  const holders = await Promise.all(Array.from({ length: count }, () => hold()))
  const ports = holders.map(portOf)
  await Promise.all(holders.map(release))
  return ports
}

/** A server that keeps a port of the IPv4 loopback from everyone else until it is closed. */
export function hold(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

export function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server without a port')
  return address.port
}

export function release(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
