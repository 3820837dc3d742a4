import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import {
  type SwarmFeatures,
  uploadWithoutLeechersRule,
} from '../../../../../src/site/risk/rules/uploadWithoutLeechers.ts'
import { aRow, GIB, KIB, MIB, SPAN } from '../../../../support/builders/riskFeatures.ts'

const EMPTY: SwarmFeatures = { maxLeechers: 0, downloadedByOthers: 0n }
const find = (row: Parameters<typeof aRow>[0], swarm: Partial<SwarmFeatures> = {}) =>
  decide(
    uploadWithoutLeechersRule,
    { row: aRow(row), swarm: { ...EMPTY, ...swarm } },
    SPAN,
    uploadWithoutLeechersRule.settings.parse({}),
  )[0]
const faked = { uploaded: 500n * MIB, uploadedNoLeechers: 500n * MIB }

test('an upload that nobody can have taken is found', () => {
  expect(find(faked)).toMatchObject({
    rule: 'upload_without_leechers',
    severity: 'medium',
    summary: 'uploaded 500.0 MiB at 284.4 KiB/s where nobody was downloading',
    evidence: { uploadedNoLeechers: String(500n * MIB) },
  })
})

test('from 1 GiB on it is a high severity', () => {
  expect(find({ uploadedNoLeechers: GIB })?.severity).toBe('high')
})

test('the leecher finished and left before the seeder announced: its own report clears the seeder', () => {
  expect(find(faked, { downloadedByOthers: 1n })).toBeUndefined()
})

test('a leecher that others saw, and that died without a report, clears the seeder', () => {
  expect(find(faked, { maxLeechers: 1 })).toBeUndefined()
})

test('the last pieces to a peer that is gone are too little', () => {
  expect(find({ uploadedNoLeechers: 10n * MIB - 1n, seconds: 60 })).toBeUndefined()
  expect(find({ uploadedNoLeechers: 100n * KIB * 1800n - 1n })).toBeUndefined()
})

test('uploads to a swarm with leechers are not looked at', () => {
  expect(find({ uploaded: 500n * GIB, uploadedNoLeechers: 0n })).toBeUndefined()
})
