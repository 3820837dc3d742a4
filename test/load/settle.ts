import { parseArgs } from 'node:util'
import { openLedger } from '../../src/site/ledger/ledger.ts'
import { describeMachine } from './machine.ts'
import { Announces } from './settleEntries.ts'

/**
 * `node test/load/settle.ts --db sqlite:///tmp/books.db`: entries settled per second by one ledger, in batches, with the
 * books closed behind each batch as a consumer does. Entries are made in memory beforehand, so the figure is the ledger's
 * alone. A Markdown row. The database must be empty.
 */
const { values } = parseArgs({
  options: {
    db: { type: 'string' },
    entries: { type: 'string', default: '300000' },
    batch: { type: 'string', default: '4000' },
    sessions: { type: 'string', default: '100000' },
    users: { type: 'string', default: '5000' },
    moving: { type: 'string', default: '30' },
  },
})
const print = (line: string) => void process.stdout.write(`${line}\n`)
if (values.db === undefined) {
  print(
    'Usage: node test/load/settle.ts --db URL [--entries N] [--batch N] [--sessions N] [--users N] [--moving PERCENT]',
  )
  process.exit(2)
}

const HISTORY = 'benchmark'
const count = Number(values.entries)
const batchSize = Number(values.batch)
const sessions = Number(values.sessions)
const announces = new Announces({
  sessions,
  users: Number(values.users),
  movingPercent: Number(values.moving),
})
const ledger = await openLedger(values.db)
let moved = 0n
let credited = 0n

/** @returns entries per second, and the CPU of this process for one */
async function settle(total: number): Promise<{ rate: number; cpuMicros: number }> {
  let spentMs = 0
  const cpuBefore = process.cpuUsage()
  let makingMicros = 0
  for (let done = 0; done < total; done += batchSize) {
    const making = process.cpuUsage()
    const entries = announces.take(Math.min(batchSize, total - done))
    moved += entries.reduce((sum, { event }) => sum + BigInt(event.uploadedDeltaBytes), 0n)
    const made = process.cpuUsage(making)
    makingMicros += made.user + made.system
    const begin = performance.now()
    const outcome = await ledger.settle(HISTORY, entries)
    await ledger.closeUpTo(HISTORY, entries.at(-1)!.id)
    spentMs += performance.now() - begin
    credited += outcome.uploadedBytes
  }
  const cpu = process.cpuUsage(cpuBefore)
  return { rate: (total * 1_000) / spentMs, cpuMicros: (cpu.user + cpu.system - makingMicros) / total }
}

const first = await settle(sessions)
const later = await settle(count)
await ledger.close()
if (credited !== moved) throw new Error(`credited ${credited} of ${moved} bytes`)

const { date, cores, cpu, versions } = describeMachine()
const number = (value: number) => Math.round(value).toLocaleString('en')
print(
  `${cores} × ${cpu}, Node ${versions.Node}, ${date}; ${number(sessions)} sessions of ${values.users} users\n`,
)
print('| database | batch | moved something | first sights/s | announces/s | CPU µs of this process |')
print('| --- | ---: | ---: | ---: | ---: | ---: |')
print(
  `| ${ledger.database.dialect.name} | ${batchSize} | ${values.moving} % | ${number(first.rate)} | ${number(later.rate)} | ${later.cpuMicros.toFixed(1)} |`,
)
