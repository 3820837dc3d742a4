import { Redis } from 'ioredis'
import { addressOf } from '../../src/bittorrent/address.ts'
import { EXTRA_FIELDS, type ExtraField, PUBLISHED_FIELDS } from '../../src/contract/trafficEvent.ts'
import { findRedisServer, type PrivateRedis, startPrivateRedis } from '../../src/runtime/redisServer.ts'
import type { AnnouncePlan } from '../../src/tracker/core/plan.ts'
import { createSwarmStore } from '../../src/tracker/store/swarmStore.ts'
import { anInfohash, aPasskey, aPeerId, aPlan, aPolicy, keysUnder } from '../support/builders/builders.ts'

/**
 * `node test/load/memory.ts`: what peers, traffic events and passkeys cost in Redis' memory, as Markdown tables. Peers
 * announce through the real script, into an emptied private server; `used_memory` is read before and after.
 */

const SWARM_SIZES = [5, 50, 1_000, 100_000]
/** Small swarms are repeated until so many peers are there, so that the server's own noise divides away. */
const LEAST_PEERS = 20_000
const EVENTS = 50_000
const PASSKEYS = 100_000
const ANNOUNCES_AT_ONCE = 500
/** A key of every so many is asked for its own size. */
const SAMPLE_EVERY = 97
/** One peer in so many is a leecher, as in swarms of PT sites. */
const LEECHER_EVERY = 20
const SETTLE = { pollMs: 200, polls: 25, noiseBytes: 4_096 }

const print = (line: string) => void process.stdout.write(`${line}\n`)
const row = (cells: readonly (string | number)[]) => print(`| ${cells.join(' | ')} |`)
const rounded = (bytes: number) => Math.round(bytes).toLocaleString('en')

async function main(): Promise<void> {
  const program = await findRedisServer(process.env, print)
  const server = await startPrivateRedis({ program })
  const redis = new Redis(server.url, { protocol: 2 })
  process.once('SIGINT', () => void stop(redis, server).then(() => process.exit(130)))
  try {
    const date = new Date().toISOString().slice(0, 10)
    print(`Redis ${program.version}, Node ${process.versions.node}, ${process.arch}, ${date}\n`)
    await peers(redis)
    print('')
    await events(redis)
  } finally {
    await stop(redis, server)
  }
}

async function stop(redis: Redis, server: PrivateRedis): Promise<void> {
  redis.disconnect()
  await server.stop()
}

async function peers(redis: Redis): Promise<void> {
  row([
    'peers in a swarm',
    'swarms',
    'peers per passkey',
    'bytes per peer',
    'swarm keys',
    'session keys',
    'rest',
  ])
  row(['---:', '---:', '---:', '---:', '---:', '---:', '---:'])
  for (const peersPerPasskey of [1, 10]) {
    for (const swarmSize of SWARM_SIZES) {
      const swarms = Math.ceil(LEAST_PEERS / swarmSize)
      const count = swarms * swarmSize
      const before = await emptied(redis)
      await announceAll(redis, count, (n) => peerPlan(n, swarmSize, peersPerPasskey))
      const total = ((await settledBytes(redis)) - before) / count
      const inSwarms = (await bytesOfKeys(redis, 'swarm:*')) / count
      const inSessions = (await bytesOfKeys(redis, 'session:*')) / count
      const shares = [total, inSwarms, inSessions, total - inSwarms - inSessions]
      row([
        swarmSize.toLocaleString('en'),
        swarms.toLocaleString('en'),
        peersPerPasskey,
        ...shares.map(rounded),
      ])
    }
  }
}

async function events(redis: Redis): Promise<void> {
  row(['one', 'bytes'])
  row(['---', '---:'])
  for (const extraFields of [[], EXTRA_FIELDS]) {
    await emptied(redis)
    // The same peers again and again, so that nothing but the stream grows.
    const announce = (n: number): AnnouncePlan => ({
      ...peerPlan(n % 1_000, 50, 1),
      uploadedBytes: 5_000_000_000 + n * 1_234_567,
      downloadedBytes: 40_000_000_000 + n * 7_654,
      traffic: { agent: 'qBittorrent/5.0.4' },
    })
    await announceAll(redis, 1_000, announce, extraFields)
    const before = await settledBytes(redis)
    await announceAll(redis, EVENTS, (n) => announce(n + 1_000), extraFields)
    const bytes = ((await settledBytes(redis)) - before) / EVENTS
    row([`traffic event, ${PUBLISHED_FIELDS.length + extraFields.length} fields`, rounded(bytes)])
  }
  const before = await emptied(redis)
  const passkeys = Array.from({ length: PASSKEYS }, (_, n) => aPasskey(n))
  await redis.sadd(keysUnder('').passkeys, ...passkeys)
  row(['passkey on the whitelist', rounded(((await settledBytes(redis)) - before) / PASSKEYS)])
}

/** The nth peer of all, every one with an id, address and port of its own. */
function peerPlan(n: number, swarmSize: number, peersPerPasskey: number): AnnouncePlan {
  return aPlan({
    infohash: anInfohash(Math.floor(n / swarmSize)),
    passkey: aPasskey(Math.floor(n / peersPerPasskey)),
    peerId: aPeerId(n),
    address: addressOf(new Uint8Array([198, 100 + (n >> 16), n >> 8, n])),
    port: 1_024 + (n % 60_000),
    leftBytes: n % LEECHER_EVERY === 0 ? 1_000_000 : 0,
    uploadedBytes: 5_000_000_000 + n,
    downloadedBytes: 40_000_000_000 + n,
    numwant: 0,
    traffic: undefined,
  })
}

async function announceAll(
  redis: Redis,
  count: number,
  planOf: (n: number) => AnnouncePlan,
  extraFields: readonly ExtraField[] = EXTRA_FIELDS,
): Promise<void> {
  const policy = aPolicy({ extraFields })
  const store = createSwarmStore({ redis, keys: keysUnder(''), policy, maxInFlight: ANNOUNCES_AT_ONCE })
  for (let first = 0; first < count; first += ANNOUNCES_AT_ONCE) {
    const size = Math.min(ANNOUNCES_AT_ONCE, count - first)
    await Promise.all(Array.from({ length: size }, (_, i) => store.announce(planOf(first + i))))
  }
}

/** Nothing stored, the script loaded and the buffers of this connection grown; what is in use then. */
async function emptied(redis: Redis): Promise<number> {
  await redis.flushall('SYNC')
  await announceAll(redis, ANNOUNCES_AT_ONCE, (n) => peerPlan(n, 50, 1))
  await redis.flushall('SYNC')
  return settledBytes(redis)
}

/** `used_memory` once it stands still: tables that grow are moved step by step, and count twice until then. */
async function settledBytes(redis: Redis): Promise<number> {
  let last = Number.NaN
  for (let poll = 0; poll < SETTLE.polls; poll++) {
    const now = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))![1])
    if (Math.abs(now - last) <= SETTLE.noiseBytes) return now
    last = now
    await new Promise((resolve) => setTimeout(resolve, SETTLE.pollMs))
  }
  return last
}

/** What `MEMORY USAGE` says of the keys of one kind: all of them when they are few, else by a sample. */
async function bytesOfKeys(redis: Redis, pattern: string): Promise<number> {
  const keys: string[] = []
  for await (const batch of redis.scanStream({ match: pattern, count: 1_000 }))
    keys.push(...(batch as string[]))
  const sample = keys.length > 10 * SAMPLE_EVERY ? keys.filter((_, i) => i % SAMPLE_EVERY === 0) : keys
  let bytes = 0
  for (const key of sample) bytes += (await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0
  return (bytes / sample.length) * keys.length
}

await main()
