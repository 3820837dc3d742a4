import { expect, test } from 'vitest'
import { checkLedgerFile } from '../../../src/doctor/checks/ledgerFile.ts'
import { amiss } from '../../support/builders/aFleet.ts'

const MIB = 1024 * 1024
const aFile = { path: '/var/lib/redswarm/ledger.db', modeWarning: undefined }

test.each([
  [2_000, 100_000, []],
  [900, 100_000, ['warning ledger-disk']],
  [900, 2_000, []],
  [60, 100_000, ['error ledger-disk']],
  [60, 500, []],
  [0, 16, ['error ledger-disk']],
])('%i MiB free of %i: %j', (free, total, expected) => {
  const findings = checkLedgerFile({ ...aFile, freeBytes: free * MIB, totalBytes: total * MIB })
  expect(amiss(findings)).toEqual(expected)
})

test('a file that others may read is a finding', () => {
  const findings = checkLedgerFile({
    ...aFile,
    freeBytes: 2_000 * MIB,
    totalBytes: 2_000 * MIB,
    modeWarning: 'x has mode 0644',
  })
  expect(amiss(findings)).toEqual(['warning ledger-mode'])
})

test('without a file of this machine nothing is said', () => {
  expect(checkLedgerFile(undefined)).toEqual([])
})
