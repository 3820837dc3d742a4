import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { redswarm } from '../support/programs/tracker.ts'
import { endProcesses, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { startSqlServer } from '../support/servers/sqlServers.ts'

/* What `redswarm traffic` says to words, places and databases that are of no use. */

const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))

let url: string
beforeAll(async () => {
  url = (await startRedis()).url
})
afterAll(endProcesses)

const traffic = (...args: string[]) => redswarm(['traffic', ...args], { REDIS_URL: url })

test.each([
  [['consume'], 2, /required option '--db <url>' not specified/],
  [['consume', '--db', 'oracle://h/x'], 1, /^redswarm: /],
  [['consume', '--db', 'sqlite:///t', '--batch', '0'], 2, /not a whole number from 1 to 4000/],
  [['consume', '--db', 'sqlite:///t', '--metrics-addr', 'here'], 2, /not host:port/],
  [['consume', '--db', 'sqlite:///t', '--keep', 'long'], 2, /not a duration/],
  [['consume', '--db', 'sqlite:///no/such/folder/t.db'], 1, /^redswarm: /],
  [
    ['consume', '--db', `sqlite://${PROGRAM}`],
    1,
    /^redswarm: the database failed: file is not a database\n$/,
  ],
  [['consume', '--db', 'sqlite:///t', '--group', 'a b'], 2, /printable ASCII/],
  [['consume', '--db', 'sqlite:///t', '--window', '1s'], 2, /not from 1m to 24h/],
  [['consume', '--db', 'postgres://u:secret@[bad/x'], 1, /^redswarm: not the URL of a database: /],
  [['consume', '--db', 'postgres://u@127.0.0.1:99999/books'], 1, /^redswarm: not the URL of a database: /],
  [
    ['consume', '--db', 'sqlite:///tmp/100%.db'],
    1,
    /^redswarm: not the URL of a database: a % in it is written %25\n$/,
  ],
  [
    ['consume', '--db', 'postgres://u@127.0.0.1/b?sslmode=verify-full&sslrootcert=/no/such.pem'],
    1,
    /^redswarm: .*no such file/,
  ],
  [
    ['dlq', 'replay', '--failed', '--all', '--db', 'sqlite:////tmp/no-such-ledger.db'],
    1,
    /^redswarm: the database failed: unable to open database file\n$/,
  ],
  [['trim', '--keep', '-1h'], 2, /not from 0s to 8784h/],
  [['dlq', 'show'], 2, /missing required argument 'id'/],
  [['dlq', 'show', 'it'], 2, /'it' is invalid for argument 'id'. not the ID of an entry/],
  [['dlq', 'show', '1-1'], 1, /^redswarm: 1-1: there is no such dead letter in tracker:traffic:dlq\n$/],
  [['dlq', 'replay', '--db', 'sqlite::memory:'], 2, /name dead letters, or say --all/],
  [['dlq', 'purge', '1-1', '--all'], 2, /name dead letters, or say --all/],
  [['lag', '--config', '/nowhere.yaml'], 1, /there is no such file/],
])('%j is one line and no stack', async (args, expected, words) => {
  const { code, stderr } = await traffic(...args)
  expect(stderr).toMatch(words)
  expect(stderr).not.toMatch(/\n {4}at /)
  expect(code).toBe(expected)
})

test.each(['postgres', 'mariadb'] as const)(
  'a password that %s does not take is not waited for',
  async (kind) => {
    const target = new URL(await (await startSqlServer(kind)).newDatabase())
    target.password = 'not-it'
    target.username = 'nobody-of-that-name'
    const { code, stderr } = await traffic('consume', '--db', target.href)
    expect(stderr).toMatch(/^redswarm: the database failed: .*(not exist|denied|failed)/)
    expect(stderr).not.toContain('not-it')
    expect(code).toBe(1)
  },
)

test('an address for metrics that is taken ends the consumer', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { code, stderr } = await traffic(
    'consume',
    '--db',
    `sqlite://${join(temporaryFolder(), 'ledger.db')}`,
    '--metrics-addr',
    `127.0.0.1:${port}`,
  )
  expect(stderr).toMatch(/^redswarm: listen EADDRINUSE/m)
  expect(code).toBe(1)
})

test('the section consumer of the file is enough, and an option counts before it', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const folder = temporaryFolder()
  const config = join(folder, 'redswarm.yaml')
  const consumer = { database: `sqlite://${join(folder, 'ledger.db')}`, metrics_addr: `127.0.0.1:${port}` }
  writeFileSync(config, JSON.stringify({ chihaya: { http: { addr: ':0' }, consumer } }))
  const byFile = await traffic('consume', '--config', config)
  expect(byFile.stderr).toMatch(/^redswarm: listen EADDRINUSE/m)
  const byFlag = await traffic('consume', '--config', config, '--db', 'sqlite:///no/such/folder/t.db')
  expect(byFlag.stderr).toMatch(/^redswarm: Cannot open database/)
})

test('a number that no database of Redis has is not database 0', async () => {
  const { code, stderr } = await redswarm(['traffic', 'lag'], { REDIS_URL: `${url}/99` })
  expect(stderr).toBe('redswarm: redis cannot be reached: ERR DB index is out of range\n')
  expect(code).toBe(1)
})

test('Redis is not there', async () => {
  const { code, stderr } = await redswarm(['traffic', 'lag'], { REDIS_URL: 'redis://127.0.0.1:1' })
  expect([code, stderr.split('\n').length]).toEqual([1, 2])
  expect(stderr).toMatch(/^redswarm: redis cannot be reached: .*ECONNREFUSED/)
})
