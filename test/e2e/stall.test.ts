import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { TRAFFIC_KEY } from '../../src/contract/redisKeys.ts'
import { announceTo } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { startTracker } from '../support/programs/tracker.ts'
import { endProcesses, eventually } from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'
import { TEMPORARY } from '../support/servers/trackerUnderTest.ts'

/** Longer than the default of `store_timeout`, which is two seconds. */
const STALL_MS = 3_000
const STEP_WITHIN_MS = 10_000

afterEach(endProcesses)

test('a tracker that was stopped executes nothing of what waited, over HTTP and UDP, and serves again', {
  timeout: 60_000,
}, async () => {
  const { url: redisUrl } = await startRedis()
  const redis = new Redis(redisUrl)
  const passkey = randomBytes(16).toString('hex')
  await redis.sadd('pt:passkeys', passkey)
  const tracker = await startTracker({ redisUrl, config: { udp: { addr: '[::]:0' } } })
  const [, port] = /"udp":\{"host":"::","port":(\d+)\}/.exec(tracker.output())!
  const client = new UdpClient(Number(port))
  onTestFinished(() => {
    client.close()
    redis.disconnect()
  })
  const overHttp = { infohash: randomBytes(20), peerId: randomBytes(20) }
  const announceHttp = async (uploaded: number) =>
    (await announceTo(`${tracker.announceUrl}/${passkey}`, { ...overHttp, uploaded }))
      .get('failure reason')
      ?.toString()
  const announceUdp = (uploadedBytes: number) =>
    client.announce({ url: `/announce/${passkey}`, uploadedBytes })
  expect(await announceHttp(0)).toBeUndefined()
  expect((await announceUdp(0)).kind).toBe('announce')

  process.kill(tracker.pid, 'SIGSTOP')
  const waiting = Promise.all([announceHttp(1000), announceUdp(1000)])
  await delay(STALL_MS) // the stall itself
  process.kill(tracker.pid, 'SIGCONT')
  const [http, udp] = await waiting
  expect(http).toBe(TEMPORARY)
  expect(udp).toMatchObject({ kind: 'error', text: expect.stringContaining(TEMPORARY) })
  expect(await redis.xlen(TRAFFIC_KEY)).toBe(2)

  await eventually(
    'it serves again',
    STEP_WITHIN_MS,
    async () => (await announceHttp(2000)) === undefined || undefined,
  )
  expect((await announceUdp(2000)).kind).toBe('announce')
  expect(await redis.xlen(TRAFFIC_KEY)).toBe(4)
  expect(tracker.output()).toContain('this process stood still')
})
