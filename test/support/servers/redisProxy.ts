import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * Stands between a tracker and its Redis, and can do to it what networks and servers do: be gone, cut connections,
 * accept and say nothing, lead to another server.
 */
export class RedisProxy {
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #target: URL
  #server: Server | undefined
  #port = 0
  #isStalled = false
  #hangsUp = false
  /** Connections taken so far. */
  connections = 0

  constructor(redisUrl: string) {
    this.#target = new URL(redisUrl)
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** Takes connections, on the same port each time. */
  async up(): Promise<this> {
    this.#server = createServer((client) => this.#relay(client))
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address === 'object' && address) this.#port = address.port
    return this
  }

  /** Refuses connections, and cuts those there are. */
  async down(): Promise<void> {
    if (!this.#server) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
    this.#server = undefined
  }

  cut(): void {
    for (const [client, redis] of this.#pairs) {
      client.destroy()
      redis.destroy()
    }
  }

  /** Connections are taken and hold, and no answer ever comes. */
  stall(): void {
    this.#isStalled = true
    for (const [, redis] of this.#pairs) redis.pause()
  }

  /** Ends `stall` and `hangUp`. */
  resume(): void {
    this.#isStalled = false
    this.#hangsUp = false
    for (const [, redis] of this.#pairs) redis.resume()
  }

  /** Connections are taken and closed at once, as by a balancer with nothing behind it. */
  hangUp(): void {
    this.#hangsUp = true
    this.cut()
  }

  /** Leads to another server from now on, as after a failover or a restart without data. */
  leadTo(redisUrl: string): void {
    this.#target = new URL(redisUrl)
    this.cut()
  }

  #relay(client: Socket): void {
    this.connections++
    if (this.#hangsUp) {
      client.destroy()
      return
    }
    const redis = connect(Number(this.#target.port || 6379), this.#target.hostname)
    const pair = [client, redis] as const
    this.#pairs.add(pair)
    client.on('data', (bytes) => redis.write(bytes))
    redis.on('data', (bytes) => client.write(bytes))
    if (this.#isStalled) redis.pause()
    for (const [one, other] of [pair, [redis, client] as const]) {
      one.on('error', () => other.destroy())
      one.on('close', () => {
        other.destroy()
        this.#pairs.delete(pair)
      })
    }
  }
}
