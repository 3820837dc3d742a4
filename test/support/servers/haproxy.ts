import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { get } from '../clients/bencodeClient.ts'
import { freePorts } from '../programs/freePorts.ts'
import type { RunningTracker } from '../programs/tracker.ts'
import { eventually, startProcess, temporaryFolder } from '../programs/trackerProcesses.ts'

export interface LoadBalancer {
  readonly announceUrl: string
  /** Requests answered so far. */
  requests(): ProxiedRequest[]
  output(): string
}

export interface ProxiedRequest {
  /** Index into the trackers, or -1 when no one answered. */
  readonly tracker: number
  readonly status: number
  /** It was sent to one that did not answer, and then to another. */
  readonly isRedispatched: boolean
}

const READY_WITHIN_MS = 15_000

/**
 * A haproxy that knows nothing of HTTP: it passes connections on with a PROXY protocol header of version 2 in front, and
 * looks after the tracker with such headers too. Listens at both loopback addresses.
 */
export async function startTcpProxy(trackerPort: number): Promise<{ readonly port: number }> {
  const [port] = await freePorts(1)
  const config = `
defaults
  mode tcp
  timeout connect 1s
  timeout client 10s
  timeout server 10s
frontend tracker
  bind 127.0.0.1:${port}
  bind [::1]:${port}
  default_backend trackers
backend trackers
  server tracker 127.0.0.1:${trackerPort} send-proxy-v2 check check-send-proxy inter 100ms
`
  const path = join(temporaryFolder(), 'haproxy.cfg')
  writeFileSync(path, config)
  const haproxy = await startProcess({ name: 'haproxy', program: 'haproxy', args: ['-db', '-f', path] })
  await eventually('haproxy serves', READY_WITHIN_MS, async () => {
    if (haproxy.hasExited()) throw new Error(`haproxy ended:\n${haproxy.output()}`)
    const answer = await get(`http://127.0.0.1:${port}/announce`).catch(() => undefined) // not listening yet
    return answer?.status === 200 || undefined
  })
  return { port: port! }
}

/**
 * A plain haproxy in front of these trackers, in turns. An announce may be repeated without harm (it moves nothing
 * twice), so a request whose server died before answering goes to another one, whatever had become of it.
 */
export async function startLoadBalancer(trackers: readonly RunningTracker[]): Promise<LoadBalancer> {
  const [port] = await freePorts(1)
  const servers = trackers.map(
    ({ port, metricsPort }, i) => `server tracker${i} 127.0.0.1:${port} check port ${metricsPort}`,
  )
  const config = `
global
  log stdout format raw local0
defaults
  mode http
  log global
  log-format "via=%s status=%ST retries=%rc"
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  option forwardfor
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response response-timeout
frontend announces
  bind 127.0.0.1:${port}
  default_backend trackers
backend trackers
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 5s fall 3 rise 1
  ${servers.join('\n  ')}
`
  const path = join(temporaryFolder(), 'haproxy.cfg')
  writeFileSync(path, config)
  const haproxy = await startProcess({ name: 'haproxy', program: 'haproxy', args: ['-db', '-f', path] })
  const announceUrl = `http://127.0.0.1:${port}/announce`
  await eventually('haproxy serves', READY_WITHIN_MS, async () => {
    if (haproxy.hasExited()) throw new Error(`haproxy ended:\n${haproxy.output()}`)
    const answer = await get(announceUrl).catch(() => undefined) // not listening yet
    return answer?.status === 200 || undefined
  })
  return {
    announceUrl,
    output: haproxy.output,
    requests: () =>
      [...haproxy.output().matchAll(/via=(?:tracker(\d+)|\S+) status=(\d+) retries=(\+?)\d+/g)].map(
        ([, tracker = -1, status, plus]) => ({
          tracker: Number(tracker),
          status: Number(status),
          isRedispatched: plus === '+',
        }),
      ),
  }
}
