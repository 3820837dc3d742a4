import type { Config } from '../config/config.ts'
import { PASSKEYS_KEY, TRAFFIC_KEY } from '../contract/redisKeys.ts'
import { createHttpServer, type HttpServer } from '../frontend/http/server.ts'
import { createUdpServer, type UdpServer } from '../frontend/udp/server.ts'
import { createMetrics, type FrontendKind, type Metrics } from '../metrics/registry.ts'
import { type MetricsServer, startMetricsServer } from '../metrics/server.ts'
import { connectRedis } from '../redis/connection.ts'
import { loadScripts, readMaxmemoryPolicy, readStorageCounts } from '../redis/health.ts'
import { createKeys } from '../redis/keys.ts'
import { createSwarmStore } from '../redis/swarmStore.ts'
import { createSweeper } from '../redis/sweeper.ts'
import type { Logger } from '../runtime/logger.ts'
import { createQuietLog } from '../runtime/quietLog.ts'
import { passkeyApproval } from '../tracker/hooks/passkeyApproval.ts'
import { trafficPush } from '../tracker/hooks/trafficPush.ts'
import { createTracker, type Hook } from '../tracker/tracker.ts'

const SAY_AGAIN_MS = 30_000
/** A lease outlives this many missed rounds of its holder. */
const LEASE_ROUNDS = 2
const RETRY_IN_MINUTES = 1
/** Until it is connected, a process that shares its ports leaves the clients to the others, but no longer than this. */
const CONNECT_FIRST_MS = 2_000

export interface Instance {
  readonly http: { host: string; port: number } | undefined
  readonly udp: { host: string; port: number } | undefined
  readonly metricsPort: number | undefined
  /** What /metrics and /readyz tell; for a process whose supervisor serves them. */
  readonly registry: Metrics['registry']
  readonly notReady: () => Promise<string>
  /** Not ready at once; stops accepting, answers what is in flight, closes. Resolves within the shutdown timeout. */
  close(): Promise<void>
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
  const keys = createKeys({
    keyPrefix: config.redis.keyPrefix,
    passkeysKey: config.passkeyApproval?.setKey ?? PASSKEYS_KEY,
    trafficKey: config.trafficPush?.streamKey ?? TRAFFIC_KEY,
  })
  const connection = connectRedis({
    target: config.redis.connection,
    connectTimeoutMs: config.redis.connectTimeoutMs,
    commandTimeoutMs: config.redis.storeTimeoutMs,
    log,
  })
  const { redis } = connection
  let areScriptsLoaded = false
  const offerScripts = async () => {
    areScriptsLoaded = await loadScripts(redis).then(
      () => true,
      (error: Error) => {
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

  const metrics = createMetrics(
    () => readStorageCounts(redis, keys).catch(() => undefined), // no answer: the gauges keep their last values
    () => store.inFlight(),
  )
  const store = createSwarmStore({
    redis,
    keys,
    maxInFlight: config.redis.maxInFlight,
    policy: {
      ...config.swarm,
      skipsIdle: config.trafficPush?.skipIdle ?? false,
      extraFields: config.trafficPush?.extraFields ?? [],
      maxLen: config.trafficPush?.maxLen ?? 0,
    },
    onUnavailable(error) {
      metrics.countStoreFailure()
      const cause = rootOf(error as Error)
      quiet.report(kindOf(cause), (repeated) =>
        log.error({ err: cause.message, repeated }, 'store failed, clients are asked to come back'),
      )
    },
  })
  const tracker = createTracker({
    store,
    hooks: config.hooks.map((hook) => hookOf(hook, config)), // in the order of the configuration
    policy: {
      intervalSeconds: config.announceIntervalSeconds,
      minIntervalSeconds: config.minAnnounceIntervalSeconds,
      returnSelfIfAlone: config.http?.returnSelfIfAlone ?? true,
    },
  })

  const sweeper = createSweeper({
    redis,
    keys,
    ...config.swarm,
    leaseMs: LEASE_ROUNDS * config.swarm.gcIntervalMs,
  })
  const sweep = async () => {
    if (!connection.isReady()) return
    const startedMs = performance.now()
    const round = await sweeper.round()
    if (!round.isLeader) return
    metrics.observeSweep(performance.now() - startedMs)
    log.debug(round, 'swept')
  }
  const sweepTimer = setInterval(() => {
    sweep().catch((error: Error) =>
      quiet.report('sweep', (repeated) =>
        log.error({ err: error.message, cause: rootOf(error).message, repeated }, 'sweep failed'),
      ),
    )
  }, config.swarm.gcIntervalMs)

  let isDraining = false
  const notReady = async () => {
    if (isDraining) return 'draining'
    if (!connection.isReady()) return 'redis is not connected'
    if (!areScriptsLoaded && !(await offerScripts())) return 'scripts are not loaded'
    return redis.ping().then(
      () => '',
      () => 'redis does not answer',
    )
  }

  let http: HttpServer | undefined
  let udp: UdpServer | undefined
  let metricsServer: MetricsServer | undefined
  const close = async () => {
    isDraining = true
    clearInterval(sweepTimer)
    await Promise.all([http?.close(config.shutdownTimeoutMs), udp?.close(config.shutdownTimeoutMs)])
    if (connection.isReady()) await sweeper.release().catch(() => undefined) // the lease runs out by itself
    connection.close()
    await metricsServer?.close()
  }
  const observeWith =
    (frontend: FrontendKind) =>
    (action: string, family: string, error: string, startedMs: number): void =>
      metrics.observeRequest(frontend, action, family, error, performance.now() - startedMs)
  const reportFault = (error: unknown) =>
    quiet.report('fault', (repeated) => log.error({ err: error, repeated }, 'internal error'))
  try {
    if (config.http) {
      http = createHttpServer({
        tracker,
        ...config.http,
        reusePort: sharesPorts,
        listen: config.http.addr,
        retryInMinutes: RETRY_IN_MINUTES,
        retryIntervalSeconds: RETRY_IN_MINUTES * 60,
        observe: observeWith('http'),
        reportFault,
      })
    }
    if (config.udp) {
      udp = createUdpServer({
        tracker,
        ...config.udp,
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
      metricsServer = await startMetricsServer({
        listen: config.metricsAddr,
        registry: metrics.registry,
        notReady,
      })
    }
    if (sharesPorts) await connection.readyWithin(CONNECT_FIRST_MS).catch(() => undefined) // it has been logged
    return {
      http: await http?.listen(),
      udp: await udp?.listen(),
      metricsPort: metricsServer?.port,
      registry: metrics.registry,
      notReady,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function hookOf(hook: Config['hooks'][number], config: Config): Hook {
  switch (hook.name) {
    case 'passkey approval':
      return passkeyApproval({ scrapeRequiresPasskey: config.http?.scrapeRequiresPasskey ?? false })
    case 'traffic push':
      return trafficPush()
  }
}

/** What Redis or the connection said, under what we made of it. */
function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error
}

/** The first word of Redis' errors (OOM, WRONGTYPE, LOADING …), so that each kind is said once a while. */
function kindOf(error: Error): string {
  return /^[A-Z]+(?= )/.exec(error.message)?.[0] ?? error.name
}
