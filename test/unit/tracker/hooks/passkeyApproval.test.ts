import { expect, test } from 'vitest'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import type { AnnounceRequest, ScrapeRequest } from '../../../../src/bittorrent/types.ts'
import { planAnnounce } from '../../../../src/tracker/core/plan.ts'
import { passkeyApproval } from '../../../../src/tracker/hooks/passkeyApproval.ts'
import { aRequest, POLICY } from '../../../support/builders/aRequest.ts'

function planned(request: AnnounceRequest) {
  const plan = planAnnounce(request, POLICY)
  passkeyApproval({ hasWhitelist: true, scrapeRequiresPasskey: false }).announce!(request, plan)
  return plan
}

test('a well-formed passkey goes into the plan, to be looked up in the list', () => {
  expect(planned(aRequest({ passkey: 'abc_DEF-123' }))).toMatchObject({
    passkey: 'abc_DEF-123',
    approval: 'whitelist',
  })
})

test('hex comes out in lowercase, anything else keeps its case', () => {
  expect(planned(aRequest({ passkey: 'DEADBEEF00' })).passkey).toBe('deadbeef00')
  expect(planned(aRequest({ passkey: 'DEADBEEF0G' })).passkey).toBe('DEADBEEF0G')
})

test.each([undefined, ''])('no passkey at all (%j) is missing', (passkey) => {
  expect(() => planned(aRequest({ passkey }))).toThrow(new Refusal('missingPasskey'))
})

test.each(['a b', 'ключ', 'a'.repeat(129), 'a/b', '../x', 'a\0'])('%j is invalid', (passkey) => {
  expect(() => planned(aRequest({ passkey }))).toThrow(new Refusal('invalidPasskey'))
})

test('a scrape needs a well-formed passkey only where the configuration says so', () => {
  const scrape = (passkey: string | undefined): ScrapeRequest => ({
    infohashes: [],
    passkey,
    address: aRequest().address,
  })
  const lenient = passkeyApproval({ hasWhitelist: true, scrapeRequiresPasskey: false })
  const strict = passkeyApproval({ hasWhitelist: true, scrapeRequiresPasskey: true })
  expect(() => lenient.scrape!(scrape(undefined))).not.toThrow()
  expect(() => strict.scrape!(scrape('abc'))).not.toThrow()
  expect(() => strict.scrape!(scrape(undefined))).toThrow(new Refusal('missingPasskey'))
  expect(() => strict.scrape!(scrape('a b'))).toThrow(new Refusal('invalidPasskey'))
})

const NOW = 1_800_000_000

/** With credentials that say how old they are: `user@60` is one of a minute ago. */
function opened(passkey: string, fields: { fd?: unknown; pd?: unknown } = {}, maxAgeSeconds = 0) {
  const hook = passkeyApproval({
    hasWhitelist: true,
    scrapeRequiresPasskey: true,
    credentials: {
      open(text) {
        const [user, age] = text.split('@')
        return age === undefined ? undefined : { passkey: user!, issuedSeconds: NOW - Number(age), ...fields }
      },
      maxAgeSeconds,
      nowSeconds: () => NOW,
    },
  })
  const request = aRequest({ passkey })
  const plan = planAnnounce(request, POLICY)
  hook.announce!(request, plan)
  hook.scrape!({ infohashes: [], passkey, address: request.address })
  return plan
}

test('a credential is looked up by the passkey in it, in the form lists have', () => {
  expect(opened('DEADBEEF@0')).toMatchObject({ passkey: 'deadbeef', approval: 'whitelist', siteFields: [] })
})

test.each(['user', 'a b@0', '@0'])('where credentials are wanted, %j is invalid', (passkey) => {
  expect(() => opened(passkey)).toThrow(new Refusal('invalidPasskey'))
})

test('no credential at all is missing', () => {
  expect(() => opened('')).toThrow(new Refusal('missingPasskey'))
})

test('a credential is taken up to its greatest age, and without one at any age', () => {
  expect(opened('user@3600', {}, 3600).passkey).toBe('user')
  expect(() => opened('user@3601', {}, 3600)).toThrow(new Refusal('invalidPasskey'))
  expect(opened('user@999999999').passkey).toBe('user')
  expect(opened('user@-300', {}, 3600).passkey).toBe('user') // the site's clock is ahead
  expect(() => opened('user@-301', {}, 3600)).toThrow(new Refusal('invalidPasskey'))
  expect(opened('user@-301').passkey).toBe('user')
})

test.each([
  ['text', { fd: 'free' }, ['fd', 'free']],
  ['numbers and booleans', { fd: 1, pd: false }, ['fd', '1', 'pd', 'false']],
  ['anything else as JSON', { pd: { until: 5 } }, ['pd', '{"until":5}']],
  ['no ASCII', { fd: '免费' }, ['fd', '免费']],
  ['nothing', { fd: null, pd: '' }, []],
])('what the site put beside it goes into the event: %s', (_, fields, expected) => {
  expect(opened('user@0', fields).siteFields.map(String)).toEqual(expected)
})

test('a field too long for the stream makes the credential invalid', () => {
  expect(opened('user@0', { fd: 'x'.repeat(256) }).siteFields[1]).toHaveLength(256)
  expect(() => opened('user@0', { fd: 'x'.repeat(257) })).toThrow(new Refusal('invalidPasskey'))
})

test('where the site keeps no list, the plan says so', () => {
  const request = aRequest({ passkey: 'abc' })
  const plan = planAnnounce(request, POLICY)
  passkeyApproval({ hasWhitelist: false, scrapeRequiresPasskey: false }).announce!(request, plan)
  expect(plan.approval).toBe('endpoint')
})
