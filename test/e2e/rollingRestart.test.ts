import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { aPasskey } from '../support/builders/builders.ts'
import type { Overrides } from '../support/builders/trackerConfig.ts'
import { get } from '../support/clients/bencodeClient.ts'
import { freePorts } from '../support/programs/freePorts.ts'
import { isMissing } from '../support/programs/programs.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  type StartedProcess,
  startProcess,
} from '../support/programs/trackerProcesses.ts'
import { startRedis } from '../support/servers/redis.ts'

/**
 * Two trackers behind the haproxy of dist/, on its own and the tracker's default timing; each is ended by SIGTERM and
 * started again three times, under a steady load on kept connections and on one for each announce.
 */
const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const HAPROXY_CFG = fileURLToPath(new URL('../../dist/haproxy/haproxy.cfg', import.meta.url))
const STEP_WITHIN_MS = 30_000
const ROUNDS = 3
const ANNOUNCES_PER_SECOND = 100
const PASSKEY = aPasskey()

afterEach(endProcesses)

/** Announces through the balancer until it is told to stop. */
function startLoad(port: number, seed: string, ...further: string[]): Promise<StartedProcess> {
  const url = `http://127.0.0.1:${port}/{passkey}/announce`
  const population = ['--swarms', '20', '--peers', '500', '--seed', seed, '--passkey', PASSKEY]
  const loop = ['--rate', String(ANNOUNCES_PER_SECOND), '--duration', '10m', '--json', ...further]
  return startProcess({
    name: `load ${seed}`,
    program: process.execPath,
    args: [PROGRAM, 'load', url, ...loop, ...population],
  })
}

test.skipIf(isMissing('haproxy'))(
  'a rolling restart loses not one request, and not one needs a second try',
  { timeout: 300_000 },
  async () => {
    const { url: redisUrl } = await startRedis()
    const redis = new Redis(redisUrl)
    onTestFinished(() => redis.disconnect())
    await redis.sadd('pt:passkeys', PASSKEY)
    const [listen, ...ports] = (await freePorts(5)) as [number, number, number, number, number]
    const start = (which: number): Promise<RunningTracker> => {
      const config: Overrides = {
        shutdown_delay: undefined, // what the program does by itself
        http: { addr: `127.0.0.1:${ports[2 * which]}`, real_ip_header: 'x-forwarded-for' },
        metrics_addr: `127.0.0.1:${ports[2 * which + 1]}`,
      }
      return startTracker({ redisUrl, config })
    }
    const trackers = [await start(0), await start(1)]
    const haproxy = await startProcess({
      name: 'haproxy',
      program: 'haproxy',
      args: ['-db', '-f', HAPROXY_CFG],
      env: {
        LISTEN: `127.0.0.1:${listen}`,
        TRACKER_1: `127.0.0.1:${ports[0]}`,
        TRACKER_1_METRICS_PORT: `${ports[1]}`,
        TRACKER_2: `127.0.0.1:${ports[2]}`,
        TRACKER_2_METRICS_PORT: `${ports[3]}`,
      },
    })
    await eventually('haproxy serves', STEP_WITHIN_MS, async () => {
      const answer = await get(`http://127.0.0.1:${listen}/announce`).catch(() => undefined) // not listening yet
      return answer?.status === 200 || undefined
    })

    const loads = [await startLoad(listen, 'kept'), await startLoad(listen, 'each', '--no-keep-alive')]
    const isServedBy = (which: number) => {
      const before = served(haproxy, which).length
      return eventually(
        `tracker ${which} serves`,
        STEP_WITHIN_MS,
        () => served(haproxy, which).length > before || undefined,
      )
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const which of [0, 1]) {
        await isServedBy(which)
        expect(await trackers[which]!.stop()).toEqual({ code: 0, signal: null })
        await isServedBy(1 - which)
        trackers[which] = await start(which)
      }
    }
    await isServedBy(1)

    for (const load of loads) {
      const { code } = await load.end('SIGINT')
      const result = JSON.parse(load.output())
      expect(result).toMatchObject({ failed: 0, failureReasons: {}, connectionErrors: {}, errors: {} })
      expect(code).toBe(0)
      expect(result.answered).toBeGreaterThan(ANNOUNCES_PER_SECOND * ROUNDS)
    }
    const all = [0, 1].flatMap((which) => served(haproxy, which))
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set(['200']))
    expect(all.filter(({ retries }) => retries !== '0')).toEqual([])
  },
)

/** What haproxy's log says of the requests that it gave to one of the two. */
function served(haproxy: StartedProcess, which: number) {
  const line = new RegExp(` trackers/tracker-${which + 1} \\S+ (\\d+) .* \\d+/\\d+/\\d+/\\d+/(\\S+)$`, 'gm')
  return [...haproxy.output().matchAll(line)].map(([, status, retries]) => ({ status, retries }))
}
