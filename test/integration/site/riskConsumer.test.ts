import { afterAll, expect, test } from 'vitest'
import { SITE_SECTIONS } from '../../../src/cli/loadSiteConfig.ts'
import { createRiskWatch, type RiskPlace, type RiskWatch } from '../../../src/cli/risk/watch.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { createPasskeys } from '../../../src/site/passkeys/passkeys.ts'
import { createConsumerMetrics } from '../../../src/site/traffic/consumerMetrics.ts'
import { aPasskey, someFields } from '../../support/builders/builders.ts'
import { becomes } from '../../support/programs/becomes.ts'
import { testRedis } from '../../support/servers/redis.ts'
import { connectTo } from '../../support/servers/stored.ts'
import { append, aTrafficSite, type TrafficSite } from '../../support/servers/trafficSite.ts'

const { url, keyPrefix } = testRedis()
const redis = connectTo(url)
const watches: RiskWatch[] = []
afterAll(async () => {
  await Promise.all(watches.map((risk) => risk.close()))
  redis.disconnect()
})

const GIB = 2 ** 30
const INTERVAL = 1800
const CHEAT = aPasskey(0xc)

/** A configuration whose rules act at once, and the whitelist of a site of its own. */
function placeOf(site: TrafficSite, action: string): RiskPlace {
  const prefix = site.stream.replace('tracker:traffic', '')
  const text = `chihaya:
  http: {addr: ":6969"}
  storage: {config: {redis_broker: "${url}", key_prefix: "${prefix}"}}
  prehooks: [{name: passkey approval}]
  risk:
    evaluation_delay: 30m
    upload_without_leechers: {action: ${action}}`
  return loadConfig(text, {}, { sections: SITE_SECTIONS }).config
}

/** Somebody uploaded to nobody, hours ago. */
async function cheat(site: TrafficSite, intervals: number) {
  const start = Math.floor(Date.now() / 1000 / 600) * 600 - 6 * 3600
  for (let n = 0; n <= intervals; n++) {
    const ts = start + n * INTERVAL
    const moved = { up: n * GIB, du: n === 0 ? 0 : GIB, down: 0, dd: 0 }
    const fields = { passkey: CHEAT, ts, dt: n === 0 ? 0 : INTERVAL, since: start, left: 0, ...moved }
    await append(redis, site.stream, [someFields({ ...fields, seeders: 1, leechers: 0 })])
  }
}

function watch(site: TrafficSite, place: RiskPlace) {
  const at = (level: string) => (fields: object, message: string) => {
    site.log.push({ level, message, fields })
  }
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const metrics = createConsumerMetrics(() => consumer.readState())
  const risk = createRiskWatch(site.ledger, place, { log, count: metrics.countFlag })
  watches.push(risk)
  const consumer = site.consume({ observer: metrics.observer, onClosed: risk.closed })
  return { consumer, metrics, risk }
}

const flagsOf = (site: TrafficSite) =>
  site.rows<{ rule: string; action: string; passkey: string; denied_at: number | null }>(
    'select rule, action, passkey, denied_at from pt_risk_flags',
  )

test('a consumer judges the windows it has closed, and counts the flags it wrote', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  await cheat(site, 4)
  const { metrics } = watch(site, placeOf(site, 'hold'))
  const other = watch(site, placeOf(site, 'hold')) // a second one beside it
  await becomes(() => site.uploadedBy(CHEAT), 0)
  await becomes(() => flagsOf(site).length, 1)
  expect(flagsOf(site)).toMatchObject([{ rule: 'upload_without_leechers', action: 'hold', passkey: CHEAT }])
  const text = (await metrics.registry.metrics()) + (await other.metrics.registry.metrics())
  expect(text).toMatch(/redswarm_risk_flags_total\{rule="upload_without_leechers"\} 1/)
  expect(text).not.toContain(CHEAT)
  const line = site.log.find(({ message }) => message === 'risk flag')
  expect(line?.fields).toMatchObject({ rule: 'upload_without_leechers', user: `${CHEAT.slice(0, 4)}…` })
  expect(JSON.stringify(site.log)).not.toContain(CHEAT)
})

test('deny takes the passkey off the whitelist once, and only when Redis did it', async () => {
  const site = await aTrafficSite(url, keyPrefix)
  const place = placeOf(site, 'deny')
  const list = createPasskeys({ redis, keyPrefix: place.redis.keyPrefix })
  await list.add([CHEAT, aPasskey(1)])
  await cheat(site, 4)

  // Redis' whitelist cannot be changed now: it is of another type.
  const broken = { ...place, passkeyApproval: { ...place.passkeyApproval!, setKey: 'tracker:traffic' } }
  const { consumer, risk } = watch(site, broken)
  await becomes(() => site.log.some(({ message }) => message.startsWith('the risk rules are not done')), true)
  expect(flagsOf(site)).toMatchObject([{ action: 'deny', denied_at: null }])
  await consumer.stop()
  await risk.close()

  watch(site, place)
  await becomes(() => list.has(CHEAT), false)
  await becomes(() => flagsOf(site)[0]!.denied_at !== null, true)
  expect(await list.count()).toBe(1)

  await list.add([CHEAT]) // staff let the user in again
  await append(redis, site.stream, [someFields({ passkey: aPasskey(1) })])
  await becomes(() => site.rows('select 1 from pt_users').length, 2)
  expect(await list.has(CHEAT)).toBe(true)
})
