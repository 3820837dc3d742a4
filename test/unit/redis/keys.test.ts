import { expect, test } from 'vitest'
import { anInfohash, keysUnder } from '../../support/builders/builders.ts'

const names = (prefix: string) => {
  const keys = keysUnder(prefix)
  const infohash = anInfohash(10)
  return [
    keys.passkeys,
    keys.accepted('PassKey'),
    keys.rejected('PassKey'),
    keys.traffic,
    keys.seeders(infohash),
    keys.leechers(infohash),
    keys.session(infohash, 'PassKey'),
    keys.snatches,
    keys.swarms,
    keys.stats,
    keys.sweepLease,
    keys.torrents,
  ]
}

const PUBLISHED = [
  'pt:passkeys',
  'pt:passkeys:accepted:PassKey',
  'pt:passkeys:rejected:PassKey',
  'tracker:traffic',
  'swarm:000000000000000000000000000000000000000a:seeders',
  'swarm:000000000000000000000000000000000000000a:leechers',
  'session:000000000000000000000000000000000000000a:PassKey',
  'tracker:snatches',
  'tracker:swarms',
  'tracker:stats',
  'tracker:sweep',
  'pt:torrents',
]

test('keys are named as published', () => {
  expect(names('')).toEqual(PUBLISHED)
})

test('a prefix stands before every key, so that two sites on one Redis share none', () => {
  expect(names('site:')).toEqual(PUBLISHED.map((each) => `site:${each}`))
})
