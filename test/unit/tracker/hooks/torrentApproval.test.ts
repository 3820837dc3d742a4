import { expect, test } from 'vitest'
import { Refusal } from '../../../../src/bittorrent/failure.ts'
import {
  type TorrentApprovalOptions,
  torrentApproval,
} from '../../../../src/tracker/hooks/torrentApproval.ts'
import { aRequest } from '../../../support/builders/aRequest.ts'
import { anInfohash, aPlan } from '../../../support/builders/builders.ts'

function planned(options: Partial<TorrentApprovalOptions>, infohash = anInfohash()) {
  const plan = aPlan()
  torrentApproval({ whitelist: [], blacklist: [], hasSet: false, ...options }).announce!(
    aRequest({ infohash }),
    plan,
  )
  return plan
}

const refusal = new Refusal('unapprovedTorrent')

test('with a whitelist only its torrents are served', () => {
  expect(() => planned({ whitelist: [anInfohash(1)] }, anInfohash(1))).not.toThrow()
  expect(() => planned({ whitelist: [anInfohash(1)] }, anInfohash(2))).toThrow(refusal)
})

test('with a blacklist all but its torrents are served', () => {
  expect(() => planned({ blacklist: [anInfohash(1)] }, anInfohash(1))).toThrow(refusal)
  expect(() => planned({ blacklist: [anInfohash(1)] }, anInfohash(2))).not.toThrow()
})

test('the site is asked for its set only where it keeps one', () => {
  expect(planned({}).checksTorrent).toBe(false)
  expect(planned({ hasSet: true }).checksTorrent).toBe(true)
  expect(planned({ hasSet: true, blacklist: [anInfohash(2)] }).checksTorrent).toBe(true)
})
