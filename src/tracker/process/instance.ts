import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Config, HttpConfig } from '../../config/config.ts'
import type { ListenAddress } from '../../config/values.ts'
import { profilesOfThisProcess } from '../../metrics/profiler.ts'
import { addReadiness, createMetrics, type FrontendKind, type Metrics } from '../../metrics/registry.ts'
import { type MetricsServer, startMetricsServer } from '../../metrics/server.ts'
import { connectRedis, TRACKER_CONNECTION_NAME } from '../../redis/connection.ts'
import { STORE_ERROR_KINDS, storeErrorKind } from '../../redis/errorKind.ts'
import { readStorageNumbers } from '../../redis/storageNumbers.ts'
import { rootMessage } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { ownVersion } from '../../runtime/ownVersion.ts'
import { createQuietLog } from '../../runtime/quietLog.ts'
import { createHttpServer, type HttpServer } from '../frontend/http/server.ts'
import { createUdpServer, type UdpServer } from '../frontend/udp/server.ts'
import { loadScripts, readMaxmemoryPolicy } from '../store/health.ts'
import { createTorrentAliases } from '../store/torrentAliases.ts'
import { createVerifyLoad } from '../verify/passkeyVerifier.ts'
import { type Core, type CoreDependencies, createCore, keysOf } from './createCore.ts'
import { createFaultReport } from './faults.ts'
import { namingKey } from './namingKey.ts'
import { startSweeping } from './sweeping.ts'

const SAY_AGAIN_MS = 30_000
const RETRY_IN_MINUTES = 1
/** Until it is connected, a process that shares its ports leaves the clients to the others, but no longer than this. */
const CONNECT_FIRST_MS = 2_000

export interface Instance {
  readonly http: { host: string; port: number } | undefined
  readonly https: { host: string; port: number } | undefined
  readonly udp: { host: string; port: number } | undefined
  readonly metricsPort: number | undefined
  /** What /metrics and /readyz tell; for a process whose supervisor serves them. */
  readonly registry: Metrics['registry']
  readonly notReady: () => Promise<string>
  /**
   * Serves every request that comes from now on under another configuration; those under way end as they began. Takes
   * what keepUntilRestart leaves: the rest must be as it was. Throws, and nothing has changed, when it cannot be served.
   */
  reload(config: Config): void
  /**
   * Not ready at once, and serves on for `delayMs`, in which load balancers leave it; then stops accepting, answers what is
   * in flight, closes. Resolves within the delay and the shutdown timeout.
   */
  close(delayMs?: number): Promise<void>
}

export interface InstanceOptions {
  /** Other processes of this machine listen on the same ports. Then Redis has a moment to connect before this one does. */
  readonly sharesPorts: boolean
}

/** Wires one tracker process together and serves. Redis may come later: until then clients are told to try again. */
export async function startInstance(
  config: Config,
  log: Logger,
  { sharesPorts }: InstanceOptions = { sharesPorts: false },
): Promise<Instance> {
  const quiet = createQuietLog(SAY_AGAIN_MS)
  const connection = connectRedis({
    target: config.redis.connection,
    connectTimeoutMs: config.redis.connectTimeoutMs,
    commandTimeoutMs: config.redis.storeTimeoutMs,
    log,
    name: TRACKER_CONNECTION_NAME,
  })
  const { redis } = connection
  let isDraining = false
  let areScriptsLoaded = false
  const offerScripts = async () => {
    areScriptsLoaded = await loadScripts(redis).then(
      () => true,
      (error: Error) => {
        if (!isDraining)
          quiet.report('scripts', (repeated) =>
            log.error({ err: error.message, repeated }, 'redis does not take the scripts'),
          )
        return false
      },
    )
    return areScriptsLoaded
  }
  redis.on('ready', offerScripts)
  redis.on('ready', async () => {
    const policy = await readMaxmemoryPolicy(redis)
    if (policy === undefined || policy === 'noeviction') return
    log.warn(
      { policy },
      'maxmemory-policy is not noeviction: a full Redis would throw away sessions and credit',
    )
  })
  redis.on('close', () => {
    areScriptsLoaded = false // the next server may not have them
  })

  const calls = { now: 0 }
  const metrics = createMetrics({
    readStorage: () => readStorage().catch(() => undefined), // no answer: the gauges keep their last values
    inFlight: () => calls.now,
    errorKinds: STORE_ERROR_KINDS,
  })
  const readStorage = async () => {
    const { hasWhitelist, ...numbers } = await readStorageNumbers(redis, core.keys)
    const needsWhitelist = current.passkeyApproval?.hasWhitelist ?? false
    return {
      ...numbers,
      isWhitelistMissing: hasWhitelist === undefined ? undefined : needsWhitelist && !hasWhitelist,
    }
  }
  const keySets: CoreDependencies['keySets'] = new Map()
  const aliases = createTorrentAliases({
    redis,
    key: keysOf(config).aliases,
    onFailure: (error) =>
      quiet.report('aliases', (repeated) =>
        log.warn({ err: error.message, repeated }, 'the list of hybrid torrents cannot be read'),
      ),
    onMalformed: (fields) =>
      quiet.report('malformed aliases', (repeated) =>
        log.warn(
          { fields, repeated },
          'hybrid torrents left out: field or value is not an infohash of 40 hex digits',
        ),
      ),
  })
  const verifyLoad = createVerifyLoad()
  const coreOf = (config: Config) =>
    createCore(config, {
      redis,
      aliases,
      calls,
      keySets,
      onKeySetFailure: (error) =>
        quiet.report('jwt', (repeated) =>
          log.error({ err: rootMessage(error), repeated }, 'no new JWK set, the last good one stays'),
        ),
      verify: {
        load: verifyLoad,
        audit: (line) => log.info(line, 'the site was asked about a passkey'),
        observe(source, result, seconds) {
          metrics.countPasskeyDecision(source, result, seconds)
          if (source !== 'bounds') return
          quiet.report('verify bounds', (repeated) =>
            log.warn(
              { repeated },
              'more unlisted passkeys than the site may be asked about, clients are asked to come back',
            ),
          )
        },
        onCacheFailure: (error) =>
          quiet.report('verify cache', (repeated) =>
            log.error({ err: rootMessage(error), repeated }, "the site's verdict could not be remembered"),
          ),
      },
      onCall: metrics.observeStoreCall,
      onUnavailable(error) {
        metrics.countStoreFailure()
        metrics.countScriptError(storeErrorKind(error))
      },
    })
  let current = config
  let core: Core
  try {
    core = coreOf(config)
  } catch (error) {
    aliases.close()
    connection.close()
    throw error
  }

  const sweepingUnder = (config: Config) =>
    startSweeping({
      redis,
      keys: core.keys,
      swarm: config.swarm,
      isConnected: connection.isReady,
      onSwept(round, elapsedMs) {
        metrics.observeSweep(elapsedMs)
        log.debug(round, 'swept')
      },
      onCall: metrics.observeStoreCall,
      onFailure(error) {
        metrics.countScriptError(storeErrorKind(error))
        quiet.report('sweep', (repeated) =>
          log.error({ err: error.message, cause: rootMessage(error), repeated }, 'sweep failed'),
        )
      },
    })
  let sweeping = sweepingUnder(config)

  const notReady = async () => {
    if (isDraining) return 'draining'
    if (!connection.isReady()) return 'redis is not connected'
    if (!areScriptsLoaded && !(await offerScripts())) return 'scripts are not loaded'
    if (!aliases.isRead()) return 'the list of hybrid torrents is not read yet'
    return redis.ping().then(
      () => '',
      () => 'redis does not answer',
    )
  }

  let http: HttpServer | undefined
  let https: HttpServer | undefined
  let udp: UdpServer | undefined
  let metricsServer: MetricsServer | undefined
  const close = async (delayMs = 0) => {
    isDraining = true
    for (const each of [http, https]) each?.drain()
    if (delayMs > 0) await delay(delayMs)
    const { shutdownTimeoutMs } = current
    await Promise.all([sweeping.stop(), ...[http, https, udp].map((each) => each?.close(shutdownTimeoutMs))])
    core.close()
    aliases.close()
    connection.close()
    await metricsServer?.close()
  }
  const reload = (next: Config) => {
    const nextCore = coreOf(next)
    let changes: readonly ((() => void) | undefined)[]
    try {
      changes = [
        next.http && http?.prepare({ ...httpOptions(next.http), tracker: nextCore.tracker }),
        next.http &&
          https?.prepare({ ...httpOptions(next.http), tracker: nextCore.tracker, tls: next.http.tls }),
        next.udp && udp?.prepare({ ...next.udp, tracker: nextCore.tracker }),
      ]
    } catch (error) {
      nextCore.close()
      throw error
    }
    for (const change of changes) change?.()
    const before = { config: current, core }
    current = next
    core = nextCore
    before.core.close()
    if (isDeepStrictEqual(before.config.swarm, next.swarm)) return
    sweeping.stop()
    sweeping = sweepingUnder(next)
  }
  const observeWith =
    (frontend: FrontendKind) =>
    (action: string, family: string, error: string, startedMs: number): void => {
      metrics.observeRequest(frontend, action, family, error, performance.now() - startedMs)
      if (error !== '') log.debug({ frontend, action, family, reason: error }, 'not served')
    }
  const reportFault = createFaultReport(log, quiet, redis, () => core.keys)
  try {
    const createHttp = (section: HttpConfig, listen: ListenAddress, tls?: HttpConfig['tls']) =>
      createHttpServer({
        ...httpOptions(section),
        tracker: core.tracker,
        tls,
        reusePort: sharesPorts,
        listen,
        observe: observeWith('http'),
        reportFault,
        onProxyRefused: (reason, peer) =>
          quiet.report(`proxy protocol: ${reason}`, (repeated) =>
            log.warn(
              { reason, peer, repeated },
              'connection closed: its PROXY protocol header is not accepted',
            ),
          ),
      })
    if (config.http?.addr) http = createHttp(config.http, config.http.addr)
    if (config.http?.httpsAddr) https = createHttp(config.http, config.http.httpsAddr, config.http.tls)
    if (config.udp) {
      udp = createUdpServer({
        ...config.udp,
        tracker: core.tracker,
        listen: config.udp.addr,
        reusePort: sharesPorts,
        observe: observeWith('udp'),
        reportFault,
        onDropped: () => metrics.countDroppedPacket(),
        onSocketError: (error) =>
          quiet.report('udp', (repeated) =>
            log.warn({ err: error.message, repeated }, 'udp socket reports an error'),
          ),
      })
    }
    if (config.metricsAddr) {
      addReadiness(metrics.registry, notReady)
      const starting = startMetricsServer({
        listen: config.metricsAddr,
        registry: metrics.registry,
        notReady,
        reportFault: (error) =>
          quiet.report('metrics', (repeated) =>
            log.error({ err: error, repeated }, 'metrics could not be answered'),
          ),
        version: ownVersion(),
        profiles: await profilesOfThisProcess(),
      })
      metricsServer = await namingKey('metrics_addr', starting)
    }
    if (sharesPorts) await connection.readyWithin(CONNECT_FIRST_MS).catch(() => undefined) // it has been logged
    return {
      http: await namingKey('http.addr', http?.listen()),
      https: await namingKey('http.https_addr', https?.listen()),
      udp: await namingKey('udp.addr', udp?.listen()),
      metricsPort: metricsServer?.port,
      registry: metrics.registry,
      notReady,
      reload,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What both HTTP servers take from the file and do not share with anything else. */
function httpOptions(section: HttpConfig) {
  const { addr, httpsAddr, tls, ...options } = section
  return { ...options, retryInMinutes: RETRY_IN_MINUTES, retryIntervalSeconds: RETRY_IN_MINUTES * 60 }
}
