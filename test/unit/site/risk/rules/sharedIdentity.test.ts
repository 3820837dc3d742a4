import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import { sharedIdentityRule } from '../../../../../src/site/risk/rules/sharedIdentity.ts'
import type { SightingFeatures } from '../../../../../src/site/risk/sightings.ts'
import { anInfohash, aPasskey, aPeerId } from '../../../../support/builders/builders.ts'
import { aSighting, HOUR, SPAN } from '../../../../support/builders/riskFeatures.ts'

const find = (...sightings: Partial<SightingFeatures>[]) =>
  decide(sharedIdentityRule, sightings.map(aSighting), SPAN, sharedIdentityRule.settings.parse({}))
const [ALICE, BOB, CAROL] = [aPasskey(1), aPasskey(2), aPasskey(3)]
const elsewhere = { ip4: '203.0.113.9', port: 50_001 }

test('one peer id under two passkeys names both', () => {
  const findings = find({ passkey: ALICE }, { passkey: BOB, ...elsewhere })
  expect(findings.map(({ passkey }) => passkey).sort()).toEqual([ALICE, BOB])
  expect(findings[0]).toMatchObject({
    severity: 'high',
    summary: 'shares its peer id with one other passkey at the same time',
    evidence: { peer_id: aPeerId(), passkeys: 2, otherPasskeys: [BOB] },
  })
})

test('one address and port under three passkeys names all three, one finding each', () => {
  const findings = find(
    { passkey: ALICE, peerId: aPeerId(1) },
    { passkey: BOB, peerId: aPeerId(2) },
    { passkey: CAROL, peerId: aPeerId(3) },
  )
  expect(findings).toHaveLength(3)
  expect(findings[0]).toMatchObject({
    severity: 'medium',
    evidence: { endpoint: '198.51.100.1:42000', passkeys: 3 },
  })
})

test('an IPv6 endpoint counts like an IPv4 one', () => {
  const ip6 = '2001:db8::9'
  const findings = find(
    { passkey: ALICE, peerId: aPeerId(1), ip4: undefined, ip6 },
    { passkey: BOB, peerId: aPeerId(2), ip4: '203.0.113.9', ip6 },
  )
  expect(findings[0]?.evidence).toMatchObject({ endpoint: '[2001:db8::9]:42000' })
})

test('a user who got a new passkey goes on with the same client', () => {
  const changed = SPAN.fromSeconds
  expect(
    find(
      { passkey: ALICE, lastSeconds: changed },
      { passkey: BOB, firstSeconds: changed + 5, lastSeconds: changed + HOUR },
    ),
  ).toEqual([])
})

test('an address that got a new owner is not shared', () => {
  expect(
    find(
      { passkey: ALICE, peerId: aPeerId(1), lastSeconds: SPAN.fromSeconds },
      { passkey: BOB, peerId: aPeerId(2), firstSeconds: SPAN.fromSeconds },
    ),
  ).toEqual([])
})

test('a household behind one address has a port for each client', () => {
  expect(
    find(
      { passkey: ALICE, peerId: aPeerId(1), port: 50_001 },
      { passkey: BOB, peerId: aPeerId(2), port: 50_002 },
    ),
  ).toEqual([])
})

test("strangers behind a carrier's address who both keep their client's own port do not share it", () => {
  const strangers = Array.from({ length: 30 }, (_, i) => ({
    passkey: aPasskey(i),
    peerId: aPeerId(i),
    port: 51_413,
  }))
  expect(find(...strangers)).toEqual([])
})

test('one user with one client on many torrents shares with nobody', () => {
  expect(find({ infohash: anInfohash(1) }, { infohash: anInfohash(2) })).toEqual([])
})

test('port 0 is no endpoint', () => {
  expect(
    find({ passkey: ALICE, peerId: aPeerId(1), port: 0 }, { passkey: BOB, peerId: aPeerId(2), port: 0 }),
  ).toEqual([])
})
