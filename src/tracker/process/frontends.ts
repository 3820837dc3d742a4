import type { Config, HttpConfig } from '../../config/config.ts'
import type { ListenAddress } from '../../config/values.ts'
import type { Tracker } from '../core/tracker.ts'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../frontend/http/server.ts'
import { createUdpServer, type UdpServer } from '../frontend/udp/server.ts'
import type { Observers } from './coreDependencies.ts'
import { namingKey } from './namingKey.ts'
import { requestObserver } from './trackerMetrics.ts'

const RETRY_IN_MINUTES = 1

/** Where each frontend listens; undefined when the configuration has none. */
export interface ListensAt {
  readonly http: { host: string; port: number } | undefined
  readonly https: { host: string; port: number } | undefined
  readonly udp: { host: string; port: number } | undefined
}

/** HTTP, HTTPS and UDP of one process, as far as the configuration has them. */
export interface Frontends {
  /** Rejects with the name of the key whose address is taken. */
  listen(): Promise<ListensAt>
  /** Validates a new configuration and returns a function that applies it. Throws if it cannot be served. */
  prepare(config: Config, tracker: Tracker): () => void
  /** Each HTTP connection ends with its next answer. */
  drain(): void
  /** Stops accepting, answers the requests under way, but no longer than the grace period. */
  close(gracePeriodMs: number): Promise<void>
}

export interface FrontendDependencies extends Observers {
  readonly tracker: Tracker
  /** Other processes listen on the same ports. */
  readonly sharesPorts: boolean
  readonly reportFault: (error: unknown, requestId: string) => void
}

/** Nothing listens before `listen` is called. */
export function createFrontends(config: Config, dependencies: FrontendDependencies): Frontends {
  const http = config.http?.addr && createHttp(config.http, config.http.addr, dependencies)
  const https =
    config.http?.httpsAddr && createHttp(config.http, config.http.httpsAddr, dependencies, config.http.tls)
  const udp = config.udp && createUdp(config.udp, dependencies)
  return {
    async listen() {
      return {
        http: await namingKey('http.addr', http?.listen()),
        https: await namingKey('http.https_addr', https?.listen()),
        udp: await namingKey('udp.addr', udp?.listen()),
      }
    },
    prepare(next, tracker) {
      const changes = [
        next.http && http?.prepare({ ...httpOptions(next.http), tracker }),
        next.http && https?.prepare({ ...httpOptions(next.http), tracker, tls: next.http.tls }),
        next.udp && udp?.prepare({ ...next.udp, tracker }),
      ]
      return () => {
        for (const change of changes) change?.()
      }
    },
    drain() {
      for (const server of [http, https]) server?.drain()
    },
    async close(gracePeriodMs) {
      await Promise.all([http, https, udp].map((server) => server?.close(gracePeriodMs)))
    },
  }
}

function createHttp(
  section: HttpConfig,
  listen: ListenAddress,
  { tracker, sharesPorts, reportFault, metrics, log, quiet }: FrontendDependencies,
  tls?: HttpServerOptions['tls'],
): HttpServer {
  return createHttpServer({
    ...httpOptions(section),
    tracker,
    tls,
    reusePort: sharesPorts,
    listen,
    observe: requestObserver(metrics, log, 'http'),
    reportFault,
    onProxyRefused: (reason, peer) =>
      quiet.report(`proxy protocol: ${reason}`, (repeated) =>
        log.warn({ reason, peer, repeated }, 'connection closed: its PROXY protocol header is not accepted'),
      ),
  })
}

function createUdp(
  section: NonNullable<Config['udp']>,
  { tracker, sharesPorts, reportFault, metrics, log, quiet }: FrontendDependencies,
): UdpServer {
  return createUdpServer({
    ...section,
    tracker,
    listen: section.addr,
    reusePort: sharesPorts,
    observe: requestObserver(metrics, log, 'udp'),
    reportFault,
    onDropped: () => metrics.countDroppedPacket(),
    onSocketError: (error) =>
      quiet.report('udp', (repeated) =>
        log.warn({ err: error.message, repeated }, 'udp socket reports an error'),
      ),
  })
}

/** The options that HTTP and HTTPS have in common. */
function httpOptions(section: HttpConfig) {
  const { addr, httpsAddr, tls, ...options } = section
  return { ...options, retryInMinutes: RETRY_IN_MINUTES, retryIntervalSeconds: RETRY_IN_MINUTES * 60 }
}
