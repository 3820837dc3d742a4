import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import { manyNetworksRule, networkOf } from '../../../../../src/site/risk/rules/manyNetworks.ts'
import type { SightingFeatures } from '../../../../../src/site/risk/sightings.ts'
import { anInfohash, aPeerId } from '../../../../support/builders/builders.ts'
import { aSighting, SPAN } from '../../../../support/builders/riskFeatures.ts'

const find = (sessions: readonly Partial<SightingFeatures>[]) =>
  decide(manyNetworksRule, sessions.map(aSighting), SPAN, manyNetworksRule.settings.parse({}))[0]
/** Clients of different people: each with its own peer id. */
const many = (count: number, at: (i: number) => Partial<SightingFeatures>) =>
  Array.from({ length: count }, (_, i) => ({ peerId: aPeerId(i), infohash: anInfohash(i), ...at(i) }))

test('a passkey that five homes use at once is found', () => {
  expect(find(many(5, (i) => ({ ip4: `203.0.${i}.9` })))).toMatchObject({
    rule: 'many_networks',
    severity: 'medium',
    infohash: undefined,
    summary: 'in use at 5 places at once, 5 sessions; more than 4',
    evidence: { places: 5, networks: expect.arrayContaining(['203.0.0.0/24', '203.0.4.0/24']) },
  })
})

test('a leaked passkey is a high severity', () => {
  expect(find(many(9, (i) => ({ ip4: `203.0.${i}.9` })))?.severity).toBe('high')
})

test('home, work, phone and a seedbox are four places', () => {
  expect(find(many(4, (i) => ({ ip4: `203.0.${i}.9` })))).toBeUndefined()
})

test('a dual-stack home is one place, also where some torrents speak one family only', () => {
  const home = [
    { ip4: '203.0.113.5', ip6: '2001:db8:1:2::5' },
    { ip4: '203.0.113.5', ip6: undefined },
    { ip4: undefined, ip6: '2001:db8:1:99::7' },
  ]
  const others = many(3, (i) => ({ ip4: `198.51.${i}.9` }))
  expect(
    find([...many(3, (i) => home[i]!), ...others.map((s, i) => ({ ...s, peerId: aPeerId(90 + i) }))]),
  ).toBe(undefined)
})

test('IPv6 privacy addresses of one network are one place', () => {
  expect(find(many(40, (i) => ({ ip4: undefined, ip6: `2001:db8:1:${i.toString(16)}::1` })))).toBeUndefined()
})

test('a carrier that moves the torrents of one client between its networks makes one place', () => {
  expect(find(many(30, (i) => ({ ip4: `100.64.${i}.9`, peerId: aPeerId(1) })))).toBeUndefined()
})

test('a client whose torrents have peer ids of their own is one place behind one carrier network', () => {
  expect(find(many(200, (i) => ({ ip4: `100.64.7.${i}` })))).toBeUndefined()
})

test.each([
  ['198.51.100.77', 24, '198.51.100.0/24'],
  ['198.51.100.77', 20, '198.51.96.0/20'],
  ['2001:db8:12:34::1', 48, '2001:db8:12::/48'],
  ['2001:db8:1234::1', 40, '2001:db8:1200::/40'],
  ['2001:db8::1', 128, '2001:db8:0:0:0:0:0:1/128'],
])('%s with %i bits is %s', (ip, bits, network) => {
  expect(networkOf(ip, bits)).toBe(network)
})

test('what is no address is in no network', () => {
  expect(networkOf('nowhere', 24)).toBeUndefined()
  expect(networkOf(undefined, 24)).toBeUndefined()
})
