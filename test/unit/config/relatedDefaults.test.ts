import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { file, REDIS } from '../../support/builders/configFiles.ts'

const MINUTE = 60

function load(...lines: string[]) {
  const { config, warnings } = loadConfig(file(...lines), REDIS)
  const { announceIntervalSeconds, minAnnounceIntervalSeconds, swarm } = config
  return {
    minutes: [announceIntervalSeconds, minAnnounceIntervalSeconds, swarm.peerLifetimeSeconds].map(
      (seconds) => seconds / MINUTE,
    ),
    warnings: warnings.filter((line) => line.includes('peer_lifetime')),
  }
}
const lifetime = (text: string) => `storage: {config: {peer_lifetime: ${text}}}`

test.each<[string, string[], number[]]>([
  ['nothing', [], [30, 15, 45]],
  ['a shorter interval', ['announce_interval: 10m'], [10, 10, 45]],
  ['a longer interval', ['announce_interval: 60m'], [60, 15, 90]],
  ['the longest interval', ['announce_interval: 24h'], [1440, 15, 2160]],
  ['a short memory of totals', ['storage: {config: {accounting_ttl: 40m}}'], [30, 15, 40]],
  ['all three', ['announce_interval: 20m', 'min_announce_interval: 5m', lifetime('30m')], [20, 5, 30]],
])('with %s in the file the other two fit: interval, least interval, lifetime', (_, lines, minutes) => {
  expect(load(...lines)).toEqual({ minutes, warnings: [] })
})

test.each([
  ['31m', 1],
  ['38m59s', 1],
  ['39m', 0],
])(
  'a lifetime of %s at an interval of 30m gets %i warnings: clients announce a little late',
  (text, count) => {
    const { warnings } = load(lifetime(text))
    expect(warnings).toHaveLength(count)
    for (const line of warnings)
      expect(line).toMatch(
        new RegExp(
          `^chihaya\\.storage\\.config\\.peer_lifetime: ${text} is below 1.3 × announce_interval, 30m`,
        ),
      )
  },
)
