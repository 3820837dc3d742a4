import type { AnnounceEvent, Infohash, PeerId } from '../../../src/bittorrent/types.ts'
import type { Config } from '../../../src/config/config.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Logger } from '../../../src/runtime/logger.ts'
import { type Instance, startInstance } from '../../../src/tracker/process/instance.ts'
import { anInfohash, aPasskey, aPeerId } from '../builders/builders.ts'
import { announceTo, peersOf } from '../clients/bencodeClient.ts'
import { UdpClient } from '../clients/udpClient.ts'
import { becomes } from '../programs/becomes.ts'

export const FRONTENDS = ['HTTP', 'UDP'] as const
export type Frontend = (typeof FRONTENDS)[number]

/** What a client says; anything left out is an ordinary leecher's. */
export interface Said {
  readonly passkey?: string
  readonly infohash?: Infohash
  readonly peerId?: PeerId
  readonly uploaded?: number
  readonly left?: number
  readonly event?: AnnounceEvent
  readonly port?: number
  /** Further parameters of the announce URL. */
  readonly parameters?: string
  readonly family?: 'IPv4' | 'IPv6'
}

/** What both frontends can answer. */
export interface Answer {
  readonly failure: string | undefined
  readonly warning: string | undefined
  readonly intervalSeconds: number
  readonly hasPeers: boolean
}

const EVENT_IDS = { none: 0, completed: 1, started: 2, stopped: 3 } as const

/** A tracker with these hooks behind passkey approval, on sockets of both kinds and families. */
export class HookedTracker {
  readonly #instance: Instance
  readonly #clients = { IPv4: undefined as UdpClient | undefined, IPv6: undefined as UdpClient | undefined }
  readonly #config: Config
  readonly log: string[]

  private constructor(instance: Instance, config: Config, log: string[]) {
    this.#instance = instance
    this.#config = config
    this.log = log
  }

  static async start(redisUrl: string, keyPrefix: string, hooks: readonly object[]): Promise<HookedTracker> {
    const chihaya = {
      http: { addr: '[::]:0' },
      udp: { addr: '[::]:0', private_key: 'a key of this test' },
      metrics_addr: '127.0.0.1:0',
      shutdown_timeout: '1s',
      storage: { name: 'redis', config: { redis_broker: redisUrl, key_prefix: keyPrefix } },
      prehooks: [{ name: 'passkey approval' }, ...hooks, { name: 'traffic push' }],
    }
    const log: string[] = []
    const at = (level: string) => (fields: object, message: string) =>
      void log.push(`${level} ${message} ${JSON.stringify(fields)}`)
    const logger: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    const { config } = loadConfig(JSON.stringify({ chihaya }), {})
    const instance = await startInstance(config, logger)
    await becomes(instance.notReady, '')
    return new HookedTracker(instance, config, log)
  }

  announce(frontend: Frontend, said: Said = {}): Promise<Answer> {
    const parameters = said.parameters ? `?${said.parameters}` : ''
    const url = `/announce/${said.passkey ?? aPasskey()}${parameters}`
    return frontend === 'HTTP' ? this.#overHttp(url, said) : this.#overUdp(url, said)
  }

  /** As on SIGHUP, with the file unchanged. */
  reload(): void {
    this.#instance.reload(this.#config)
  }

  async close(): Promise<void> {
    this.#clients.IPv4?.close()
    this.#clients.IPv6?.close()
    await this.#instance.close()
  }

  async #overHttp(url: string, said: Said): Promise<Answer> {
    const { infohash = anInfohash(), peerId = aPeerId(), event = 'none', family, ...rest } = said
    const host = family === 'IPv6' ? '[::1]' : '127.0.0.1'
    const answer = await announceTo(`http://${host}:${this.#instance.http!.port}${url}`, {
      ...rest,
      infohash: Buffer.from(infohash, 'hex'),
      peerId: Buffer.from(peerId, 'hex'),
      ...(event !== 'none' && { event }),
    })
    return {
      failure: answer.get('failure reason')?.toString(),
      warning: answer.get('warning message')?.toString(),
      intervalSeconds: Number(answer.get('interval')),
      hasPeers: peersOf(answer).length > 0,
    }
  }

  async #overUdp(url: string, said: Said): Promise<Answer> {
    const { infohash = anInfohash(), peerId = aPeerId(), event = 'none', family = 'IPv4' } = said
    this.#clients[family] ??= new UdpClient(this.#instance.udp!.port, family)
    const answer = await this.#clients[family].announce({
      url,
      infohash,
      peerId,
      eventId: EVENT_IDS[event],
      uploadedBytes: said.uploaded ?? 0,
      leftBytes: said.left ?? 1000,
      port: said.port ?? 6881,
    })
    if (answer.kind === 'error')
      return { failure: answer.text, warning: undefined, intervalSeconds: 0, hasPeers: false }
    if (answer.kind !== 'announce') throw new Error(`no answer to an announce: ${answer.kind}`)
    const { intervalSeconds, peers } = answer
    return { failure: undefined, warning: undefined, intervalSeconds, hasPeers: peers.length > 0 }
  }
}
