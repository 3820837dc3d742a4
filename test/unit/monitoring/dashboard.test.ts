import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { buildDashboard, dashboardText } from '../../../scripts/dashboard/build.ts'
import { INFOHASHES, LEECHERS, REDSWARM, SEEDERS } from '../../../src/contract/metricNames.ts'
import { CONTRACT_METRICS, DASHBOARD_FILE, metricsIn, panelsOf } from '../../support/servers/monitoring.ts'

const panels = panelsOf(JSON.parse(readFileSync(DASHBOARD_FILE, 'utf8')))
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** Every instance tells the same, so their sum means nothing. */
const OF_THE_FLEET = [
  ...[INFOHASHES, SEEDERS, LEECHERS],
  ...[REDSWARM.redisNoEviction, REDSWARM.redisUsedMemory, REDSWARM.redisMaxMemory, REDSWARM.redisEvictedKeys],
  ...[REDSWARM.passkeys, REDSWARM.whitelistMissing],
  ...[REDSWARM.streamEntries, REDSWARM.streamOldestAge, REDSWARM.trafficTrimmed, REDSWARM.deadLetters],
]

test('the file that is checked in is what `npm run dashboard` writes', () => {
  expect(readFileSync(DASHBOARD_FILE, 'utf8')).toBe(dashboardText())
})

test('every metric of the contract is shown, and nothing that is not in it', () => {
  const shown = new Set(queries.flatMap(metricsIn))
  expect([...shown].filter((name) => !CONTRACT_METRICS.has(name))).toEqual([])
  expect([...CONTRACT_METRICS].filter((name) => !shown.has(name))).toEqual([])
})

test.each(OF_THE_FLEET)('%s is never added up over instances', (metric) => {
  const uses = queries.filter((expr) => metricsIn(expr).includes(metric))
  expect(uses.length).toBeGreaterThan(0)
  const takenOnce = new RegExp(`\\b(max|min) by \\([\\w, ]+\\) \\(${metric}\\{[^}]*\\}\\)`, 'g')
  for (const expr of uses) expect(metricsIn(expr.replace(takenOnce, ''))).not.toContain(metric)
})

describe('each panel', () => {
  const shown = panels.filter(({ type }) => type !== 'row')

  test('has a title of its own, says what it shows and in what unit, and asks the chosen data source', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
    for (const panel of shown) {
      expect(panel.description).toMatch(/\w.*\.$/s)
      expect(panel.fieldConfig?.defaults.unit).toMatch(/\w/)
      expect(panel.datasource).toEqual({ type: 'prometheus', uid: '$datasource' })
      expect(panel.targets?.map(({ refId }) => refId)).toEqual(
        ['A', 'B', 'C', 'D'].slice(0, panel.targets!.length),
      )
    }
  })

  test('has a place on the grid that no other takes', () => {
    const taken = new Map<string, string>()
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos
      expect(x + w).toBeLessThanOrEqual(24)
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          expect([title, taken.get(`${column} ${line}`)]).toEqual([title, undefined])
          taken.set(`${column} ${line}`, title)
        }
    }
  })

  test('uses no variable that the dashboard does not define', () => {
    const defined = (buildDashboard().templating?.list ?? []).map((variable) => variable.name)
    const used = queries
      .flatMap((expr) => expr.match(/\$\w+/g) ?? [])
      .filter((name) => !name.startsWith('$__'))
    expect(new Set(used.map((name) => name.slice(1)))).toEqual(
      new Set(defined.filter((name) => name !== 'datasource')),
    )
  })
})
