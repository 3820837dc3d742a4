import { expect, test } from 'vitest'
import { answerAnnounce } from '../../../../src/tracker/core/answer.ts'
import type { AnnouncePlan } from '../../../../src/tracker/core/plan.ts'
import { POLICY } from '../../../support/builders/aRequest.ts'
import { anIpv4, anIpv6, aPeerId, aPlan } from '../../../support/builders/builders.ts'

const NOBODY = new Uint8Array()
const alone = { seeders: 0, leechers: 1, snatches: 0, peers: NOBODY }

function peersFor(plan: Partial<AnnouncePlan>, outcome: Partial<typeof alone> = {}, policy = POLICY) {
  return Buffer.from(answerAnnounce(aPlan(plan), { ...alone, ...outcome }, policy).peers).toString('hex')
}

test('counts, intervals and the address come from the outcome and the plan', () => {
  const plan = aPlan({ intervalSeconds: 1700, minIntervalSeconds: 800, address: anIpv6(7) })
  const peers = Buffer.alloc(44, 1)
  expect(answerAnnounce(plan, { seeders: 3, leechers: 4, snatches: 5, peers }, POLICY)).toEqual({
    seeders: 3,
    leechers: 4,
    snatches: 5,
    intervalSeconds: 1700,
    minIntervalSeconds: 800,
    peers,
    externalIp: anIpv6(7),
    warning: undefined,
  })
})

test('a lone announcer gets itself back, with the addresses it announced', () => {
  const [v4, v6, port] = ['c6336401', '20010db8000000000000000000000001', '1ae1']
  expect(peersFor({})).toBe(`${aPeerId()}${v4}${port}${'00'.repeat(18)}`)
  expect(peersFor({ address: anIpv6() })).toBe(`${aPeerId()}${'00'.repeat(6)}${v6}${port}`)
  expect(peersFor({ otherAddress: anIpv6() })).toBe(`${aPeerId()}${v4}${port}${v6}${port}`)
  expect(peersFor({ address: anIpv6(), otherAddress: anIpv4() })).toBe(`${aPeerId()}${v4}${port}${v6}${port}`)
})

test('a lone seeder gets itself back too', () => {
  expect(peersFor({ leftBytes: 0 }, { seeders: 1, leechers: 0 })).toHaveLength(88)
})

test('who comes back too early is warned and given nobody, not even itself', () => {
  const early = answerAnnounce(aPlan(), { ...alone, isEarly: true }, POLICY)
  expect(early.warning).toBe('announced too early: no peers this time, traffic is counted')
  expect(early.peers).toHaveLength(0)
})

test.each([
  ['when it stops', { event: 'stopped' as const }, {}, POLICY],
  ['when it wants no peers', { numwant: 0 }, {}, POLICY],
  ['when others are there, though none is handed out', {}, { seeders: 1, leechers: 1 }, POLICY],
  ['when the configuration says so', {}, {}, { ...POLICY, returnSelfIfAlone: false }],
])('an announcer does not get itself back %s', (_, plan, outcome, policy) => {
  expect(peersFor(plan, outcome, policy)).toBe('')
})
