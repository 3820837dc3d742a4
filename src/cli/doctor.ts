import type { Environment } from '../config/environment.ts'
import { maskedRedisUrl } from '../config/redisUrl.ts'
import { readMachine } from '../doctor/collect/machine.ts'
import { readRedis } from '../doctor/collect/redis.ts'
import { diagnose } from '../doctor/diagnose.ts'
import type { ConfigFacts, Facts, LedgerFileFacts } from '../doctor/facts.ts'
import { jsonReport, renderReport } from '../doctor/report.ts'
import { connectRedis, NO_ANSWER, type RedisConnection } from '../redis/connection.ts'
import { ConfigError, rootMessage } from '../runtime/errors.ts'
import { createLogger } from '../runtime/logger.ts'
import { IN_MEMORY, roomBeside, sqlitePath, warningOfMode } from '../site/ledger/sql/sqliteFile.ts'
import { loadSiteConfig, type SiteConfig } from './loadSiteConfig.ts'

const CONNECT_WITHIN_MS = 3_000
/** Sizes of large keys take a while on a busy server. */
const ANSWER_WITHIN_MS = 10_000

export interface DoctorOptions {
  readonly path: string
  /** The path as it was given; undefined: it was not. */
  readonly givenPath: string | undefined
  readonly env: Environment
  /** Whose rights are looked at when the connected user is none that runs scripts. */
  readonly trackerUser: string
  readonly json: boolean
  readonly out: (text: string) => void
}

/**
 * `redswarm doctor`: looks at the configuration, this machine and Redis, and says what to change. Changes nothing.
 *
 * @returns whether it found no error, for the exit code
 */
export async function doctor(options: DoctorOptions): Promise<boolean> {
  const findings = diagnose(await collectFacts(options))
  const reportOptions = { configPath: options.givenPath }
  options.out(
    options.json
      ? `${JSON.stringify(jsonReport(findings, reportOptions), null, 2)}\n`
      : renderReport(findings, reportOptions),
  )
  return findings.every(({ severity }) => severity !== 'error')
}

async function collectFacts({ path, env, trackerUser }: DoctorOptions): Promise<Facts> {
  const configFile = readConfig(path, env)
  const { config } = configFile
  const machine = {
    ...readMachine(),
    ledgerFile: readLedgerFile(env.REDSWARM_DB ?? config?.consumer.database),
  }
  if (!config) return { configFile, machine, connection: undefined, redis: undefined }
  const url = maskedRedisUrl(config.redis.connection)
  const connection = connectRedis({
    target: config.redis.connection,
    connectTimeoutMs: CONNECT_WITHIN_MS,
    commandTimeoutMs: ANSWER_WITHIN_MS,
    log: createLogger('silent'),
  })
  try {
    const failure = await whyUnreachable(connection)
    if (failure !== undefined) return { configFile, machine, connection: { url, failure }, redis: undefined }
    const redis = await readRedis(connection.redis, config, trackerUser)
    return { configFile, machine, connection: { url, failure: undefined }, redis }
  } catch (error) {
    if (connection.isReady() && !isTimeout(error)) throw error
    return { configFile, machine, connection: { url, failure: rootMessage(error) }, redis: undefined }
  } finally {
    connection.close()
  }
}

function whyUnreachable(connection: RedisConnection): Promise<string | undefined> {
  // A server that reads its data from disk takes connections, and is not ready. It raises no error.
  const isLoading = (text: string) => connection.redis.status === 'connect' && text.endsWith(NO_ANSWER)
  const reason = (error: unknown) => (isLoading(rootMessage(error)) ? 'LOADING' : rootMessage(error))
  return connection.readyOrRefused(CONNECT_WITHIN_MS).then(() => undefined, reason)
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.message === 'Command timed out'
}

/** @returns undefined for another database than SQLite, and for a file of another machine */
function readLedgerFile(database: string | undefined): LedgerFileFacts | undefined {
  if (database === undefined || !/^sqlite:/i.test(database)) return undefined
  const path = sqlitePath(database)
  const room = path === IN_MEMORY ? undefined : roomBeside(path)
  return room && { path, ...room, modeWarning: warningOfMode(path) }
}

type SiteConfigFacts = ConfigFacts & { readonly config: SiteConfig | undefined }

function readConfig(path: string, env: Environment): SiteConfigFacts {
  let loaded: ReturnType<typeof loadSiteConfig>
  try {
    loaded = loadSiteConfig(path, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: undefined, problems: error.problems, warnings: [] }
  }
  return { ...loaded, problems: [] }
}
