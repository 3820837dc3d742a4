import { expect, test } from 'vitest'
import { completedWithoutData } from '../../../../../src/site/risk/rules/completedWithoutData.ts'
import { counterResets } from '../../../../../src/site/risk/rules/counterResets.ts'
import { DEFAULT_RISK_SETTINGS } from '../../../../../src/site/risk/thresholds.ts'
import { anInfohash, aPasskey } from '../../../../support/builders/builders.ts'
import { DAY, GIB, MIB } from '../../../../support/builders/riskFeatures.ts'

const { rules } = DEFAULT_RISK_SETTINGS
const [passkey, infohash] = [aPasskey(), anInfohash()]

const resets = (count: number, uploaded: bigint) =>
  counterResets({ passkey, infohash, resets: count, uploaded }, DAY, rules.counterResets)
const completed = (torrents: number, completions = torrents) =>
  completedWithoutData({ passkey, torrents, completions }, DAY, rules.completedWithoutData)

test('counters that begin anew all day while bytes are claimed are found', () => {
  expect(resets(7, 30n * GIB)).toMatchObject({
    rule: 'counter_resets',
    severity: 'low',
    passkey,
    infohash,
    summary: 'counters began anew 7 times in 24 h while 30.0 GiB were uploaded',
  })
  expect(resets(25, 30n * GIB)?.severity).toBe('medium')
})

test('a client that is restarted a few times a day is believed', () => {
  expect(resets(6, 30n * GIB)).toBeUndefined()
})

test('a client that crashes all the time and moves little is left alone', () => {
  expect(resets(100, 200n * MIB)).toBeUndefined()
})

test('many torrents finished without a byte are found', () => {
  expect(completed(6)).toMatchObject({
    rule: 'completed_without_data',
    severity: 'low',
    infohash: undefined,
    summary: 'completed 6 torrents in 24 h without downloading anything',
    evidence: { torrents: 6, completions: 6, maxTorrents: 5 },
  })
  expect(completed(21)?.severity).toBe('medium')
})

test('a client that repeats completed for one torrent is left alone', () => {
  expect(completed(1, 200)).toBeUndefined()
})

test('a few torrents re-checked over data that is there are left alone', () => {
  expect(completed(5)).toBeUndefined()
})
