import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Infohash, PeerId } from '../../src/bittorrent/types.ts'
import { aPasskey } from '../support/builders/builders.ts'
import { EXAMPLE_CONFIG } from '../support/builders/trackerConfig.ts'
import { announceTo, getDictionary, percentEncode } from '../support/clients/bencodeClient.ts'
import { UdpClient } from '../support/clients/udpClient.ts'
import { isMissing } from '../support/programs/programs.ts'
import { type RunningTracker, startTracker } from '../support/programs/tracker.ts'
import {
  endProcesses,
  eventually,
  startProcess,
  temporaryFolder,
} from '../support/programs/trackerProcesses.ts'
import { alerts, DASHBOARD_FILE, panelsOf } from '../support/servers/monitoring.ts'
import { findingsIn, type RunningPrometheus, startPrometheus } from '../support/servers/prometheus.ts'
import { startRedis } from '../support/servers/redis.ts'
import { urlAs } from '../support/servers/redisUsers.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/redswarm.mjs', import.meta.url))
const LISTED = aPasskey(1)
const APPROVED_BY_SITE = aPasskey(2)
const REJECTED_BY_SITE = aPasskey(3)
const WITHIN_MS = 60_000
/** XADD cuts a stream by whole nodes of a hundred entries. */
const MAX_LEN = 100

const ANNOUNCES = 'chihaya_http_response_duration_milliseconds_count{action="announce",error=""}'
const UDP_ANNOUNCES = 'chihaya_udp_response_duration_milliseconds_count{action="announce",error=""}'

let redis: Redis
let trackers: [RunningTracker, RunningTracker]
let consumer: { readonly metricsUrl: string; readonly metricsPort: number }
let prometheus: RunningPrometheus
const site = createServer((request, response) => {
  response.end(JSON.stringify({ valid: request.url!.endsWith(APPROVED_BY_SITE) }))
})

describe.skipIf(isMissing('prometheus', 'promtool') || process.platform !== 'linux')('one Prometheus', () => {
  beforeAll(async () => {
    const { url } = await startRedis({ args: ['--maxmemory', '256mb'] })
    redis = new Redis(url)
    await redis.sadd('pt:passkeys', LISTED)
    await new Promise<void>((listening) => site.listen(0, '127.0.0.1', listening))
    const verifyUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}/verify`
    const config = {
      udp: { addr: '[::]:0', private_key: 'the same for both, and long enough' },
      storage: { config: { gc_interval: '1s' } },
      prehooks: [
        { name: 'passkey approval', options: { http_url: verifyUrl } },
        { name: 'traffic push', options: { max_len: MAX_LEN } },
      ],
    }
    trackers = [
      await startTracker({ redisUrl: url, config: { ...config, workers: 2 } }),
      await startTracker({ redisUrl: url, config }),
    ]
    consumer = await startConsumer(url)
    prometheus = await startPrometheus({
      redswarm: trackers.map(({ metricsPort }) => metricsPort),
      'redswarm-consumer': [consumer.metricsPort],
    })
    await prometheus.shows('sum(up)', 3)
  })
  afterAll(async () => {
    redis?.disconnect()
    site.close()
    await endProcesses()
  })

  test('the counts of two trackers that a query gives are those that were announced', async () => {
    const [one, other] = trackers
    for (const left of [0, 0, 0, 1000, 1000]) await announceHttp(one, { left })
    for (const left of [0, 1000]) await announceHttp(other, { left })
    await announceUdp(other, { leftBytes: 0 })

    await prometheus.shows('max(chihaya_storage_seeders_count)', 5)
    await prometheus.shows('max(chihaya_storage_leechers_count)', 3)
    await prometheus.shows('max(chihaya_storage_infohashes_count)', 8)
    // The same on each instance: this is why the dashboard never adds them up.
    await prometheus.shows('sum(chihaya_storage_seeders_count)', 10)
    await prometheus.shows(`sum(${ANNOUNCES})`, 7)
    await prometheus.shows(`sum(${UDP_ANNOUNCES})`, 1)
    await prometheus.shows(`${ANNOUNCES} and on (instance) (redswarm_workers == 2)`, 5)

    await prometheus.scrapedAnew()
    const before = await prometheus.number('vector(time())')
    for (let i = 0; i < 30; i++) await announceHttp(trackers[i % 3 === 0 ? 1 : 0])
    await prometheus.shows(`sum(${ANNOUNCES}) - sum(${ANNOUNCES} @ ${before})`, 30)
    await prometheus.shows('max(chihaya_storage_leechers_count)', 33)
    const rates = await prometheus.query(`sum by (instance) (rate(${ANNOUNCES}[1m])) > 0`)
    expect(rates).toHaveLength(2)
  })

  test('the consumer has settled what was announced', async () => {
    await prometheus.shows('sum(redswarm_consumer_settled_entries_total)', 38)
    await prometheus.shows('max(redswarm_consumer_backlog_entries)', 0)
    await prometheus.shows('max(redswarm_consumer_lag_seconds)', 0)
  })

  test("promtool has nothing to say about the metrics, Chihaya's names and units apart", async () => {
    for (const { metricsUrl } of [...trackers, consumer]) {
      const text = await (await fetch(`${metricsUrl}/metrics`)).text()
      expect(text).toContain('# TYPE redswarm_event_loop_lag_seconds gauge')
      expect(findingsIn(text).filter((finding) => !finding.startsWith('chihaya_'))).toEqual([])
    }
  })

  test('the rules are evaluated without an error, and an alert fires when there is cause', async () => {
    for (let i = 0; i < 3 * MAX_LEN; i++) await announceHttp(trackers[i % 2]!)
    await eventually('an alert on removed traffic', WITHIN_MS, async () => {
      const now = await prometheus.api<{ alerts: AlertState[] }>('alerts')
      return now.alerts.find(
        ({ labels, state }) => labels.alertname === 'RedswarmTrafficTrimmed' && state === 'firing',
      )
    })
    const evaluated = await eventually('every rule is evaluated', WITHIN_MS, async () => {
      const { groups } = await prometheus.api<{ groups: { rules: RuleState[] }[] }>('rules')
      const rules = groups.flatMap((group) => group.rules)
      return rules.some(({ health }) => health === 'unknown') ? undefined : rules
    })
    expect(evaluated.filter(({ health }) => health !== 'ok')).toEqual([])
    const names = evaluated.filter(({ type }) => type === 'alerting').map(({ name }) => name)
    expect(names.toSorted()).toEqual(
      alerts()
        .map(({ alert }) => alert)
        .toSorted(),
    )
  })

  test('every query of the dashboard gives data', async () => {
    const panels = panelsOf(JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')))
    const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
    expect(queries.length).toBeGreaterThanOrEqual(80)
    let empty: typeof queries = []
    // What is counted for the first time has no rate until it is counted again.
    await eventually('all have data', WITHIN_MS, async () => {
      await everythingHappens()
      await prometheus.scrapedAnew()
      empty = []
      for (const query of queries) if (!(await hasData(query.expr))) empty.push(query)
      return empty.length === 0 || undefined
    }).catch((error: Error) => {
      expect(empty).toEqual([]) // says which
      throw error
    })
  })
})

interface AlertState {
  readonly labels: Readonly<Record<string, string>>
  readonly state: string
}

interface RuleState {
  readonly name: string
  readonly type: string
  readonly health: string
  readonly lastError?: string
}

/** As Grafana would ask, with all fleets, instances and consumers chosen. */
async function hasData(expr: string): Promise<boolean> {
  const samples = await prometheus.query(
    expr
      .replaceAll('$job', 'redswarm')
      .replaceAll('$instance', '.+')
      .replaceAll('$consumer', 'redswarm-consumer')
      .replaceAll('$__rate_interval', '2m'),
  )
  return samples.some(({ value }) => Number.isFinite(value))
}

/** Whatever is counted, at both trackers: served, refused, asked about, broken. */
async function everythingHappens(): Promise<void> {
  const broken = randomBytes(20)
  await redis.set(`swarm:${broken.toString('hex')}:seeders`, 'not a sorted set')
  await redis.xadd('tracker:traffic', '*', 'passkey', 'of a producer that forgot the rest')
  await redis.del(`pt:passkeys:accepted:${APPROVED_BY_SITE}`)
  for (const tracker of trackers) {
    for (const passkey of [LISTED, APPROVED_BY_SITE, REJECTED_BY_SITE])
      await announceHttp(tracker, { passkey })
    await announceHttp(tracker, { infohash: broken })
    await announceUdp(tracker)
    const scrapeUrl = tracker.announceUrl.replace(/announce$/, 'scrape')
    await getDictionary(`${scrapeUrl}?info_hash=${percentEncode(randomBytes(20))}`)
  }
}

interface AnnounceOptions {
  readonly passkey?: string
  readonly left?: number
  readonly infohash?: Buffer
}

/** A new peer, in a swarm of its own unless one is named. */
const announceHttp = (
  { announceUrl }: RunningTracker,
  { passkey = LISTED, left = 1000, infohash = randomBytes(20) }: AnnounceOptions = {},
) => announceTo(`${announceUrl}/${passkey}`, { infohash, peerId: randomBytes(20), left })

async function announceUdp(tracker: RunningTracker, { leftBytes = 1000 } = {}): Promise<void> {
  const [serving] = /^\{.*"msg":"serving"\}$/m.exec(tracker.output())!
  const client = new UdpClient((JSON.parse(serving) as { udp: { port: number } }).udp.port)
  try {
    const infohash = randomBytes(20).toString('hex') as Infohash
    const peerId = randomBytes(20).toString('hex') as PeerId
    const response = await client.announce({ url: `/announce/${LISTED}`, infohash, peerId, leftBytes })
    expect(response.kind).toBe('announce')
    await client.scrape([infohash])
  } finally {
    client.close()
  }
}

async function startConsumer(adminUrl: string): Promise<typeof consumer> {
  const db = `sqlite://${join(temporaryFolder(), 'ledger.db')}`
  const started = await startProcess({
    name: 'consumer',
    program: process.execPath,
    args: [
      ...[PROGRAM, 'traffic', 'consume', '--config', EXAMPLE_CONFIG, '--db', db],
      ...['--metrics-addr', '127.0.0.1:0'],
    ],
    env: { REDIS_URL: urlAs('consumer', adminUrl) },
  })
  const [, port] = await started.says(/"port":(\d+),"msg":"metrics"/, WITHIN_MS)
  return { metricsPort: Number(port), metricsUrl: `http://127.0.0.1:${port}` }
}
