import type { Redis } from 'ioredis'
import type { AnnounceScriptPolicy } from '../../../src/tracker/store/scripts/announceLayouts.ts'
import { createSwarmStore } from '../../../src/tracker/store/swarmStore.ts'
import { anInfohash, aPasskey, aPeerId, aPlan, aPolicy, keysUnder } from '../builders/builders.ts'

/**
 * Clients that announce through the tracker's own script. What they say is remembered here, so that at the end their
 * credit can be compared with what their counters grew by.
 */
export class AnnouncedTraffic {
  readonly stream: string
  readonly #store
  readonly #clients = new Map<number, { up: number; down: number; firstUp: number; firstDown: number }>()
  #nowSeconds = Math.floor(Date.now() / 1000)

  constructor(redis: Redis, keyPrefix: string, policy: Partial<AnnounceScriptPolicy> = {}) {
    const keys = keysUnder(keyPrefix)
    this.stream = keys.traffic
    this.#store = createSwarmStore({
      redis,
      keys,
      policy: aPolicy(policy),
      maxInFlight: 100,
      nowSeconds: () => this.#nowSeconds,
    })
  }

  /** Each of the clients moves so many bytes up, three times as many down, and says so. */
  async announce(clients: readonly number[], moved: number): Promise<void> {
    this.#nowSeconds += 60
    for (const number of clients) {
      const before = this.#clients.get(number)
      const client = before ?? { up: 1000, down: 1000, firstUp: 1000, firstDown: 1000 }
      if (before) {
        client.up += moved
        client.down += 3 * moved
      }
      this.#clients.set(number, client)
      const outcome = await this.#store.announce(
        aPlan({
          infohash: anInfohash(number),
          peerId: aPeerId(number),
          passkey: aPasskey(number),
          uploadedBytes: client.up,
          downloadedBytes: client.down,
        }),
      )
      if (outcome.status !== 'served') throw new Error(`announce: ${outcome.status}`)
    }
  }

  /** By how much all counters grew since each client was first seen. */
  get grown(): { up: number; down: number } {
    const clients = [...this.#clients.values()]
    return {
      up: clients.reduce((sum, { up, firstUp }) => sum + up - firstUp, 0),
      down: clients.reduce((sum, { down, firstDown }) => sum + down - firstDown, 0),
    }
  }
}

export const clients = (count: number, first = 1) => Array.from({ length: count }, (_, i) => first + i)
