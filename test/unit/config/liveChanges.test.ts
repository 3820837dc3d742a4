import { describe, expect, test } from 'vitest'
import type { Config } from '../../../src/config/config.ts'
import { keepUntilRestart } from '../../../src/config/liveChanges.ts'
import { loadConfig } from '../../../src/config/load.ts'

interface Sections {
  readonly top?: object
  readonly http?: object | null
  readonly udp?: object | null
  readonly storage?: object
  readonly prehooks?: readonly object[]
}

function configOf({
  top,
  http = {},
  udp = {},
  storage,
  prehooks = [{ name: 'traffic push' }],
}: Sections = {}): Config {
  const file = {
    chihaya: {
      ...top,
      ...(http && { http: { addr: ':6969', ...http } }),
      ...(udp && { udp: { addr: ':6969', private_key: 'a', ...udp } }),
      storage: { config: { redis_broker: 'redis://127.0.0.1:6379/0', ...storage } },
      prehooks,
    },
  }
  return loadConfig(JSON.stringify(file), {}).config
}

const running = configOf()

test('the same file changes nothing', () => {
  expect(keepUntilRestart(running, configOf())).toEqual({ config: running, needRestart: [] })
})

test.each<[string, Sections]>([
  ['intervals', { top: { announce_interval: '20m', min_announce_interval: '10m' } }],
  ['the log level', { top: { log_level: 'debug' } }],
  ['the shutdown timeout', { top: { shutdown_timeout: '1s' } }],
  [
    'numwants',
    { http: { max_numwant: 10, default_numwant: 5 }, udp: { max_numwant: 10, default_numwant: 5 } },
  ],
  ['scrape limits', { http: { max_scrape_infohashes: 7 }, udp: { max_scrape_infohashes: 7 } }],
  ['proxies', { http: { real_ip_header: 'x-real-ip', trusted_proxies: ['192.0.2.0/24'] } }],
  ['spoofing', { http: { allow_ip_spoofing: true } }],
  ['routes and passkey parameters', { http: { announce_routes: ['/a/:passkey'], passkey_params: ['key'] } }],
  ['lifetimes', { storage: { peer_lifetime: '40m', accounting_ttl: '48h', counter_reset: 'per_counter' } }],
  ['the sweep', { storage: { gc_interval: '1m', sweep_limit: 5, expire_limit: 5 } }],
  ['hooks and their lists', { prehooks: [{ name: 'client approval', options: { whitelist: ['-TR300'] } }] }],
  [
    'options of hooks',
    { prehooks: [{ name: 'traffic push', options: { stream_key: 'other', skip_idle: true } }] },
  ],
])('%s can change at once', (_, sections) => {
  const next = configOf(sections)
  expect(next).not.toEqual(running)
  expect(keepUntilRestart(running, next)).toEqual({ config: next, needRestart: [] })
})

test.each<[string, Sections]>([
  ['metrics_addr', { top: { metrics_addr: '127.0.0.1:9' } }],
  ['workers', { top: { workers: 2 } }],
  ['http.addr', { http: { addr: ':7000' } }],
  ['http.proxy_protocol', { http: { proxy_protocol: true } }],
  ['http.read_timeout', { http: { read_timeout: '1s' } }],
  ['http.write_timeout', { http: { write_timeout: '1s' } }],
  ['http.idle_timeout', { http: { idle_timeout: '1s' } }],
  ['http.enable_keepalive', { http: { enable_keepalive: false } }],
  ['http.max_header_bytes', { http: { max_header_bytes: 2048 } }],
  ['udp.addr', { udp: { addr: ':7000' } }],
  ['udp.private_key', { udp: { private_key: 'b' } }],
  ['udp.previous_private_keys', { udp: { previous_private_keys: ['c'] } }],
  ['udp.connection_id_lifetime', { udp: { connection_id_lifetime: '1m' } }],
  ['udp.max_clock_skew', { udp: { max_clock_skew: '1s' } }],
  ['udp.max_in_flight', { udp: { max_in_flight: 1 } }],
  ['udp.receive_buffer', { udp: { receive_buffer: 8192 } }],
  ['storage.config.redis_broker', { storage: { redis_broker: 'redis://127.0.0.1:6380/0' } }],
  ['storage.config.redis_connect_timeout', { storage: { redis_connect_timeout: '1s' } }],
  ['storage.config.store_timeout', { storage: { store_timeout: '1s' } }],
  ['storage.config.max_in_flight', { storage: { max_in_flight: 1 } }],
  ['storage.config.key_prefix', { storage: { key_prefix: 'x:' } }],
  ['http', { http: null }],
  ['udp', { udp: null }],
])('%s stays and is named', (key, sections) => {
  expect(keepUntilRestart(running, configOf(sections))).toEqual({ config: running, needRestart: [key] })
})

test('what can change does so beside what cannot', () => {
  const sections = { top: { announce_interval: '20m', workers: 3 }, http: { addr: ':7000', max_numwant: 70 } }
  const { config, needRestart } = keepUntilRestart(running, configOf(sections))
  expect(config).toEqual(configOf({ top: { announce_interval: '20m' }, http: { max_numwant: 70 } }))
  expect(needRestart).toEqual(['workers', 'http.addr'])
})

describe('HTTPS', () => {
  const pair = (cert: string) => ({ certPath: '/tls.crt', keyPath: '/tls.key', cert, key: `key of ${cert}` })
  const secured = (cert: string): Config => ({
    ...running,
    http: { ...running.http!, httpsAddr: { host: '::', port: 6443 }, tls: pair(cert) },
  })

  test('another certificate is taken up', () => {
    expect(keepUntilRestart(secured('old'), secured('new'))).toEqual({
      config: secured('new'),
      needRestart: [],
    })
  })

  test('it can be neither turned on nor off', () => {
    const needRestart = ['http.https_addr']
    expect(keepUntilRestart(running, secured('new'))).toEqual({ config: running, needRestart })
    expect(keepUntilRestart(secured('old'), running)).toEqual({ config: secured('old'), needRestart })
  })
})
