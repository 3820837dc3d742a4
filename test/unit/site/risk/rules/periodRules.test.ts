import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import { completedWithoutDataRule } from '../../../../../src/site/risk/rules/completedWithoutData.ts'
import { counterResetsRule } from '../../../../../src/site/risk/rules/counterResets.ts'
import { anInfohash, aPasskey } from '../../../../support/builders/builders.ts'
import { DAY, GIB, MIB } from '../../../../support/builders/riskFeatures.ts'

const [passkey, infohash] = [aPasskey(), anInfohash()]

const resets = (count: number, uploaded: bigint) =>
  decide(
    counterResetsRule,
    { passkey, infohash, resets: count, uploaded },
    DAY,
    counterResetsRule.settings.parse({}),
  )[0]
const completed = (torrents: number, completions = torrents) =>
  decide(
    completedWithoutDataRule,
    { passkey, torrents, completions },
    DAY,
    completedWithoutDataRule.settings.parse({}),
  )[0]

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
