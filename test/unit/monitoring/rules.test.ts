import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { alerts, CONTRACT_METRICS, metricsIn, rules, ruleTests } from '../../support/servers/monitoring.ts'

const guide = readFileSync(new URL('../../../docs/monitoring.md', import.meta.url), 'utf8')
const all = alerts()
const cases = ruleTests()
const recorded = new Map(rules().map(({ record, expr }) => [record, expr]))

/** A rule over a recorded series is one over what that is made of. */
const sourcesOf = (expr: string) =>
  metricsIn(expr.replace(/\bredswarm:[\w:]+/g, (name) => recorded.get(name) ?? name))

test('every rule names metrics of the contract and nothing else of ours', () => {
  for (const { alert, record, expr } of rules()) {
    const unknown = metricsIn(expr).filter((name) => !CONTRACT_METRICS.has(name))
    expect({ rule: alert ?? record, unknown }).toEqual({ rule: alert ?? record, unknown: [] })
    for (const name of expr.match(/\bredswarm:[\w:]+/g) ?? []) expect([...recorded.keys()]).toContain(name)
  }
})

test('no name is given twice', () => {
  const names = all.map(({ alert }) => alert)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

describe.each(all.map((rule) => [rule.alert, rule] as const))('%s', (alert, rule) => {
  test('says how bad it is, what is wrong, and where to read on', () => {
    expect(rule.labels).toMatchObject({ severity: expect.stringMatching(/^(critical|warning)$/) })
    expect(rule.annotations).toEqual({
      summary: expect.stringMatching(/\w/),
      description: expect.stringMatching(/\w.*\.$/),
      runbook: `docs/monitoring.md#${alert.toLowerCase()}`,
    })
    expect(guide).toMatch(new RegExp(`^### ${alert}$`, 'm'))
  })

  test('is tested firing and silent, on its own metrics', () => {
    const checks = cases.flatMap(({ input_series, alert_rule_test }) =>
      alert_rule_test
        .filter(({ alertname }) => alertname === alert)
        .map(({ exp_alerts }) => ({ exp_alerts, series: input_series.map(({ series }) => series) })),
    )
    expect(checks.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true)
    const silent = checks.filter(({ exp_alerts }) => exp_alerts.length === 0)
    expect(silent.length).toBeGreaterThan(0)
    for (const { series } of silent) {
      const given = series.flatMap(metricsIn)
      const isOfProcess = /\bup\{/.test(rule.expr) // Prometheus' own metric
      if (isOfProcess) expect(series.some((name) => name.startsWith('up{'))).toBe(true)
      else expect(sourcesOf(rule.expr).some((name) => given.includes(name))).toBe(true)
    }
  })
})

test('the guide explains no alert that does not exist', () => {
  const explained = [...guide.matchAll(/^### (Redswarm\w+)$/gm)].map(([, name]) => name)
  expect(explained.toSorted()).toEqual(all.map(({ alert }) => alert).toSorted())
})
