import { expect, test } from 'vitest'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import type { PeerId } from '../../../../src/bittorrent/types.ts'
import { type ClientApprovalOptions, clientApproval } from '../../../../src/tracker/hooks/clientApproval.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { aPlan } from '../../../support/builders/builders.ts'

/** An announce of a client with this peer id, filled up to 20 bytes. */
function announce(options: Partial<ClientApprovalOptions>, peerId: string) {
  const id = Buffer.from(peerId.padEnd(20, 'x'), 'latin1').toString('hex') as PeerId
  clientApproval({ whitelist: [], blacklist: [], ...options }).announce!(aRequest({ peerId: id }), aPlan())
}

const refusal = new Refusal('unapprovedClient')

test('with a whitelist only its clients are served', () => {
  const whitelist = ['TR3000', 'M7-9-2']
  expect(() => announce({ whitelist }, '-TR3000-')).not.toThrow()
  expect(() => announce({ whitelist }, 'M7-9-2--')).not.toThrow()
  expect(() => announce({ whitelist }, '-TR3010-')).toThrow(refusal)
  expect(() => announce({ whitelist }, 'TR3001-')).toThrow(refusal)
})

test('with a blacklist all but its clients are served', () => {
  const blacklist = ['XL0012']
  expect(() => announce({ blacklist }, '-XL0012-')).toThrow(refusal)
  expect(() => announce({ blacklist }, 'XL0012--')).toThrow(refusal)
  expect(() => announce({ blacklist }, '-TR3000-')).not.toThrow()
})

test('a dash in front is no part of a client ID, a later one is', () => {
  expect(() => announce({ whitelist: ['-TR300'] }, '-TR3000-')).toThrow(refusal)
  expect(() => announce({ whitelist: ['-TR300'] }, '--TR3000')).not.toThrow()
})

test('case and bytes above ASCII count', () => {
  expect(() => announce({ whitelist: ['tr3000'] }, '-TR3000-')).toThrow(refusal)
  expect(() => announce({ blacklist: ['é1234'] }, '-\xc3\xa91234-')).toThrow(refusal)
})

test('without lists everybody is served', () => {
  expect(() => announce({}, '-XX0000-')).not.toThrow()
})
