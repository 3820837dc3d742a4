import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { PrivateRedis } from '../../../src/runtime/redisServer.ts'
import { startRedis } from '../servers/redis.ts'
import { type SqlServer, startSqlServer } from '../servers/sqlServers.ts'
import { freePorts } from './freePorts.ts'
import { type RunningTracker, startProgram, startTracker } from './tracker.ts'
import { type StartedProcess, temporaryFolder } from './trackerProcesses.ts'

export type DatabaseKind = 'sqlite' | 'postgres' | 'mariadb'

/** Something that can be killed, and comes back on the same place and the same data. */
interface Victim {
  readonly name: string
  killAndRestart(): Promise<void>
}

/** Two trackers and two consumers on one Redis and one database, all of them real processes. */
export interface Fleet {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly announceUrls: readonly string[]
  readonly victims: readonly Victim[]
  lifeOfRedis(): number
  /** What the consumers of the moment have printed. */
  consumersSaid(): string
}

const TRACKERS = 2
const CONSUMERS = 2

export async function startFleet(kind: DatabaseKind): Promise<Fleet> {
  const folder = temporaryFolder()
  const dir = join(folder, 'redis')
  mkdirSync(dir)
  const [redisPort, ...trackerPorts] = await freePorts(1 + TRACKERS)
  const launchRedis = () =>
    startRedis({ dir, port: redisPort!, args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] })
  let redis: PrivateRedis = await launchRedis()
  let lives = 1
  const redisVictim: Victim = {
    name: 'redis',
    async killAndRestart() {
      lives++ // before: an announce that is under way belongs to neither life
      await redis.kill()
      redis = await launchRedis()
      lives++
    },
  }

  const server: SqlServer | undefined = kind === 'sqlite' ? undefined : await startSqlServer(kind)
  const databaseUrl = server ? await server.newDatabase() : `sqlite://${join(folder, 'ledger.db')}`
  const databaseVictims: Victim[] = server
    ? [
        {
          name: kind,
          async killAndRestart() {
            await server.kill()
            await server.start()
          },
        },
      ]
    : [] // the database of SQLite is the consumer itself

  const trackers = await Promise.all(
    trackerPorts.map(async (port, index) => {
      const launch = () =>
        startTracker({
          redisUrl: redis.url,
          config: { log_level: 'info', http: { addr: `127.0.0.1:${port}` } },
        })
      let tracker: RunningTracker = await launch()
      const victim: Victim = {
        name: `tracker ${index + 1}`,
        async killAndRestart() {
          await tracker.kill()
          tracker = await launch()
        },
      }
      return { url: `http://127.0.0.1:${port}/announce`, victim }
    }),
  )
  const consumers = await Promise.all(
    Array.from({ length: CONSUMERS }, async (_, index) => {
      const name = `consumer-${index + 1}`
      const args = ['traffic', 'consume', '--db', databaseUrl, '--consumer', name]
      const launch = () =>
        startProgram([...args, '--claim-idle', '1s', '--batch', '300', '--keep', '0s'], {
          REDIS_URL: redis.url,
        })
      let consumer: StartedProcess = await launch()
      const victim: Victim = {
        name,
        async killAndRestart() {
          await consumer.end('SIGKILL')
          consumer = await launch()
        },
      }
      return { victim, said: () => consumer.output() }
    }),
  )
  return {
    redisUrl: redis.url,
    databaseUrl,
    announceUrls: trackers.map(({ url }) => url),
    victims: [
      ...trackers.map(({ victim }) => victim),
      ...consumers.map(({ victim }) => victim),
      redisVictim,
      ...databaseVictims,
    ],
    lifeOfRedis: () => lives,
    consumersSaid: () => consumers.map(({ said }) => said().slice(-2_000)).join('\n'),
  }
}
