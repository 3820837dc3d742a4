import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { get } from '../support/clients/bencodeClient.ts'
import { exchangeFile } from '../support/clients/exchange.ts'
import { isMissing } from '../support/programs/programs.ts'
import { startDemo, startTracker } from '../support/programs/tracker.ts'
import { childrenOf, endProcesses, isAlive } from '../support/programs/trackerProcesses.ts'
import { startLoadBalancer } from '../support/servers/haproxy.ts'
import { startRedis } from '../support/servers/redis.ts'
import { readTraffic } from '../support/servers/trackerTraffic.ts'

const MIB = 1_048_576
const TEST_WITHIN_MS = 120_000
const isWithoutClients = isMissing('mktorrent', 'transmission-daemon', 'aria2c')

afterEach(endProcesses)

async function redisWithPasskey() {
  const redis = await startRedis()
  const passkey = randomBytes(16).toString('hex')
  const client = new Redis(redis.url)
  await client.sadd('pt:passkeys', passkey)
  client.disconnect()
  return { redisUrl: redis.url, passkey }
}

function trafficOf(redisUrl: string) {
  const traffic = readTraffic(redisUrl)
  onTestFinished(() => traffic.close())
  return traffic
}

describe.skipIf(isWithoutClients)('two real clients exchange a file', () => {
  test('through the tracker that npm start runs', { timeout: TEST_WITHIN_MS }, async (context) => {
    const demo = await startDemo().catch((error: Error) => {
      const [, why] = /^(Port \d+ .* in use)/m.exec(error.message) ?? []
      if (why === undefined || process.env.CI === 'true') throw error
      process.stderr.write(`\n### SKIPPING the test of npm start: ${why}\n`)
      return context.skip()
    })
    const traffic = trafficOf(demo.redisUrl)
    await exchangeFile({ announceUrl: demo.announceUrl, sizeBytes: 4 * MIB, traffic })

    const children = childrenOf(demo.pid)
    expect(children).toHaveLength(2) // the tracker and its Redis
    expect(await demo.stop()).toEqual({ code: 0, signal: null })
    expect(children.filter(isAlive)).toEqual([])
    expect(demo.log()).toContain('"serving"')
    expect(demo.log()).not.toContain(demo.passkey)
  })

  test.skipIf(isMissing('haproxy'))(
    'through two instances behind haproxy, one of them killed half way',
    { timeout: TEST_WITHIN_MS },
    async () => {
      const { redisUrl, passkey } = await redisWithPasskey()
      const options = { redisUrl, config: { http: { real_ip_header: 'x-forwarded-for' } } }
      const trackers = [await startTracker(options), await startTracker(options)] as const
      const balancer = await startLoadBalancer(trackers)
      const traffic = trafficOf(redisUrl)
      await exchangeFile({
        announceUrl: `${balancer.announceUrl}/${passkey}`,
        sizeBytes: 8 * MIB,
        traffic,
        limitBytesPerSecond: MIB, // so that there is a half way
        announceEverySeconds: 1, // so that announces run into the gap that the kill leaves
        halfWay: async () => {
          expect(new Set(balancer.requests().map(({ tracker }) => tracker))).toEqual(new Set([0, 1]))
          await trackers[0].kill()
          // In turns, so one of two is sent to the dead one before haproxy has noticed.
          for (const _ of [1, 2]) expect((await get(`${balancer.announceUrl}/${passkey}`)).status).toBe(200)
        },
      })

      const requests = balancer.requests()
      expect(requests.filter(({ status }) => status !== 200)).toEqual([])
      const firstIntoTheGap = requests.findIndex(({ isRedispatched }) => isRedispatched)
      expect(firstIntoTheGap).toBeGreaterThan(0)
      const answeredBy = requests.slice(firstIntoTheGap).map(({ tracker }) => tracker)
      expect(new Set(answeredBy)).toEqual(new Set([1]))
      await expect(get(`http://127.0.0.1:${trackers[0].port}/announce`)).rejects.toThrow('ECONNREFUSED')
      expect(await trackers[1].stop()).toEqual({ code: 0, signal: null })
      for (const { output } of [...trackers, balancer]) expect(output()).not.toContain(passkey)
    },
  )
})
