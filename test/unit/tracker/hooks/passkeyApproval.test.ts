import { expect, test } from 'vitest'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import type { AnnounceRequest, ScrapeRequest } from '../../../../src/bittorrent/types.ts'
import { passkeyApproval } from '../../../../src/tracker/hooks/passkeyApproval.ts'
import { planAnnounce } from '../../../../src/tracker/plan.ts'
import { aRequest, POLICY } from '../aRequest.ts'

function planned(request: AnnounceRequest) {
  const plan = planAnnounce(request, POLICY)
  passkeyApproval({ scrapeRequiresPasskey: false }).announce!(request, plan)
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
  const lenient = passkeyApproval({ scrapeRequiresPasskey: false })
  const strict = passkeyApproval({ scrapeRequiresPasskey: true })
  expect(() => lenient.scrape!(scrape(undefined))).not.toThrow()
  expect(() => strict.scrape!(scrape('abc'))).not.toThrow()
  expect(() => strict.scrape!(scrape(undefined))).toThrow(new Refusal('missingPasskey'))
  expect(() => strict.scrape!(scrape('a b'))).toThrow(new Refusal('invalidPasskey'))
})
