import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { redswarm, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const CONFIG = join(ROOT, 'dist/docker/redswarm.yaml')
const PASSKEY = randomBytes(16).toString('hex')
const SOON_MS = 20_000

afterEach(endProcesses)

test('the consumer of docker-compose.yml settles, parks and trims as the user that dist/redis gives it', async () => {
  const { url } = await startRedis()
  const admin = new Redis(url)
  onTestFinished(() => admin.disconnect())
  await admin.sadd('pt:passkeys', PASSKEY)
  const tracker = await startTracker({ redisUrl: url })
  const peer = { infohash: randomBytes(20), peerId: randomBytes(20) }
  for (const uploaded of [0, 1_000, 5_000])
    await announceTo(`${tracker.announceUrl}/${PASSKEY}`, { ...peer, uploaded })

  const db = ['--db', `sqlite:///${join(temporaryFolder(), 'ledger.db')}`]
  const place = ['--config', CONFIG]
  const consumer = await startProcess({
    name: 'consumer',
    program: process.execPath,
    args: [
      join(ROOT, 'build/cli/main.js'),
      'traffic',
      'consume',
      ...place,
      ...db,
      '--metrics-addr',
      '127.0.0.1:0',
      '--keep',
      '0s',
    ],
    env: { REDIS_URL: urlAs('consumer', url) },
  })
  const [, port] = await consumer.says(/"port":(\d+),"msg":"metrics"/, SOON_MS)
  const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const shows = (line: string) =>
    eventually(line, SOON_MS, async () => (await metrics()).split('\n').includes(line) || undefined)
  await shows('redswarm_consumer_credited_bytes_total{direction="upload"} 5000')
  await admin.xadd('tracker:traffic', '*', 'no', 'event')
  await shows('redswarm_consumer_dead_lettered_entries_total{queue="dlq"} 1')
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)

  // Of an entry that no consumer can read, replay can only say so: exit code 1.
  for (const [expected, says, ...args] of [
    [0, /backlog +0/, 'lag'],
    [0, /malformed/, 'tail', '--no-follow'],
    [0, /./, 'trim', '--yes'],
    [0, /du is missing/, 'dlq', 'list'],
    [1, /./, 'dlq', 'replay', '--all', ...db],
    [0, /./, 'dlq', 'purge', '--all', '--yes'],
  ] as const) {
    const { code, stdout, stderr } = await redswarm(['traffic', ...args, ...place], { REDIS_URL: url })
    expect({ args, code, stderr }).toEqual({ args, code: expected, stderr: '' })
    expect(stdout, args.join(' ')).toMatch(says)
  }
  expect(await consumer.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(consumer.output()).not.toMatch(/NOPERM|"level":"error"/)
  expect(consumer.output()).not.toContain(PASSKEY)
})
