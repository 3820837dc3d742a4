import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openLedger } from '../../src/site/ledger/ledger.ts'
import { backlogOf, lagMsOf } from '../../src/site/traffic/lag.ts'
import { createTrafficConsumer, type TrafficConsumer } from '../../src/site/traffic/trafficConsumer.ts'
import { SQL_SERVERS, startSqlServer, stopSqlServers } from '../support/servers/sqlServers.ts'
import { describeMachine } from './machine.ts'
import { Processes, type StartedProcess } from './processes.ts'
import { startRedis } from './redis.ts'

/**
 * `node test/load/settleStream.ts`: the whole way from Redis into SQL. First a stream that is there already is settled, which
 * gives entries per second and CPU per entry of one consumer; then another process appends faster than the consumer
 * settles, and backlog, lag and memory are shown as they go, until the consumer has caught up. The database must be empty;
 * without --db it is a SQLite file that is removed afterwards, and `--db postgres` or `--db mariadb` starts a private server.
 */
const { values } = parseArgs({
  options: {
    db: { type: 'string' },
    entries: { type: 'string', default: '200000' },
    batch: { type: 'string', default: '4000' },
    sessions: { type: 'string', default: '50000' },
    users: { type: 'string', default: '5000' },
    moving: { type: 'string', default: '30' },
    'feed-entries': { type: 'string', default: '300000' },
    'feed-rate': { type: 'string', default: '0' },
  },
})
const FEED = join(import.meta.dirname, 'settleFeed.ts')
const SHOW_EVERY_MS = 2_000
const print = (line: string) => void process.stdout.write(`${line}\n`)
const number = (value: number) => Math.round(value).toLocaleString('en')

const folder = mkdtempSync(join(tmpdir(), 'redswarm-settle-'))
const processes = new Processes()
process.once('exit', () => {
  processes.killAll()
  rmSync(folder, { recursive: true, force: true })
})
const server = await startRedis(processes, folder)
const redisUrl = `redis://127.0.0.1:${server.port}`
const ledger = await openLedger(await databaseUrl())
let settled = 0
let credited = 0n
let consumer: TrafficConsumer

async function databaseUrl(): Promise<string> {
  const kind = SQL_SERVERS.find((each) => each === values.db)
  if (kind) return (await startSqlServer(kind)).newDatabase()
  return values.db ?? `sqlite://${join(folder, 'ledger.db')}`
}

function consume(): void {
  consumer = createTrafficConsumer({
    redis: redisUrl,
    ledger,
    batch: Number(values.batch),
    keepSeconds: 0,
    observer: {
      settled(outcome) {
        settled += outcome.settled
        credited += outcome.uploadedBytes
      },
      recovered: ({ uploadedBytes }) => {
        credited += uploadedBytes
      },
    },
  })
  void consumer.run()
}

function feed(mark: string, entries: number, perSecond: number): StartedProcess {
  const options = {
    redis: redisUrl,
    users: values.users,
    moving: values.moving,
    sessions: values.sessions,
    entries,
    rate: perSecond,
    mark,
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  return processes.start({ name: 'feed', program: process.execPath, args: [FEED, ...args] })
}

/** @returns what it appended */
async function fed(process: StartedProcess): Promise<{ entries: number; moved: bigint }> {
  if ((await process.ended) !== 0) throw new Error(`the feed failed: ${process.output()}`)
  const { entries, moved } = JSON.parse(process.output()) as { entries: number; moved: string }
  return { entries, moved: BigInt(moved) }
}

const until = async (condition: () => boolean) => {
  while (!condition()) await delay(5)
}

const sessions = Number(values.sessions)
const before = await fed(feed('x', sessions + Number(values.entries), 0))
consume()
await until(() => settled >= sessions) // the first sight of each
const [settledBefore, beganMs, cpuBefore] = [settled, performance.now(), process.cpuUsage()]
await until(() => settled >= before.entries)
const seconds = (performance.now() - beganMs) / 1000
const measured = settled - settledBefore
const cpu = process.cpuUsage(cpuBefore)
await consumer!.stop()
if (credited !== before.moved) throw new Error(`credited ${credited} of ${before.moved} bytes`)

const { date, cores, cpu: model, versions } = describeMachine()
print(
  `${cores} × ${model}, Node ${versions.Node}, Redis ${versions.Redis}, ${date}; ${number(sessions)} sessions of ${values.users} users\n`,
)
print('| database | batch | entries settled/s | CPU µs of the consumer |')
print('| --- | ---: | ---: | ---: |')
print(
  `| ${ledger.database.dialect} | ${values.batch} | ${number(measured / seconds)} | ${((cpu.user + cpu.system) / measured).toFixed(1)} |`,
)

print('\n| second | settled | backlog | lag s | resident MB | |')
print('| ---: | ---: | ---: | ---: | ---: | --- |')
const [settledAtStart, startMs] = [settled, performance.now()]
const feeding = feed('y', Number(values['feed-entries']), Number(values['feed-rate']))
const feedEnd = fed(feeding)
consume()
let goal = Number.POSITIVE_INFINITY
void feedEnd.then(({ entries }) => {
  goal = settledAtStart + entries
})
while (settled < goal) {
  await Promise.race([delay(SHOW_EVERY_MS), until(() => settled >= goal)])
  const state = await consumer!.readState()
  const group = state.groups[0]
  const backlog = group
    ? (backlogOf(state, group)?.entries ?? state.entriesAdded - (group.entriesRead ?? 0))
    : 0
  const cells = [
    number((performance.now() - startMs) / 1000),
    number(settled - settledAtStart),
    number(backlog),
    group ? (lagMsOf(state, group, backlog) / 1000).toFixed(1) : '0',
    number(process.memoryUsage.rss() / 1e6),
    feeding.hasEnded() ? 'catching up' : 'fed',
  ]
  print(`| ${cells.join(' | ')} |`)
}
await consumer!.stop()
await ledger.close()
await server.client.quit()
const after = await feedEnd
if (credited !== before.moved + after.moved)
  throw new Error(`credited ${credited} of ${before.moved + after.moved} bytes`)
print(`\nEvery byte was credited: ${number(before.entries + after.entries)} entries.`)
await stopSqlServers()
processes.killAll()
