import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AnnounceRequest, PeerId } from '../../../../src/bittorrent/types.ts'
import { planAnnounce } from '../../../../src/tracker/core/plan.ts'
import { trafficPush } from '../../../../src/tracker/hooks/trafficPush.ts'
import { aRequest, POLICY } from '../../../support/builders/aRequest.ts'

function agentOf(overrides: Partial<AnnounceRequest>) {
  const request = aRequest(overrides)
  const plan = planAnnounce(request, POLICY)
  expect(plan.traffic).toBeUndefined() // nobody else asks for an event
  trafficPush().announce!(request, plan)
  return plan.traffic!.agent
}

const peerId = (text: string) => Buffer.from(text.padEnd(20, '\0'), 'latin1').toString('hex') as PeerId

test('an event is asked for, with the User-Agent as it came', () => {
  expect(agentOf({ userAgent: 'Transmission/4.0.6' })).toBe('Transmission/4.0.6')
})

test('a long User-Agent is cut to 64 bytes', () => {
  expect(agentOf({ userAgent: 'a'.repeat(64) })).toBe('a'.repeat(64))
  expect(agentOf({ userAgent: 'b'.repeat(65) })).toBe('b'.repeat(64))
})

test('without a User-Agent the client code of the peer id stands in', () => {
  expect(agentOf({ userAgent: '', peerId: peerId('-qB5120-abcdefghijkl') })).toBe('-qB5120-')
  expect(agentOf({ userAgent: '', peerId: peerId('\0\xff M7-1\n') })).toBe('M7-1')
})

test('whatever a client calls itself, the agent is at most 64 bytes of printable ASCII', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (userAgent) => {
      const agent = agentOf({ userAgent })
      expect(Buffer.byteLength(agent)).toBeLessThanOrEqual(64)
      expect(agent).toMatch(/^[\x20-\x7e]*$/)
    }),
  )
})

test('the event of a paused client ends with paused, where extra_fields has it', () => {
  const fieldsOf = (isPaused: boolean, hook = trafficPush()) => {
    const request = aRequest({ isPaused })
    const plan = planAnnounce(request, POLICY)
    hook.announce!(request, plan)
    return plan.siteFields.map(String)
  }
  expect(fieldsOf(true)).toEqual(['paused', '1'])
  expect(fieldsOf(false)).toEqual([])
  expect(fieldsOf(true, trafficPush(['up', 'down', 'since']))).toEqual([])
})
