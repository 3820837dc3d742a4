import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aPasskey, someFields } from '../support/builders/builders.ts'
import { writeExampleConfig } from '../support/builders/trackerConfig.ts'
import { redswarm, startConsumer } from '../support/programs/tracker.ts'
import { endProcesses, eventually, temporaryFolder } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

/** From the stream to staff's decisions, as an operator goes about it: the consumer and the commands, under Redis' users. */
const GIB = 2 ** 30
const INTERVAL = 1800
const [FAKER, SHARER, TWIN] = [aPasskey(0xfa), aPasskey(0x5a), aPasskey(0x7b)]
const SOON_MS = 30_000

let url: string
let admin: Redis
let db: string
let config: string
beforeAll(async () => {
  url = (await startRedis()).url
  admin = new Redis(url, { protocol: 2 })
  db = `sqlite://${join(temporaryFolder(), 'books.db')}`
  config = writeExampleConfig({
    risk: {
      upload_without_leechers: { action: 'hold' },
      shared_identity: { action: 'deny' },
    },
  })
  const acl = readFileSync(fileURLToPath(new URL('../../dist/redis/users.acl', import.meta.url)), 'utf8')
  const extra = /^# {2}(\(.*\))$/m.exec(acl)![1]!
  await admin.call('ACL', 'SETUSER', 'consumer', extra)
  await admin.sadd('pt:passkeys', FAKER, SHARER, TWIN)
  await appendTraffic()
})
afterAll(async () => {
  admin.disconnect()
  await endProcesses()
})

/** Six hours ago one user began to upload to nobody, and two others to share a client. */
async function appendTraffic(): Promise<void> {
  const start = Math.floor(Date.now() / 1000 / 600) * 600 - 6 * 3600
  for (let n = 0; n <= 4; n++) {
    const time = { ts: start + n * INTERVAL, dt: n === 0 ? 0 : INTERVAL, since: start }
    const faked = { up: n * GIB, du: n === 0 ? 0 : GIB, down: 0, seeders: 1, leechers: 0 }
    await admin.xadd('tracker:traffic', '*', ...someFields({ passkey: FAKER, ...time, ...faked }))
    const client = { peer_id: 'cc'.repeat(20), infohash: 'dd'.repeat(20), ip: '192.0.2.9' }
    for (const passkey of [SHARER, TWIN])
      await admin.xadd('tracker:traffic', '*', ...someFields({ passkey, ...client, ...time, up: 0, down: 0 }))
  }
}

const risk = (...args: string[]) => redswarm(['risk', ...args, '--db', db])
async function flags(...args: string[]) {
  const { stdout } = await risk('list', '--json', '--passkeys', ...args)
  return (JSON.parse(stdout) as { flags: { flag: string; rule: string; passkey: string }[] }).flags
}

test('the consumer flags, holds and denies, and staff decide', async () => {
  const consumer = await startConsumer(url, db, ['--config', config])
  await eventually('three flags', SOON_MS, async () => (await flags()).length === 3 || undefined)
  const isDenied = async () => (await admin.scard('pt:passkeys')) === 1 || undefined
  await eventually('two passkeys off the list', SOON_MS, isDenied)
  expect(await admin.smembers('pt:passkeys')).toEqual([FAKER])
  const metrics = await (await fetch(`${consumer.metricsUrl}/metrics`)).text()
  expect(metrics).toMatch(/^redswarm_risk_flags_total\{rule="shared_identity"\} 2$/m)
  expect(metrics).toMatch(/^redswarm_risk_flags_total\{rule="upload_without_leechers"\} 1$/m)
  expect(metrics).toMatch(/^redswarm_risk_flags_total\{rule="impossible_rate"\} 0$/m)
  const said = consumer.process.output()
  expect(said).toMatch(/"msg":"passkeys audit"/)
  for (const passkey of [FAKER, SHARER, TWIN]) expect(said + metrics).not.toContain(passkey)

  const list = await risk('list')
  expect(list.stdout).toMatch(/^[0-9a-f]{16} .* high +upload_without_leechers +on hold +aaaa… .* nobody was/m)
  expect(list.stdout).not.toContain(FAKER)

  const held = (await flags('--rule', 'upload_without_leechers'))[0]!
  expect(held.passkey).toBe(FAKER)
  const shown = (await risk('show', held.flag)).stdout
  expect(shown).toMatch(/^hold +active: 4\.0 GiB up, 0 B down$/m)
  expect(shown).not.toContain(FAKER)
  expect((await risk('dismiss', held.flag)).stderr).toBe(
    `redswarm: flag ${held.flag} has credit on hold: release or void it\n`,
  )
  const voided = await risk('void', held.flag, '--actor', 'alice', '--note', 'third time')
  expect(voided).toMatchObject({
    code: 0,
    stdout: `${held.flag}: voided, 4294967296 bytes up are dropped, 0 down are in the totals\n`,
  })
  expect(await risk('release', held.flag)).toMatchObject({
    code: 1,
    stderr: `redswarm: the hold of flag ${held.flag} was voided before\n`,
  })

  const [denied] = await flags('--rule', 'shared_identity')
  expect((await risk('show', denied!.flag)).stdout).toMatch(/^denied +20.* UTC$/m)
  expect((await risk('dismiss', denied!.flag)).stdout).toMatch(
    /dismissed; the passkey stays off the whitelist/,
  )
  expect((await flags()).length).toBe(1)
  expect((await flags('--state', 'all')).length).toBe(3)
  expect((await flags('--state', 'voided', '--passkey', FAKER.toUpperCase())).length).toBe(1)
  expect(await consumer.stop()).toEqual({ code: 0, signal: null })
})

test('a scan tries thresholds without writing, and judges again without changing anything', async () => {
  const strict = writeExampleConfig({ risk: { impossible_rate: { max_rate: '500KiB' } } })
  const dry = await redswarm(['risk', 'scan', '--db', db, '--config', strict, '--dry-run'])
  expect(dry.stdout).toMatch(/impossible_rate +aaaa… .* 582\.5 KiB\/s; above 500\.0 KiB\/s$/m)
  expect(dry.stdout).toMatch(/findings in 14[34] windows; nothing was written$/m)
  expect((await flags('--state', 'all')).length).toBe(3)
  const again = await redswarm(['risk', 'scan', '--db', db, '--config', config, '--json'], { REDIS_URL: url })
  expect(JSON.parse(again.stdout)).toMatchObject({ dryRun: false, flags: [] })
})

test('what is wrong is said in one line', async () => {
  expect(await risk('show', '0123456789abcdef')).toMatchObject({
    code: 1,
    stderr: 'redswarm: there is no flag 0123456789abcdef\n',
  })
  const nowhere = await redswarm(['risk', 'list', '--db', 'sqlite:///nowhere/books.db'])
  expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringMatching(/^redswarm: .*\n$/) })
  const scan = await redswarm(['risk', 'scan', '--db', db, '--from', '2000-01-01', '--to', '2000-01-01'])
  expect(scan).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^redswarm: no window of 600 s .*\n$/),
  })
  for (const [args, reason] of [
    [['list', '--rule', 'speeding'], /choices are impossible_rate/],
    [['list', '--passkey', 'no passkey'], /not a passkey/],
    [['scan', '--from', 'yesterday'], /neither Unix seconds nor a time/],
    [['show', FAKER], /^error: a flag is 16 hex digits\n$/],
    [['list', FAKER], /too many arguments for 'list'\. Expected 0 arguments but got 1\.\n$/],
    [[FAKER], /^error: unknown command\n$/],
    [['void'], /missing required argument 'flag'/],
  ] as const)
    expect(await risk(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(reason) })
  expect(await redswarm(['risk', 'list'])).toMatchObject({ code: 2 })
  expect(urlAs('consumer', url)).not.toBe(url) // or the users were not tried
})
