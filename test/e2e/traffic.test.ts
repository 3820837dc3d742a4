import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/site/ledger/ledger.ts'
import { someFields } from '../support/builders/builders.ts'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { redswarm, startConsumer, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const STREAM = 'tracker:traffic'
const SOON_MS = 20_000
const PASSKEY = randomBytes(16).toString('hex')

let url: string
let redis: Redis
let folder: string
let databases = 0
beforeAll(async () => {
  url = (await startRedis()).url
  redis = new Redis(url)
  folder = temporaryFolder()
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis?.disconnect()
  await endProcesses()
})

const aDatabase = () => `sqlite://${join(folder, `${++databases}.db`)}`
const traffic = (...args: string[]) => redswarm(['traffic', ...args], { REDIS_URL: url })
const json = async (...args: string[]) => {
  const { code, stdout, stderr } = await traffic(...args, '--json')
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

async function append(...entries: readonly (readonly string[])[]): Promise<string[]> {
  const ids: string[] = []
  for (const fields of entries) ids.push((await redis.xadd(STREAM, '*', ...fields))!)
  return ids
}

async function sumsOf(db: string): Promise<{ up: bigint; down: bigint }> {
  const ledger = await openLedger(db)
  try {
    const rows = await ledger.database.db.selectFrom('pt_users').select(['uploaded', 'downloaded']).execute()
    return {
      up: rows.reduce((sum, { uploaded }) => sum + BigInt(uploaded), 0n),
      down: rows.reduce((sum, { downloaded }) => sum + BigInt(downloaded), 0n),
    }
  } finally {
    await ledger.close()
  }
}

const isSettled = (group = 'group-pt') =>
  eventually('all is settled', SOON_MS, async () => {
    const { groups } = await json('lag')
    const found = groups.find(({ name }: { name: string }) => name === group)
    return (found && found.backlog === 0 && found.pending === 0) || undefined
  })

describe('from the announce to the ledger', () => {
  test('what clients announce to a tracker is credited, also across SIGKILL, and SIGTERM ends it in order', async () => {
    await redis.sadd('pt:passkeys', PASSKEY)
    const db = aDatabase()
    const tracker = await startTracker({ redisUrl: url })
    const client = { infohash: randomBytes(20), peerId: randomBytes(20) }
    const announce = (uploaded: number) =>
      announceTo(`${tracker.announceUrl}/${PASSKEY}`, { ...client, uploaded, downloaded: 2 * uploaded })
    await announce(1000)
    const first = await startConsumer(url, db, ['--consumer', 'one'])
    await announce(1500)
    await isSettled()
    await first.kill()
    await announce(1700)
    const second = await startConsumer(url, db, ['--consumer', 'one'])
    await isSettled()
    expect(await sumsOf(db)).toEqual({ up: 700n, down: 1400n })
    await announce(2000)
    expect(await second.stop()).toEqual({ code: 0, signal: null })
    const third = await startConsumer(url, db)
    await isSettled()
    expect(await sumsOf(db)).toEqual({ up: 1000n, down: 2000n })
    await third.stop()
    await tracker.stop()
    expect([first, second, third].map(({ process }) => process.output()).join('')).not.toContain(PASSKEY)
  })

  test('SIGUSR2 and SIGHUP do not end it: the one turns debugging on and off, the other has nothing to read anew', async () => {
    const { process: consumer, stop } = await startConsumer(url, aDatabase())
    process.kill(consumer.pid, 'SIGHUP')
    process.kill(consumer.pid, 'SIGUSR2')
    await consumer.says(/"SIGUSR2: debugging"/, SOON_MS)
    process.kill(consumer.pid, 'SIGUSR2')
    await consumer.says(/"SIGUSR2: the log is as configured again"/, SOON_MS)
    expect(await stop()).toEqual({ code: 0, signal: null })
  })

  test('it tells Prometheus what it does, and whether it can', async () => {
    await append(someFields({ du: 5 }), someFields({ du: 7, dd: 3, ts: 1_800_001_800 }), ['colour', 'blue'])
    const consumer = await startConsumer(url, aDatabase())
    await isSettled()
    const text = await (await fetch(`${consumer.metricsUrl}/metrics`)).text()
    const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    expect(value('redswarm_consumer_settled_entries_total')).toBe(2)
    expect(value('redswarm_consumer_credited_bytes_total{direction="upload"}'.replace(/[{}]/g, '\\$&'))).toBe(
      12,
    )
    expect(value('redswarm_consumer_dead_lettered_entries_total{queue="dlq"}'.replace(/[{}]/g, '\\$&'))).toBe(
      1,
    )
    expect(value('redswarm_traffic_dead_letters{queue="dlq"}'.replace(/[{}]/g, '\\$&'))).toBe(1)
    expect(value('redswarm_consumer_lag_seconds')).toBe(0)
    expect(value('redswarm_consumer_pending_entries')).toBe(0)
    expect(value('redswarm_consumer_last_commit_age_seconds')).toBeGreaterThan(0)
    expect(text).not.toContain('passkey')
    expect((await fetch(`${consumer.metricsUrl}/healthz`)).status).toBe(200)
    expect((await fetch(`${consumer.metricsUrl}/readyz`)).status).toBe(200)
    expect(await (await fetch(`${consumer.metricsUrl}/stats`)).json()).toMatchObject({
      isReady: true,
      settled: { entries: 2, creditedBytes: { upload: 12, download: 3 }, transactions: { count: 1 } },
      group: { backlog: 0, pending: 0, deadLetters: { dlq: 1 } },
    })
    expect((await fetch(`${consumer.metricsUrl}/debug/pprof/cmdline`)).status).toBe(200)
    await consumer.stop()
  })

  test('a database that is still starting is waited for, also by SIGTERM', async () => {
    const [port] = await freePorts(1)
    const child = await startProcess({
      name: 'consumer',
      program: process.execPath,
      args: [PROGRAM, 'traffic', 'consume', '--db', `postgres://site:secret@127.0.0.1:${port}/site`],
      env: { REDIS_URL: urlAs('consumer', url) },
    })
    await child.says(/the database does not answer, trying again/, SOON_MS)
    expect(await child.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(child.output()).not.toContain('secret')
  })

  test('a Redis that is away is waited for, and the consumer is not ready meanwhile', async () => {
    const own = await startRedis()
    const consumer = await startConsumer(own.url, aDatabase())
    await own.kill()
    await eventually('it is not ready', SOON_MS, async () => {
      const response = await fetch(`${consumer.metricsUrl}/readyz`)
      return (response.status === 503 && (await response.text()) === 'not ready: redis\n') || undefined
    })
    expect(await consumer.stop()).toEqual({ code: 0, signal: null })
  })
})

describe('lag', () => {
  test('without a stream there is none, and nobody reads it', async () => {
    const { stdout } = await traffic('lag')
    expect(stdout).toMatch(/^tracker:traffic: 0 entries/)
    expect(stdout).toContain('no group reads this stream')
  })

  test('per group and consumer: what nobody was given, what is pending, how old it is', async () => {
    const ids = await append(...Array.from({ length: 10 }, () => someFields()))
    await redis.xgroup('CREATE', STREAM, 'group-pt', '0')
    await redis.xgroup('CREATE', STREAM, 'risk', '0')
    await redis.xreadgroup('GROUP', 'group-pt', 'one', 'COUNT', 4, 'STREAMS', STREAM, '>')
    await redis.xack(STREAM, 'group-pt', ids[0]!)
    const { entries, groups } = await json('lag')
    expect(entries).toBe(10)
    expect(groups).toMatchObject([
      {
        name: 'group-pt',
        backlog: 6,
        isBacklogExact: true,
        pending: 3,
        oldestPendingId: ids[1],
        consumers: [{ name: 'one', pending: 3 }],
      },
      { name: 'risk', backlog: 10, pending: 0, oldestPendingId: null, consumers: [] },
    ])
    expect(groups[0].lagSeconds).toBeGreaterThan(0)
    expect((await traffic('lag')).stdout).toContain(`pending   3, the oldest ${ids[1]}`)
  })

  test('a trim does not turn into a lag that never ends, as XINFO has it', async () => {
    await append(...Array.from({ length: 10 }, () => someFields()))
    await redis.xgroup('CREATE', STREAM, 'group-pt', '0')
    await redis.xtrim(STREAM, 'MAXLEN', '=', 0)
    expect((await json('lag')).groups).toMatchObject([{ backlog: 0, lagSeconds: 0 }])
  })
})

describe('tail', () => {
  test('the last entries and those that come, passkeys masked, until SIGINT', async () => {
    const passkey = 'f'.repeat(32)
    await append(someFields({ passkey, du: 3_000_000, agent: 'qBittorrent/5.1.2' }), ['colour', 'blue'])
    const { stdout } = await traffic('tail', '--no-follow')
    const [entry, broken] = stdout.split('\n')
    expect(entry).toMatch(
      /^2027-01-15 08:00:00 ffff… {1,}0{12} up 2\.9 MiB .*seeding .*198\.51\.100\.1 qBittorrent/,
    )
    expect(broken).toMatch(/^\d+-\d+ {2}malformed: du is missing$/)
    expect(stdout).not.toContain(passkey)
    expect((await traffic('tail', '--no-follow', '--passkeys')).stdout).toContain(passkey)
    const raw = await traffic('tail', '--no-follow', '--json', '--lines', '2')
    expect(JSON.parse(raw.stdout.split('\n')[0]!)).toMatchObject({ passkey: 'ffff…', du: '3000000' })
  })
})

test('tail shows what comes while it runs, and SIGINT ends it in order', async () => {
  const child = await startProcess({
    name: 'tail',
    program: process.execPath,
    args: [PROGRAM, 'traffic', 'tail', '--json'],
    env: { REDIS_URL: urlAs('consumer', url) },
  })
  await append(someFields({ du: 1 }))
  await child.says(/"du":"1"/, SOON_MS)
  await append(someFields({ du: 22 }))
  await child.says(/"du":"22"/, SOON_MS)
  expect(await child.end('SIGINT')).toEqual({ code: 0, signal: null })
})

describe('trim', () => {
  test('shows first and then drops what every group has finished', async () => {
    const ids = await append(...Array.from({ length: 10 }, () => someFields()))
    expect((await traffic('trim')).stdout).toMatch(/^would trim 0 of 10 entries; no group reads/)
    for (const group of ['group-pt', 'risk']) await redis.xgroup('CREATE', STREAM, group, '0')
    await redis.xreadgroup('GROUP', 'group-pt', 'one', 'COUNT', 10, 'STREAMS', STREAM, '>')
    await redis.xack(STREAM, 'group-pt', ...ids)
    await redis.xreadgroup('GROUP', 'risk', 'one', 'COUNT', 6, 'STREAMS', STREAM, '>')
    await redis.xack(STREAM, 'risk', ...ids.slice(0, 3))
    const plan = await json('trim')
    expect(plan).toEqual({ dryRun: true, entries: 10, dropped: 3, stayId: ids[3], neededBy: 'risk' })
    expect(await redis.xlen(STREAM)).toBe(10)
    expect((await traffic('trim', '--yes', '--keep', '1h')).stdout).toMatch(
      /^trimmed 0 of 10 .*which is young/,
    )
    const { code, stdout } = await traffic('trim', '--yes')
    expect([code, stdout]).toEqual([
      0,
      `trimmed 3 of 10 entries; what stays begins at ${ids[3]}, which group risk needs\n`,
    ])
    expect((await redis.xrange(STREAM, '-', '+')).map(([id]) => id)).toEqual(ids.slice(3))
  })
})

describe('dead letters', () => {
  test('are listed, shown, replayed and purged by hand', async () => {
    const db = aDatabase()
    const secret = 'f'.repeat(32)
    const [malformed] = await append(someFields({ passkey: secret, du: -1 }), ['colour', 'blue'])
    const consumer = await startConsumer(url, db)
    await isSettled()
    await consumer.stop()
    const list = await traffic('dlq', 'list')
    expect(list.stdout).toMatch(
      new RegExp(`^\\d+-\\d+ {2}\\S+ \\S+ {2}entry ${malformed}: du is negative\n.*: du is missing\n$`),
    )
    const letters = (await traffic('dlq', 'list', '--json')).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(letters).toMatchObject([{ id: malformed, queue: 'dlq', attempts: 1, fields: { du: '-1' } }, {}])
    const shown = await traffic('dlq', 'show', letters[0].letterId)
    expect(shown.stdout).toMatch(/reason {4}du is negative\n[\s\S]* {2}passkey +ffff…\n/)
    expect(shown.stdout + list.stdout).not.toContain(secret)
    expect((await traffic('dlq', 'show', malformed!, '--passkeys')).stdout).toContain(secret)

    const replayed = await traffic('dlq', 'replay', '--all', '--db', db)
    expect([replayed.code, replayed.stdout]).toEqual([
      1,
      `${letters[0].letterId}  not settled: du is negative\n${letters[1].letterId}  not settled: du is missing\nsettled 0 of 2; credited 0 bytes up, 0 bytes down\n`,
    ])
    expect((await traffic('dlq', 'purge', letters[0].letterId)).stdout).toMatch(/^would purge 1, /)
    expect(await redis.xlen(`${STREAM}:dlq`)).toBe(2)
    expect((await traffic('dlq', 'purge', letters[0].letterId, '--yes')).stdout).toBe('purged 1\n')
    expect((await json('dlq', 'purge', '--all', '--yes')).purged).toBe(1)
    expect((await traffic('dlq', 'list')).stdout).toBe('there are no dead letters\n')
    expect((await traffic('dlq', 'list', '--failed')).stdout).toBe('no entry was given up\n')
  })

  test('one that can be settled is credited, once', async () => {
    const db = aDatabase()
    await (await openLedger(db)).close()
    const about = {
      id: '1700000000000-0',
      history: 'ab:cd',
      group: 'group-pt',
      reason: 'given up',
      attempts: 5,
      entries: 1,
      at: 1,
    }
    const fields = someFields({ du: 40, dd: 2 })
    const values = [
      ...Object.entries(about).flat().map(String),
      ...fields.map((text, i) => (i % 2 === 0 ? `field:${text}` : text)),
    ]
    for (const credited of [40, 0]) {
      await redis.xadd(`${STREAM}:failed`, '*', ...values)
      const outcome = await json('dlq', 'replay', '--failed', '--all', '--db', db)
      expect(outcome).toEqual({
        replayed: 1,
        uploaded: String(credited),
        downloaded: String(credited / 20),
        refused: {},
      })
      expect(await redis.xlen(`${STREAM}:failed`)).toBe(0)
    }
    expect(await sumsOf(db)).toEqual({ up: 40n, down: 2n })
  })
})
