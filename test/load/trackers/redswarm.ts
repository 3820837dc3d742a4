import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, MissingProgram } from '../processes.ts'
import { PASSKEYS } from '../scenario.ts'
import { type BenchTracker, type StartContext, whenReady } from './tracker.ts'

const root = join(import.meta.dirname, '../../..')
const program = join(root, 'build/cli/main.js')

/** The built program on a configuration of its own, with the passkey check and the traffic stream switched on. */
export const redswarm: BenchTracker = {
  name: 'redswarm',
  transports: ['keep-alive', 'close', 'udp'],

  isWorthRunning: () => true,

  requirePrograms() {
    if (!existsSync(program)) throw new MissingProgram('build/cli/main.js is missing: npm run build')
  },

  async start(context) {
    await seedPasskeys(context)
    const [port, metricsPort] = [await freePort(), await freePort()]
    const configFile = join(context.workFolder, 'redswarm.yaml')
    writeFileSync(configFile, configuration({ port, metricsPort, redisPort: context.redis.port }))
    const args = [program, 'serve', '--config', configFile]
    const started = context.processes.start({ name: 'redswarm', program: process.execPath, args })
    await whenReady(started, port)
    return {
      name: 'redswarm',
      pid: started.pid,
      port,
      transports: this.transports,
      usesRedis: true,
      maxPeersPerSwarm: Number.POSITIVE_INFINITY,
      givesSeedersLeechersOnly: true,
      isFilled: false,
      usesPasskeys: true,
      stop: started.stop,
    }
  },
}

async function seedPasskeys({ redis }: StartContext): Promise<void> {
  await redis.client.flushall('SYNC')
  for (let from = 0; from < PASSKEYS.length; from += 1000) {
    await redis.client.sadd('pt:passkeys', ...PASSKEYS.slice(from, from + 1000))
  }
}

function configuration({
  port,
  metricsPort,
  redisPort,
}: Record<'port' | 'metricsPort' | 'redisPort', number>) {
  return `chihaya:
  announce_interval: 30m
  min_announce_interval: 15m
  metrics_addr: "127.0.0.1:${metricsPort}"
  http:
    addr: "127.0.0.1:${port}"
  udp:
    addr: "127.0.0.1:${port}"
    private_key: "only for this run"
  storage:
    name: redis
    config:
      redis_broker: "redis://127.0.0.1:${redisPort}/0"
  prehooks:
    - name: passkey approval
      options:
        set_key: pt:passkeys
    - name: traffic push
`
}
