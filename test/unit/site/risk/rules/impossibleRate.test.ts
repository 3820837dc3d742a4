import { expect, test } from 'vitest'
import { decide } from '../../../../../src/site/risk/finding.ts'
import { impossibleRateRule } from '../../../../../src/site/risk/rules/impossibleRate.ts'
import { anInfohash, aPasskey } from '../../../../support/builders/builders.ts'
import { aRow, GIB, MIB, SPAN } from '../../../../support/builders/riskFeatures.ts'

const SETTINGS = impossibleRateRule.settings.parse({})
const find = (...rows: Parameters<typeof aRow>[0][]) =>
  decide(impossibleRateRule, rows.map(aRow), SPAN, SETTINGS)

test('600 MiB/s over half an hour is found, with its numbers', () => {
  const [finding, ...rest] = find({ uploaded: 600n * MIB * 1800n, seconds: 1800 })
  expect(rest).toEqual([])
  expect(finding).toMatchObject({
    rule: 'impossible_rate',
    severity: 'medium',
    passkey: aPasskey(),
    infohash: anInfohash(),
    fromSeconds: SPAN.fromSeconds,
    untilSeconds: SPAN.untilSeconds,
    summary: 'uploaded 1.0 TiB in 30 min, 600.0 MiB/s; above 500.0 MiB/s',
    evidence: { uploaded: String(600n * MIB * 1800n), seconds: 1800, bytesPerSecond: Number(600n * MIB) },
  })
})

test('more than twice the bound is a high severity', () => {
  expect(find({ uploaded: 1100n * MIB * 1800n })[0]?.severity).toBe('high')
})

test('a seedbox that fills its 4 Gbit/s is believed', () => {
  expect(find({ uploaded: 480n * MIB * 1800n })).toEqual([])
})

test('an announce right after another one makes no giant rate', () => {
  expect(find({ uploaded: 2n * GIB, seconds: 2 })).toEqual([])
  expect(find({ uploaded: 2n * GIB, seconds: 0 })).toEqual([])
})

test('a short time does not hide what no line can carry in a minute', () => {
  expect(find({ uploaded: 60n * GIB, seconds: 1 })).toHaveLength(1)
})

test('less than min_bytes is never looked at', () => {
  const strict = { ...SETTINGS, minSeconds: 1 }
  expect(decide(impossibleRateRule, [aRow({ uploaded: GIB - 1n, seconds: 1 })], SPAN, strict)).toEqual([])
  expect(decide(impossibleRateRule, [aRow({ uploaded: GIB, seconds: 1 })], SPAN, strict)).toHaveLength(1)
})

test('torrents that are believable alone and not together name the passkey', () => {
  const rows = Array.from({ length: 4 }, (_, i) => ({
    infohash: anInfohash(i),
    uploaded: 200n * MIB * 1800n,
  }))
  const findings = find(...rows)
  expect(findings).toHaveLength(1)
  expect(findings[0]).toMatchObject({ infohash: undefined, evidence: { torrents: 4 } })
  expect(find(...rows.slice(0, 2))).toEqual([])
})
