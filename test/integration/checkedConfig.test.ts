import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/runtime/errors.ts'
import type { Logger } from '../../src/runtime/logger.ts'
import type { Tracker } from '../../src/tracker/core/tracker.ts'
import { createFetch } from '../../src/tracker/frontend/http/app.ts'
import { startInstance } from '../../src/tracker/process/instance.ts'
import { testRedis } from '../support/servers/redis.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
let redisUrl: string
beforeAll(() => {
  redisUrl = testRedis().url
})

/** A file with both frontends and these keys of `http`, everything on free ports. */
const fileWith = (http: object) =>
  JSON.stringify({
    chihaya: {
      metrics_addr: '127.0.0.1:0',
      http: { addr: '127.0.0.1:0', ...http },
      udp: { addr: '127.0.0.1:0', private_key: 'k' },
    },
  })

/** The config that check-config accepts, or the problems that it names. */
function checked(http: object) {
  try {
    return { config: loadConfig(fileWith(http), { REDIS_URL: redisUrl }).config, problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: undefined, problems: error.problems }
  }
}

describe('what check-config accepts, serve starts', () => {
  test.each<object>([
    { announce_routes: ['/'] },
    { announce_routes: ['/*passkey'], scrape_routes: [] },
    { announce_routes: ['/announce/'], scrape_routes: ['/scrape/'] },
    { announce_routes: ['/a//b'] },
    { announce_routes: ['/announce.php', '/an.no+un~ce', '/@announce-_'] },
    { announce_routes: ['/:passkey'], scrape_routes: ['/scrape/:passkey'] },
    { announce_routes: ['/:passkey/announce'], scrape_routes: ['/scrape/:passkey'] },
    { announce_routes: ['/announce/:one', '/announce/:passkey', '/announce/:one'] },
    { announce_routes: ['/:a/:b/:c', '/:d/:e', '/x/:f/y', '/x/*g'], scrape_routes: ['/s'] },
    { announce_routes: ['/announce'], scrape_routes: ['/announce/:x'] },
    { trusted_proxies: [] },
    { trusted_proxies: ['0.0.0.0/0', '::/0', '10.1.2.3', '10.1.2.3/8', '::1', 'FC00::/7'] },
    { trusted_proxies: ['::ffff:10.0.0.0/104', '::ffff:10.0.0.1', '::10.0.0.1/128'] },
    { passkey_params: [] },
    { passkey_params: ['a.b', 'A-B', 'info_hash', 'left'] },
    { real_ip_header: '!#$%&' },
    { max_numwant: '1', default_numwant: 0, max_scrape_infohashes: 1 },
    { max_header_bytes: 1024, read_timeout: '100ms', write_timeout: '10m', idle_timeout: '1h' },
    { addr: 'localhost:0' },
    { addr: '[::1]:0' },
    { addr: ':0' },
    { addr: '[::ffff:127.0.0.1]:0' },
  ])('%j', async (http) => {
    const { config, problems } = checked(http)
    expect(problems).toEqual([])
    const instance = await startInstance(config!, silent)
    await instance.close()
    expect(instance.http?.port).toBeGreaterThan(0)
  })
})

describe('what serve would not start, check-config refuses, naming key, value and reason', () => {
  const covered = 'would never be reached: /announce/:passkey in announce_routes takes its requests'
  test.each<[object, string]>([
    [
      { announce_routes: ['/announ%20ce'] },
      'announce_routes[0]: "/announ%20ce" has an invalid segment "announ%20ce"',
    ],
    [{ announce_routes: ['/x', '/:a/:a'] }, 'announce_routes[1]: /:a/:a names "a" twice'],
    [{ announce_routes: ['/*a/b'] }, 'announce_routes[0]: "/*a/b" goes on after "*a"'],
    [{ announce_routes: ['/a?b'] }, 'announce_routes[0]: "/a?b" has an invalid segment "a?b"'],
    [{ announce_routes: ['/:'] }, 'announce_routes[0]: /: has an invalid segment ":"'],
    [
      { announce_routes: ['/a b'] },
      'announce_routes[0]: "/a b" has characters other than A-Z a-z 0-9 _ - . ~ @ +',
    ],
    [{ announce_routes: ['announce'] }, 'announce_routes[0]: announce must begin with /'],
    [{ announce_routes: [''] }, 'announce_routes[0]: "" must begin with /'],
    [{ scrape_routes: ['/:a:b'] }, 'scrape_routes[0]: /:a:b has an invalid segment ":a:b"'],
    [
      { announce_routes: ['/announce/:passkey'], scrape_routes: ['/scrape', '/announce/:x'] },
      `scrape_routes[1]: /announce/:x ${covered}`,
    ],
    [
      { announce_routes: ['/announce/:passkey'], scrape_routes: ['/announce/x/'] },
      `scrape_routes[0]: /announce/x/ ${covered}`,
    ],
    [
      { trusted_proxies: ['::ffff:10.0.0.0/8'] },
      'trusted_proxies[0]: ::ffff:10.0.0.0/8 has a prefix out of range',
    ],
    [
      { trusted_proxies: ['::1', 'fe80::1%eth0/64'] },
      'trusted_proxies[1]: "fe80::1%eth0/64" is no network: expected address or address/bits',
    ],
    [{ trusted_proxies: ['10.0.0.0/33'] }, 'trusted_proxies[0]: 10.0.0.0/33 has a prefix out of range'],
    [
      { trusted_proxies: ['10.0.0/8'] },
      'trusted_proxies[0]: 10.0.0/8 is no network: expected address or address/bits',
    ],
    [
      { trusted_proxies: ['010.0.0.0/8'] },
      'trusted_proxies[0]: 010.0.0.0/8 is no network: expected address or address/bits',
    ],
    [
      { trusted_proxies: ['[::1]'] },
      'trusted_proxies[0]: [::1] is no network: expected address or address/bits',
    ],
    [{ trusted_proxies: [''] }, 'trusted_proxies[0]: "" is no network: expected address or address/bits'],
  ])('%j', (http, problem) => {
    expect(checked(http).problems).toEqual([`chihaya.http.${problem}`])
  })
})

test('any lists of routes are refused by check-config or compile', () => {
  const segment = fc.oneof(
    fc.constantFrom(
      ':a',
      ':b',
      ':passkey',
      '*rest',
      '',
      'announce',
      'scrape',
      '.',
      '..',
      'a.b',
      'a+',
      '~',
      '@',
      '-',
    ),
    fc.string({ maxLength: 3 }),
  )
  const route = fc.array(segment, { maxLength: 3 }).map((segments) => `/${segments.join('/')}`)
  const routes = fc.array(route, { minLength: 1, maxLength: 3 })
  let accepted = 0
  fc.assert(
    fc.property(routes, routes, (announce_routes, scrape_routes) => {
      const { config } = checked({ announce_routes, scrape_routes })
      if (!config) return
      accepted++
      createFetch({} as Tracker, {
        ...config.http!,
        retryInMinutes: 1,
        retryIntervalSeconds: 60,
        observe: undefined,
        reportFault: () => {},
      })
    }),
    { numRuns: 500 },
  )
  expect(accepted).toBeGreaterThan(10)
})
