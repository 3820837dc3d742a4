import { expect, test } from 'vitest'
import { SITE_SECTIONS } from '../../../src/cli/loadSiteConfig.ts'
import { effectiveConfig } from '../../../src/config/effective.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { DEFAULT_RISK_SETTINGS } from '../../../src/site/risk/settings.ts'
import { file, problemsOf, REDIS } from '../../support/builders/configFiles.ts'

const risk = (options: string) => file(`risk: {${options}}`)
const loadText = (text: string) => loadConfig(text, REDIS, { sections: SITE_SECTIONS })
const load = (options: string) => loadText(risk(options))

test('without the section the defaults hold, and the library has the same ones', () => {
  expect(loadText(file()).config.risk).toEqual(DEFAULT_RISK_SETTINGS)
})

test('sizes are read with their units, passkeys as the set has them, a lone address as a network', () => {
  const { config } = load(
    'exempt_passkeys: [ABCDEF, Mixed-Case], seedbox_networks: [203.0.113.9, "2001:db8::/32"], ' +
      'impossible_rate: {action: hold, max_rate: 1.5GiB, min_bytes: 4096}',
  )
  expect(config.risk.exemptPasskeys).toEqual(['abcdef', 'Mixed-Case'])
  expect(config.risk.seedboxNetworks).toEqual(['203.0.113.9/32', '2001:db8::/32'])
  expect(config.risk.rules.impossible_rate).toMatchObject({
    action: 'hold',
    maxBytesPerSecond: 1.5 * 1024 ** 3,
    minBytes: 4096,
    minSeconds: 60,
  })
})

test('the effective configuration shows the section, without passkeys, and loads again as it was', () => {
  const options =
    'evaluation_delay: 90m, upload_above_downloads: {slack: 1536MiB, max_ratio: 2}, counter_resets: {min_bytes: 0}'
  const { config } = load(options)
  const text = effectiveConfig(config, SITE_SECTIONS)
  expect(text).toMatch(/slack: 1536MiB/)
  expect(loadText(text).config.risk).toEqual(config.risk)
  expect(effectiveConfig(load('exempt_passkeys: [s3cretpasskey]').config, SITE_SECTIONS)).not.toMatch(
    /s3cret/,
  )
})

test.each<[string, string, RegExp]>([
  [
    'an unknown rule',
    'impossible_speed: {}',
    /risk\.impossible_speed: unknown key; the nearest known key is/,
  ],
  [
    'an unknown key of a rule',
    'many_networks: {max_network: 3}',
    /max_network: unknown key; .* max_networks/,
  ],
  [
    'an unknown action',
    'counter_resets: {action: ban}',
    /action: ban is none of off, shadow, flag, hold, deny/,
  ],
  ['a size that is none', 'impossible_rate: {min_bytes: lots}', /min_bytes: lots is not a size/],
  ['a decimal unit', 'impossible_rate: {max_rate: 10MB}', /max_rate: 10MB is not a size/],
  ['half a byte', 'impossible_rate: {min_bytes: 0.5}', /min_bytes: 0\.5 is not a size/],
  ['a size out of bounds', 'impossible_rate: {max_rate: 1}', /max_rate: 1 is below 1KiB/],
  ['a prefix too long', 'many_networks: {ipv4_prefix: 33}', /ipv4_prefix: 33 is above 32/],
  ['a period beyond what is kept', 'counter_resets: {period: 721h}', /period: 721h is above 720h/],
  ['a network that is none', 'seedbox_networks: [nowhere]', /seedbox_networks\[0\]: nowhere is no network/],
  ['a passkey that is none', 'exempt_passkeys: ["p ss"]', /exempt_passkeys\[0\]: \*\*\* is not a passkey/],
  [
    'an overlap that is never seen',
    'evaluation_delay: 10m',
    /min_overlap: 30m is above evaluation_delay, 10m/,
  ],
  [
    'a deny without a whitelist',
    'impossible_rate: {action: deny}',
    /impossible_rate\.action: deny takes passkeys off the whitelist, so it needs/,
  ],
])('%s is refused with one line', (_, options, line) => {
  const problems = problemsOf(risk(options))
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(line)
})

test('judging before the leechers have announced is a warning', () => {
  const early = 'evaluation_delay: 20m, shared_identity: {min_overlap: 20m}'
  expect(load(early).warnings).toEqual([
    expect.stringMatching(/risk\.evaluation_delay: is below announce_interval/),
  ])
  expect(load('evaluation_delay: 30m').warnings).toEqual([])
})
