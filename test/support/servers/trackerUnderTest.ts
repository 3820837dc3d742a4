import { type BencodeValue, bdecode } from '../../../src/bittorrent/bencode.ts'
import { loadConfig } from '../../../src/config/load.ts'
import type { Logger } from '../../../src/runtime/logger.ts'
import { type Instance, startInstance } from '../../../src/tracker/process/instance.ts'
import { anInfohash, aPasskey, aPeerId } from '../builders/builders.ts'

export const TEMPORARY = 'tracker temporarily unavailable'
export const UNAPPROVED = 'unapproved passkey'

export interface TrackerOptions {
  readonly redisUrl: string
  readonly keyPrefix: string
  /** Keys of `storage.config`. */
  readonly storage?: object
  /** Options of `passkey approval`. */
  readonly passkeys?: object
  /** Options of `traffic push`. */
  readonly traffic?: object
  readonly isOpen?: boolean
}

/** What an HTTP client says; anything left out is an ordinary leecher's. */
export interface Announced {
  readonly passkey?: string
  readonly infohash?: string
  readonly peerId?: string
  readonly port?: number
  readonly uploaded?: number | bigint
  readonly downloaded?: number | bigint
  readonly left?: number | bigint
  readonly event?: string
  readonly userAgent?: string
}

export interface TrackerUnderTest {
  readonly port: number
  announce(announced?: Announced): Promise<Map<string, BencodeValue>>
  /** The failure's text, or undefined when it was served. */
  failure(announced?: Announced): Promise<string | undefined>
  /** The answer to a whole target, `/announce?…`. */
  ask(target: string): Promise<Map<string, BencodeValue>>
  scrape(infohashes: readonly string[]): Promise<Map<string, BencodeValue>>
  /** Text of `/readyz`. */
  readiness(): Promise<string>
  metrics(): Promise<string>
  readonly log: readonly LogLine[]
  close(): Promise<void>
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: object
}

const percentEncoded = (hex: string) => hex.replace(/../g, '%$&')

/** A whole instance in this process, on free ports, wired as `redswarm serve` does it. */
export async function startTracker(options: TrackerOptions): Promise<TrackerUnderTest> {
  const trafficPush = { name: 'traffic push', options: options.traffic ?? {} }
  const passkeyApproval = { name: 'passkey approval', options: options.passkeys ?? {} }
  const file = {
    chihaya: {
      http: { addr: '127.0.0.1:0' },
      metrics_addr: '127.0.0.1:0',
      shutdown_timeout: '1s',
      storage: {
        name: 'redis',
        config: { redis_broker: options.redisUrl, key_prefix: options.keyPrefix, ...options.storage },
      },
      prehooks: options.isOpen ? [trafficPush] : [passkeyApproval, trafficPush],
    },
  }
  const log: LogLine[] = []
  const instance = await startInstance(loadConfig(JSON.stringify(file), {}).config, recordInto(log))
  const trackerUrl = `http://127.0.0.1:${instance.http!.port}`
  const metricsUrl = `http://127.0.0.1:${instance.metricsPort}`

  const announce = (announced: Announced = {}) =>
    ask(trackerUrl + announceTarget(announced, options.isOpen ?? false), announced.userAgent)
  return {
    port: instance.http!.port,
    announce,
    failure: async (announced) => (await announce(announced)).get('failure reason')?.toString(),
    ask: (target) => ask(trackerUrl + target),
    scrape: (infohashes) =>
      ask(`${trackerUrl}/scrape?${infohashes.map((each) => `info_hash=${percentEncoded(each)}`).join('&')}`),
    readiness: async () => (await (await fetch(`${metricsUrl}/readyz`)).text()).trim(),
    metrics: async () => (await fetch(`${metricsUrl}/metrics`)).text(),
    log,
    close: () => closeOnce(instance),
  }
}

const closing = new WeakMap<Instance, Promise<void>>()
function closeOnce(instance: Instance): Promise<void> {
  const already = closing.get(instance) ?? instance.close()
  closing.set(instance, already)
  return already
}

function announceTarget(announced: Announced, isOpen: boolean): string {
  const query = Object.entries({
    info_hash: percentEncoded(announced.infohash ?? anInfohash()),
    peer_id: percentEncoded(announced.peerId ?? aPeerId()),
    port: announced.port ?? 6881,
    uploaded: announced.uploaded ?? 0,
    downloaded: announced.downloaded ?? 0,
    left: announced.left ?? 1000,
    event: announced.event ?? '',
  })
  const path = isOpen ? '/announce' : `/announce/${announced.passkey ?? aPasskey()}`
  return `${path}?${query.map(([name, value]) => `${name}=${value}`).join('&')}`
}

async function ask(url: string, userAgent = 'test/1'): Promise<Map<string, BencodeValue>> {
  const answer = await fetch(url, { headers: { 'User-Agent': userAgent } })
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}`)
  return bdecode(new Uint8Array(await answer.arrayBuffer())) as Map<string, BencodeValue>
}

function recordInto(log: LogLine[]): Logger {
  const at = (level: string) => (fields: object, message: string) => {
    log.push({ level, message, fields })
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
